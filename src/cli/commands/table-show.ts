import { formatBytes, formatCount, quotedForShell } from '../../base/index.ts'
import type { TableDescription } from '../../lakehouse/api.ts'
import type { CommandContext } from '../context.ts'
import { countText } from '../output/footer.ts'
import { documentText } from '../output/json-value.ts'
import { smallTable } from '../output/table.ts'
import { visibleText } from '../output/text-width.ts'
import { isoMinute } from './table-list.ts'

/** `icebox table show NS.TABLE` */
export async function tableShow(context: CommandContext, table: string): Promise<void> {
  await using lake = await context.openLake()
  const described = await lake.describeTable(table)
  if (context.globals.json) {
    await context.io.stdout.write(`${documentText(described)}\n`)
    return
  }
  await context.io.stdout.write(describedText(context, described))
  await context.next(`icebox table snapshots ${quotedForShell(table)}`, 'its history')
}

/** Columns first, then the facts about the table. */
export function describedText(context: CommandContext, table: TableDescription): string {
  const columns = [
    { name: 'column', align: 'left' },
    { name: 'type', align: 'left' },
    { name: 'null', align: 'left' },
    { name: 'id', align: 'right' },
    { name: 'comment', align: 'left' },
  ] as const
  const hasDocs = table.columns.some((column) => column.doc !== null)
  const shown = hasDocs ? columns : columns.slice(0, 4)
  const rows = table.columns.map((column) =>
    [column.name, column.type, column.required ? 'not null' : '', String(column.id), column.doc ?? ''].slice(
      0,
      shown.length,
    ),
  )
  const style = context.outStyle
  const facts: [string, string][] = [
    ['rows', table.rows === null ? 'unknown' : formatCount(table.rows)],
    [
      'files',
      `${table.files === null ? 'unknown' : countText(table.files, 'file')}${table.bytes === null ? '' : `, ${formatBytes(table.bytes)}`}`,
    ],
    ['partitioned by', table.partitionedBy === '' ? 'nothing' : table.partitionedBy],
    ['sorted by', table.sortedBy === '' ? 'nothing' : table.sortedBy],
    [
      'snapshot',
      `${table.currentSnapshotId ?? 'none'}${table.changedMs === null ? '' : ` (changed ${isoMinute(table.changedMs)})`}, ${countText(table.snapshots, 'snapshot')} in all`,
    ],
    [
      'refs',
      Object.entries(table.refs)
        .map(([name, id]) => `${name} -> ${id}`)
        .join(', ') || 'none',
    ],
    ['format', `Iceberg v${table.formatVersion ?? '?'}`],
    ['location', table.location],
    ['metadata', table.metadataLocation],
    ['uuid', table.uuid],
    ...Object.entries(table.properties).map(([key, value]): [string, string] => [`  ${key}`, value]),
  ]
  const lines = facts.map(([name, value]) => `${style.dim(visibleText(name).padEnd(15))} ${visibleText(value)}`)
  return `${style.bold(visibleText(table.table))}\n\n${smallTable(shown, rows, context.io.stdout.width, style)}\n${lines.join('\n')}\n`
}
