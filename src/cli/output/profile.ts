import { formatBytes, formatDuration } from '../../base/index.ts'
import type { OperationSummary } from '../../lakehouse/api.ts'

const BLOCKS = '▁▂▃▄▅▆▇█'
const CHART_WIDTH = 60
const MOST_CONSUMERS = 6

/** What `--profile` shows of an operation: memory over its time against the budget, who held it, and what would help. */
export function profileText(summary: OperationSummary): string {
  const { bill, recommendations } = summary
  const { timeline, gc, pressure } = bill
  if (timeline === undefined) return ''
  const lines = [
    `memory over ${formatDuration(summary.elapsedMs)}, each column up to ${formatBytes(bill.budgetBytes)}:`,
    `  ${chart(
      timeline.points.map((point) => point.usedBytes),
      bill.budgetBytes,
    )}`,
    ...bill.consumers
      .filter(({ name, peakBytes }) => !name.includes('/') && peakBytes > 0)
      .slice(0, MOST_CONSUMERS)
      .map(({ name, peakBytes }) => `  ${name}: ${formatBytes(peakBytes)} at most`),
    `  not attributed: ${formatBytes(bill.unattributedBytes)}; spilled: ${formatBytes(bill.spilledBytes)}; purges: ${pressure.purges}; sources paused: ${formatDuration(pressure.sourcePausedMs)}${gc === undefined ? '' : `; garbage collection: ${formatDuration(gc.totalMs)}`}`,
    ...(recommendations ?? []).map(({ what, why, gain }) => `  - ${what}: ${why} (${gain})`),
  ]
  return lines.join('\n')
}

/** The largest of each column's points, as an eighth of the budget. */
export function chart(usedBytes: readonly number[], budgetBytes: number): string {
  const width = Math.min(CHART_WIDTH, usedBytes.length)
  return Array.from({ length: width }, (_, column) => {
    const from = Math.floor((column * usedBytes.length) / width)
    const to = Math.max(from + 1, Math.floor(((column + 1) * usedBytes.length) / width))
    const share = Math.max(...usedBytes.slice(from, to)) / budgetBytes
    return BLOCKS[Math.max(0, Math.min(BLOCKS.length - 1, Math.ceil(share * BLOCKS.length) - 1))] ?? ''
  }).join('')
}
