// Dates, times and the like as ISO 8601 text. Pure: numbers in, text out.

const two = (value: number): string => (value < 10 ? `0${value}` : `${value}`)

/** Days of an era, a year and so on: the civil calendar from days since 1970-01-01 (proleptic Gregorian). */
export function dateText(days: number): string {
  if (days === 2_147_483_647) return 'infinity'
  if (days === -2_147_483_647) return '-infinity'
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return `${yearText(year)}-${two(month)}-${two(day)}`
}

/** Four digits, or a sign and six or more outside 0..9999 (ISO 8601's expanded form). */
function yearText(year: number): string {
  if (year >= 0 && year <= 9_999) return String(year).padStart(4, '0')
  return `${year < 0 ? '-' : '+'}${String(Math.abs(year)).padStart(6, '0')}`
}

/** `04:05:06`, with 3, 6 or 9 digits after the point when they are needed. */
export function timeOfDayText(seconds: number, nanos: number): string {
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  if (nanos === 0) return clock
  if (nanos % 1_000_000 === 0) return `${clock}.${String(nanos / 1_000_000).padStart(3, '0')}`
  if (nanos % 1_000 === 0) return `${clock}.${String(nanos / 1_000).padStart(6, '0')}`
  return `${clock}.${String(nanos).padStart(9, '0')}`
}

/** `2024-01-02T03:04:05` of seconds since the epoch and nanoseconds within the second. */
export function timestampText(epochSeconds: number, nanos: number): string {
  const days = Math.floor(epochSeconds / 86_400)
  return `${dateText(days)}T${timeOfDayText(epochSeconds - days * 86_400, nanos)}`
}

/** Microseconds of a day as time. */
export function timeText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000)
  return timeOfDayText(seconds, (micros - seconds * 1_000_000) * 1_000)
}

/** DuckDB's TIMETZ: 40 bits of microseconds over 24 bits of (57,599 - offset in seconds). */
export function timeTzText(bits: bigint): string {
  const offset = 57_599 - Number(bits & 0xff_ffffn)
  const absolute = Math.abs(offset)
  const seconds = absolute % 60
  const zone = `${two(Math.floor(absolute / 3600))}:${two(Math.floor(absolute / 60) % 60)}${seconds === 0 ? '' : `:${two(seconds)}`}`
  return `${timeText(Number(BigInt.asUintN(64, bits) >> 24n))}${offset < 0 ? '-' : '+'}${zone}`
}

/** An unscaled decimal as text with exactly `scale` digits after the point. */
export function decimalText(unscaled: bigint | number, scale: number): string {
  if (scale === 0) return String(unscaled)
  const isNegative = unscaled < 0
  const digits = String(isNegative ? -unscaled : unscaled).padStart(scale + 1, '0')
  return `${isNegative ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** DuckDB's words for an interval: `1 year 2 months 3 days 04:05:06.7`. */
export function intervalText(months: number, days: number, micros: bigint): string {
  const parts: string[] = []
  const add = (count: number, unit: string) => {
    if (count !== 0) parts.push(`${count} ${unit}${Math.abs(count) === 1 ? '' : 's'}`)
  }
  add(Math.trunc(months / 12), 'year')
  add(months % 12, 'month')
  add(days, 'day')
  if (micros !== 0n || parts.length === 0) {
    const absolute = micros < 0n ? -micros : micros
    const seconds = absolute / 1_000_000n
    const clock = `${String(seconds / 3600n).padStart(2, '0')}:${two(Number((seconds / 60n) % 60n))}:${two(Number(seconds % 60n))}`
    const fraction = Number(absolute % 1_000_000n)
    const digits = fraction === 0 ? '' : `.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`
    parts.push(`${micros < 0n ? '-' : ''}${clock}${digits}`)
  }
  return parts.join(' ')
}

/** A UUID of DuckDB's 128-bit integer, whose highest bit is flipped so that it sorts. */
export function uuidText(low: bigint, high: bigint): string {
  const hex = (((BigInt.asUintN(64, high) ^ (1n << 63n)) << 64n) | BigInt.asUintN(64, low))
    .toString(16)
    .padStart(32, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** DuckDB's bit string: the first byte counts the padding bits at the head of the second. */
export function bitText(bytes: Uint8Array): string {
  let text = ''
  for (let at = 1; at < bytes.length; at++) text += (bytes[at] ?? 0).toString(2).padStart(8, '0')
  return text.slice(bytes[0] ?? 0)
}

/** DuckDB's BIGNUM: three bytes of header whose first bit says positive, then big-endian magnitude (inverted if negative). */
export function bignumValue(bytes: Uint8Array): bigint {
  const isPositive = ((bytes[0] ?? 0) & 0x80) !== 0
  const flip = isPositive ? 0 : 0xff
  let value = 0n
  for (let at = 3; at < bytes.length; at++) value = (value << 8n) | BigInt((bytes[at] ?? 0) ^ flip)
  return isPositive ? value : -value
}
