import { IceboxError } from '../../base/index.ts'
import { placeOf } from '../text/place.ts'
import type { StatementText } from '../text/statements.ts'
import { nameOf } from '../text/tokenizer.ts'

/** What does here what a function of DuckDB's Iceberg extension does there. */
const INSTEAD: Readonly<Record<string, string>> = {
  iceberg_metadata: 'read the system tables: SELECT * FROM schema.table.files, or …manifests',
  iceberg_snapshots: 'read the system table: SELECT * FROM schema.table.snapshots',
  iceberg_column_stats: 'read the system table: SELECT * FROM schema.table.files',
  iceberg_partition_stats: 'read the system table: SELECT * FROM schema.table.partitions',
  iceberg_table_properties: 'see icebox table show',
  set_iceberg_table_properties: 'use ALTER TABLE … SET TBLPROPERTIES (…)',
  remove_iceberg_table_properties: 'use ALTER TABLE … UNSET TBLPROPERTIES (…)',
}
const OF_ICEBERG = 'tables of the lakehouse are there by their names, others are read with iceberg_scan(…)'
const OF_OTHERS = 'extensions are not loaded: use the functions that are built in'

/** DuckDB's advice for a function of an extension is to install it, which is not done here. */
export function extensionFunction(message: string, statement: StatementText): IceboxError | undefined {
  const match = /Function with name "?(\w+)"? is not in the catalog, but it exists in the (\w+) extension/.exec(message)
  const [, name, extension] = match ?? []
  if (name === undefined || extension === undefined) return undefined
  const { tokens, script, offset } = statement
  const token = tokens.findWord((word) => nameOf(word)?.toLowerCase() === name.toLowerCase())
  const place = token === undefined ? undefined : placeOf(script, offset + token.start)
  const where = place === undefined ? '' : ` (line ${place.line}, column ${place.column})\n${place.marked}`
  return new IceboxError('sql/unsupported', {
    message: `${name} is a function of DuckDB's extension ${extension}, which is not loaded${where}`,
    remedy: INSTEAD[name.toLowerCase()] ?? (extension === 'iceberg' ? OF_ICEBERG : OF_OTHERS),
    context: { function: name, extension, ...(place === undefined ? {} : { line: place.line, column: place.column }) },
  })
}
