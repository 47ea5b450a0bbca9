import { existsSync } from 'node:fs'
import { formatBytes, formatDuration, IceboxError, parseTableName, quotedForShell, tableSql } from '../../base/index.ts'
import type { ImportOptions, ImportSummary } from '../../lakehouse/api.ts'
import type { CommandContext } from '../context.ts'
import { countText, memoryText } from '../output/footer.ts'
import { profileText } from '../output/profile.ts'
import { documentText } from '../output/json-value.ts'
import { progressFor } from '../progress/index.ts'
import { compact } from '../progress/progress-line.ts'
import type { ImportFlags } from '../program/import-flags.ts'
import { importOptions, looksLikeFile } from './import-options.ts'

/** `icebox import NS.TABLE SOURCE...` */
export async function importCommand(
  context: CommandContext,
  table: string,
  sources: readonly string[],
  flags: ImportFlags,
): Promise<void> {
  refuseSwapped(table, sources, context.io.cwd)
  const options = importOptions(table, sources, flags)
  if (sources.includes('-') && context.io.stdin.isTTY === true)
    await context.note('reading standard input; Ctrl-D ends it')
  await using lake = await context.openLake()
  if (flags.dryRun === true) {
    const plan = await lake.planImport({ ...options, signal: context.signal })
    const { planJson, planText } = await import('./import-plan.ts')
    await context.io.stdout.write(context.globals.json ? planJson(plan) : planText(plan))
    await context.next('the same without --dry-run', 'does it')
    return
  }
  const summary = await watched(context, options, (watchedOptions) => lake.import(watchedOptions))
  if (context.globals.json) {
    await context.io.stdout.write(`${documentText(summary)}\n`)
    return
  }
  await context.say(summaryText(summary))
  if (context.globals.profile) await context.note(profileText(summary))
  const { namespace, name } = parseTableName(table)
  const look = `select * from ${tableSql(namespace, name)} limit 10`
  await context.next(`icebox sql ${quotedForShell(look)}`, 'a look at the rows')
}

async function watched(
  context: CommandContext,
  options: ImportOptions,
  run: (options: ImportOptions) => Promise<ImportSummary>,
): Promise<ImportSummary> {
  using bar = await progressFor(context)
  return await run({
    ...options,
    signal: context.signal,
    ...(bar.isIdle ? {} : { onProgress: (progress) => bar.update(progress) }),
  })
}

/** Rows first, then what was decided about the data: people read the first lines. */
export function summaryText(summary: ImportSummary): string {
  const lines: string[] = []
  if (summary.skipped) {
    lines.push(`${summary.table}: this key was imported before; nothing was done`)
  } else {
    const seconds = summary.elapsedMs / 1000
    const rate = seconds >= 1 ? `, ${compact(summary.rows / seconds)} rows/s` : ''
    lines.push(
      `${summary.created ? 'created' : 'imported into'} ${summary.table}: ${countText(summary.rows, 'row')} in ${formatDuration(summary.elapsedMs)}${rate}`,
      `  read ${formatBytes(summary.bytesRead)}, wrote ${formatBytes(summary.bytesWritten)} in ${countText(summary.files, 'file')}${summary.snapshotId === null ? '' : `, snapshot ${summary.snapshotId}`}`,
      `  memory: ${memoryText(summary)}${summary.spilledBytes > 0 ? `, spilled ${formatBytes(summary.spilledBytes)}` : ''}`,
    )
  }
  if (summary.rejectedRows > 0)
    lines.push(
      `  set aside ${countText(summary.rejectedRows, 'bad row')}${summary.rejectsFile === null ? '' : ` in ${summary.rejectsFile}`}`,
    )
  for (const note of summary.notes) lines.push(`  - ${note}`)
  return lines.join('\n')
}

/** `icebox import orders.csv sales.orders`: said at once, with the right order. */
function refuseSwapped(table: string, sources: readonly string[], cwd: string): void {
  const first = sources[0]
  if (
    sources.length !== 1 ||
    first === undefined ||
    !looksLikeFile(table, cwd, existsSync) ||
    looksLikeFile(first, cwd, existsSync)
  )
    return
  throw new IceboxError('usage/invalid', {
    message: `'${table}' is a file where the table's name is expected`,
    remedy: `the table comes first: icebox import ${quotedForShell(first)} ${quotedForShell(table)}`,
    context: { table, source: first },
  })
}
