import { formatBytes, formatCount, IceboxError } from '../../base/index.ts'
import type { ColumnMapping, SourceDescription } from '../read/description.ts'

/**
 * What the one statement that writes a table holds for each column, on one thread and with the smallest row groups:
 * vectors of 2,048 rows on the way from the reader to the writer, and the parsed text of the checks, which is not counted
 * by the engine (85 kB). Measured with 400 and 1,000 columns: 256 to 300 kB where text is checked, 130 to 160 kB else.
 */
const CHECKED_COLUMN_BYTES = 280_000
const PLAIN_COLUMN_BYTES = 130_000

/** Rejects `memory/refused` where a table has more columns than the engine's memory can write, whatever the rows are. */
export function refuseTooManyColumns(
  format: SourceDescription['format'],
  mapping: readonly ColumnMapping[],
  memoryLimitBytes: number,
): void {
  const isText = format === 'csv' || format === 'json' || format === 'ndjson'
  const neededBytes = mapping.reduce(
    (sum, column) => sum + (isText && column.type.kind !== 'string' ? CHECKED_COLUMN_BYTES : PLAIN_COLUMN_BYTES),
    0,
  )
  if (neededBytes <= memoryLimitBytes) return
  throw new IceboxError('memory/refused', {
    message: `writing ${formatCount(mapping.length)} columns needs about ${formatBytes(neededBytes)}; the engine has ${formatBytes(memoryLimitBytes)}`,
    remedy: `raise performance.memory.max_usage by ${formatBytes(Math.ceil((neededBytes - memoryLimitBytes) * 1.1))} or more, or import fewer columns`,
    context: { columns: mapping.length, neededBytes, memoryLimitBytes },
    retryable: false,
  })
}
