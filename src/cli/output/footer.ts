import { formatBytes, formatCount, formatDuration } from '../../base/index.ts'
import type { OperationSummary } from '../../lakehouse/api.ts'

/** `3 rows · 12 ms · peak 96 MB of 256 MB`. */
export function footerText(rows: number | undefined, summary: OperationSummary): string {
  const parts = rows === undefined ? [] : [countText(rows, 'row')]
  parts.push(formatDuration(summary.elapsedMs), memoryText(summary))
  if (summary.spilledBytes > 0) parts.push(`spilled ${formatBytes(summary.spilledBytes)}`)
  return parts.join(' · ')
}

export function memoryText(summary: OperationSummary): string {
  return `peak ${formatBytes(summary.peakRssBytes)} of ${formatBytes(summary.budgetBytes)}`
}

/** `1 row`, `1,234 rows`. */
export function countText(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}
