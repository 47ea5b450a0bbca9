/** System tables, as `"orders$files"` or `orders.files`. */
export const SYSTEM_TABLES = [
  'snapshots',
  'history',
  'files',
  'manifests',
  'partitions',
  'refs',
  'metadata_log_entries',
] as const
export type SystemTableKind = (typeof SYSTEM_TABLES)[number]
