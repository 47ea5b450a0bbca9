export {
  NAME_MAPPING_PROPERTY,
  nameMappingToJson,
  parseNameMapping,
  parsePartitionSpec,
  parseSchema,
  parseSortOrder,
  parseTableMetadata,
  parseType,
  partitionFieldsToJson,
  partitionSpecToJson,
  printTableMetadata,
  readTableMetadata,
  schemaToJson,
  snapshotToJson,
  sortOrderToJson,
  tableMetadataFromJson,
  typeToJson,
} from './json/index.ts'
export type {
  DataFile,
  FieldSummary,
  FileContent,
  FileFormat,
  FileMetrics,
  ManifestEntry,
  ManifestFile,
} from './spec/manifest.ts'
export { type MappedField, mappedField, type NameMapping, nameMappingOf } from './spec/name-mapping.ts'
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
  type FieldPlace,
  type FreshSchema,
  fieldById,
  fieldByPath,
  fieldPlace,
  highestFieldId,
} from './spec/schema.ts'
export type {
  MetadataLogEntry,
  Snapshot,
  SnapshotLogEntry,
  SnapshotOperation,
  SnapshotRef,
} from './spec/snapshot.ts'
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
export type { LoadedTable } from './table.ts'
export {
  applyTransform,
  canTransform,
  formatPartitionValue,
  hashValue,
  murmur3,
  partitionPath,
  preservesOrder,
} from './transforms/index.ts'
export {
  civilFromDays,
  compareLiterals,
  DEFAULT_BOUND_LENGTH,
  daysFromCivil,
  decodeValue,
  encodeValue,
  formatDate,
  formatDecimal,
  formatLiteral,
  formatTimestamp,
  formatUuid,
  fromHex,
  literalFromJson,
  literalToJson,
  parseDate,
  parseDecimal,
  parseTime,
  parseTimestamp,
  parseUuid,
  toHex,
  truncateLowerBound,
  truncateUpperBound,
} from './values/index.ts'
