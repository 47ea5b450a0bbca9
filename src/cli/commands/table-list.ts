import { formatBytes, formatCount, quotedForShell, tableSql } from '../../base/index.ts'
import type { TableListing } from '../../lakehouse/api.ts'
import type { CommandContext } from '../context.ts'
import { documentText } from '../output/json-value.ts'
import { smallTable } from '../output/table.ts'

/** `icebox table list [PATTERN]` */
export async function tableList(context: CommandContext, pattern: string | undefined): Promise<void> {
  await using lake = await context.openLake()
  const tables = (await lake.tables()).filter((table) => matchesPattern(table.table, pattern))
  if (context.globals.json) {
    await context.io.stdout.write(`${documentText(tables)}\n`)
    return
  }
  const [first] = tables
  if (first === undefined) {
    await context.note(pattern === undefined ? `no tables in ${lake.directory}` : `no table matches ${pattern}`)
    await context.next('icebox import sales.orders orders.csv', 'a file becomes a table')
    return
  }
  await context.io.stdout.write(listText(context, tables))
  // One whose metadata can be read, if there is any.
  const { namespace, name } = tables.find(({ problem }) => problem === null) ?? first
  await context.next(
    `icebox table show ${quotedForShell(tableSql(namespace.split('.'), name))}`,
    'columns and properties',
  )
}

function listText(context: CommandContext, tables: readonly TableListing[]): string {
  const columns = [
    { name: 'table', align: 'left' },
    { name: 'rows', align: 'right' },
    { name: 'files', align: 'right' },
    { name: 'size', align: 'right' },
    { name: 'changed', align: 'left' },
    { name: 'partitioned by', align: 'left' },
  ] as const
  const rows = tables.map((table) =>
    table.problem === null
      ? [
          table.table,
          table.rows === null ? '-' : formatCount(table.rows),
          table.files === null ? '-' : formatCount(table.files),
          table.bytes === null ? '-' : formatBytes(table.bytes),
          table.changedMs === null ? '-' : isoMinute(table.changedMs),
          table.partitionedBy === '' ? '-' : table.partitionedBy,
        ]
      : [table.table, '-', '-', '-', '-', `${table.problem.code}: ${table.problem.message}`],
  )
  return smallTable(columns, rows, context.io.stdout.width, context.outStyle)
}

/** UTC, as every time that Icebox prints; the number where it is no moment. */
export function isoMinute(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString().replace(/:\d\d\.\d{3}Z$/, 'Z')
}

/** A namespace matches all in it; `*` stands for any text, `?` for one character; case does not matter. */
export function matchesPattern(name: string, pattern: string | undefined): boolean {
  if (pattern === undefined) return true
  if (name.toLowerCase().startsWith(`${pattern.toLowerCase()}.`)) return true
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 'i').test(name)
}
