import { parseTableName, quotedForShell, tableSql } from '../../base/index.ts'
import type { CommandContext } from '../context.ts'
import { type Presentation, presentStatement } from '../present.ts'
import { parseMaxRows, presentation } from './sql-options.ts'

/** What people want to see of each system table; `--json` gives all of its columns. */
const SHOWN: Readonly<Record<string, string>> = {
  snapshots: `committed_at, snapshot_id, parent_id, operation,
    try_cast(summary['added-records'] as bigint) as added_rows, try_cast(summary['deleted-records'] as bigint) as deleted_rows,
    try_cast(summary['total-records'] as bigint) as total_rows, try_cast(summary['total-data-files'] as bigint) as files`,
  files: 'content, partition, record_count as "rows", file_size_in_bytes as bytes, file_path',
  manifests: `content, added_snapshot_id, coalesce(added_files_count, 0) as added, coalesce(existing_files_count, 0) as existing,
    coalesce(deleted_files_count, 0) as deleted, length as bytes, path`,
  partitions:
    'partition, record_count as "rows", file_count as files, total_data_file_size_in_bytes as bytes, delete_file_count as delete_files',
  refs: 'name, lower(type) as type, snapshot_id',
}

/** Where to look after each. */
const NEXT: Readonly<Record<string, (table: string) => readonly [command: string, why: string]>> = {
  snapshots: (table) => [
    `icebox sql ${quotedForShell(`select count(*) from ${tableInSql(table)} at (version => SNAPSHOT_ID)`)}`,
    'the table as it was',
  ],
  files: (table) => [`icebox table partitions ${quotedForShell(table)}`, 'the same by partition'],
  manifests: (table) => [`icebox table files ${quotedForShell(table)}`, 'what they list'],
  partitions: (table) => [`icebox table files ${quotedForShell(table)}`, 'the files themselves'],
  refs: (table) => [`icebox table snapshots ${quotedForShell(table)}`, 'what they point at'],
}

/** `icebox table snapshots|files|manifests|partitions|refs NS.TABLE`: a system table, streamed. */
export async function tableView(
  context: CommandContext,
  table: string,
  view: string,
  maxRowsText: string | undefined,
): Promise<void> {
  const maxRows = parseMaxRows(maxRowsText)
  const json: Presentation = { ...presentation(context, 'json', maxRows), footer: false }
  const how = context.globals.json ? json : { ...presentation(context, 'table', maxRows), footer: false }
  await using lake = await context.openLake()
  // Asked first, so that a missing table is named and not our SQL.
  await lake.describeTable(table)
  const sql = `select ${context.globals.json ? '*' : (SHOWN[view] ?? '*')} from ${tableInSql(table, `$${view}`)}`
  for await (const result of lake.run(sql, [], { signal: context.signal })) await presentStatement(context, result, how)
  const next = NEXT[view]?.(table)
  if (next !== undefined) await context.next(...next)
}

/** The name of a command line in SQL; `suffix` is that of a system table. Rejects `name/invalid`. */
function tableInSql(table: string, suffix = ''): string {
  const { namespace, name } = parseTableName(table)
  return tableSql(namespace, `${name}${suffix}`)
}
