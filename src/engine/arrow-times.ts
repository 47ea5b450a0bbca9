import { IceboxError } from '../base/index.ts'
import type { ArrowData, RowFilter } from './arrow-data.ts'
import { TYPE } from './binding.ts'

/** Units of Arrow's times and timestamps, by number. */
const MILLISECONDS = { name: 'ms', nanos: 1_000_000n }
const MICROSECONDS = { name: 'us', nanos: 1_000n }
const UNITS = [{ name: 's', nanos: 1_000_000_000n }, MILLISECONDS, MICROSECONDS, { name: 'ns', nanos: 1n }] as const

/** What DuckDB's types count, in nanoseconds. */
const ENGINE_NANOS: Readonly<Record<number, bigint>> = {
  [TYPE.TIMESTAMP_S]: 1_000_000_000n,
  [TYPE.TIMESTAMP_MS]: 1_000_000n,
  [TYPE.TIMESTAMP]: 1_000n,
  [TYPE.TIMESTAMP_TZ]: 1_000n,
  [TYPE.TIMESTAMP_NS]: 1n,
  [TYPE.TIME]: 1_000n,
  [TYPE.TIME_NS]: 1n,
}

const MS_PER_DAY = 86_400_000
const LARGEST = 2n ** 63n - 1n

/**
 * Times or timestamps as the engine's type `id` counts them; undefined where Arrow counts the same and the bytes can stay.
 * Rejects (throws) `source/row` for one that falls between two of the engine's, or outside its 64 bits.
 */
export function timesFor(id: number, data: ArrowData, isValid: RowFilter): BigInt64Array | undefined {
  const unit = UNITS[data.type.unit ?? 2] ?? MICROSECONDS
  const to = ENGINE_NANOS[id] ?? 1_000n
  // 32 bits are those of times in seconds and milliseconds (Arrow, Schema.fbs).
  const isNarrow = data.type.bitWidth === 32
  if (unit.nanos === to && !isNarrow) return undefined
  const view = viewOf(data.values)
  return BigInt64Array.from({ length: data.length }, (_, row) => {
    if (!isValid(row)) return 0n
    const value = isNarrow ? BigInt(view.getInt32(row * 4, true)) : view.getBigInt64(row * 8, true)
    const nanos = value * unit.nanos
    const steps = nanos / to
    if (steps * to !== nanos)
      throw lost(value, unit.name, 'has nanoseconds, and the column has microseconds', 'cast it')
    if (steps > LARGEST || steps < -LARGEST)
      throw lost(value, unit.name, 'is past 64 bits in microseconds', 'leave it out')
    return steps
  })
}

/** Arrow's Date64 counts milliseconds of whole days. Rejects (throws) `source/row` for a time of day. */
export function daysFor(data: ArrowData, isValid: RowFilter): Int32Array {
  const view = viewOf(data.values)
  return Int32Array.from({ length: data.length }, (_, row) => {
    if (!isValid(row)) return 0
    const ms = Number(view.getBigInt64(row * 8, true))
    if (ms % MS_PER_DAY !== 0)
      throw lost(BigInt(ms), MILLISECONDS.name, 'is no whole day, as a date is', 'cast the column to a timestamp')
    return ms / MS_PER_DAY
  })
}

function viewOf(values: unknown): DataView {
  if (ArrayBuffer.isView(values)) return new DataView(values.buffer, values.byteOffset, values.byteLength)
  throw new IceboxError('internal/unreachable', { message: 'an Arrow column without values' })
}

function lost(value: bigint, unit: string, why: string, remedy: string): IceboxError {
  const shown = `${value} ${unit}`
  return new IceboxError('source/row', {
    message: `${shown} ${why}`,
    remedy: `${remedy}, where the file is written`,
    context: { value: shown },
  })
}
