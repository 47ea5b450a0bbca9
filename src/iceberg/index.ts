/** The Iceberg format: usable alone, without an engine, a catalog or a server (`icebox-lakehouse/iceberg`). */
export {
  NAME_MAPPING_PROPERTY,
  nameMappingToJson,
  parseNameMapping,
  parsePartitionSpec,
  parseSchema,
  parseSortOrder,
  parseTableMetadata,
  parseType,
  partitionSpecToJson,
  printTableMetadata,
  readTableMetadata,
  schemaToJson,
  sortOrderToJson,
  typeToJson,
} from './json/index.ts'
export {
  applyUpdates,
  type ApplyOptions,
  booleanProperty,
  checkRequirements,
  CREATED_TABLE_PROPERTIES,
  dataFolder,
  integerProperty,
  metadataFolder,
  newTableMetadata,
  type NewTable,
  nextMetadataLocation,
  removedMetadataFiles,
  sameSchema,
  sameSortOrder,
  sameSpec,
  type TableRequirement,
  type TableUpdate,
} from './metadata/index.ts'
export type {
  DataFile,
  FieldSummary,
  FileContent,
  FileFormat,
  FileMetrics,
  ManifestEntry,
  ManifestFile,
} from './spec/manifest.ts'
export {
  isUnpartitioned,
  parseTransform,
  partitionKey,
  partitionType,
  resultType,
  transformToString,
} from './spec/partition.ts'
export {
  allFieldIds,
  assignFreshIds,
  childFields,
  columnName,
  fieldById,
  fieldByPath,
  type FieldPlace,
  fieldPlace,
  type FreshSchema,
  highestFieldId,
} from './spec/schema.ts'
export type { MetadataLogEntry, Snapshot, SnapshotLogEntry, SnapshotOperation, SnapshotRef } from './spec/snapshot.ts'
export { isUnsorted, UNSORTED } from './spec/sort-order.ts'
export type { TableMetadata } from './spec/table-metadata.ts'
export { isPrimitive, parsePrimitiveType, sameType, typeToString } from './spec/type-text.ts'
export type {
  ListType,
  Literal,
  MapType,
  NestedField,
  PartitionField,
  PartitionSpec,
  PartitionTuple,
  PrimitiveType,
  Schema,
  SortField,
  SortOrder,
  StructType,
  Transform,
  Type,
} from './spec/types.ts'
export { type MappedField, mappedField, type NameMapping, nameMappingOf } from './spec/name-mapping.ts'
export type { LoadedTable } from './table.ts'
export { applyTransform, canTransform, murmur3, partitionPath, preservesOrder } from './transforms/index.ts'
export {
  compareLiterals,
  decodeValue,
  encodeValue,
  formatLiteral,
  literalFromJson,
  literalToJson,
} from './values/index.ts'
