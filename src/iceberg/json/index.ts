export { NAME_MAPPING_PROPERTY, nameMappingToJson, parseNameMapping } from './name-mapping.ts'
export {
  parsePartitionSpec,
  parseSortOrder,
  partitionFieldsToJson,
  partitionSpecToJson,
  sortOrderToJson,
} from './partition-spec.ts'
export { readTableMetadata } from './read-metadata.ts'
export { parseSchema, parseType, schemaToJson, typeToJson } from './schema.ts'
export { snapshotRefToJson, snapshotToJson } from './snapshot.ts'
export {
  encodeTableMetadata,
  parseTableMetadata,
  printTableMetadata,
  tableMetadataFromJson,
} from './table-metadata.ts'
