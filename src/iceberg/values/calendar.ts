/** Days from 1970-01-01 and the proleptic Gregorian calendar, for every day that 32 bits can count. */

export interface CivilDate {
  readonly year: number
  /** 1..12 */
  readonly month: number
  /** 1..31 */
  readonly day: number
}

const DAYS_OF_ERA = 146_097
/** From 0000-03-01, where eras of 400 years start, to 1970-01-01. */
const ERA_OFFSET = 719_468

/** The date of a day; years count from March so that the leap day is the last of its year. */
export function civilFromDays(days: number): CivilDate {
  const shifted = days + ERA_OFFSET
  const era = Math.floor(shifted / DAYS_OF_ERA)
  const dayOfEra = shifted - era * DAYS_OF_ERA
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  return { year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day }
}

export function daysFromCivil(date: CivilDate): number {
  const year = date.month <= 2 ? date.year - 1 : date.year
  const era = Math.floor(year / 400)
  const yearOfEra = year - era * 400
  const marchMonth = date.month > 2 ? date.month - 3 : date.month + 9
  const dayOfYear = Math.floor((153 * marchMonth + 2) / 5) + date.day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * DAYS_OF_ERA + dayOfEra - ERA_OFFSET
}

/** Division that rounds down, for values before 1970. */
export function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by
  return value % by < 0n ? quotient - 1n : quotient
}

const pad = (value: number, width: number) => String(value).padStart(width, '0')

/** `2017-11-16`; years beyond 0..9999 carry a sign, as ISO 8601 has it. */
export function formatDate(days: number): string {
  const { year, month, day } = civilFromDays(days)
  return `${formatYear(year)}-${pad(month, 2)}-${pad(day, 2)}`
}

export function formatYear(year: number): string {
  if (year >= 0 && year <= 9999) return pad(year, 4)
  return `${year < 0 ? '-' : '+'}${pad(Math.abs(year), 4)}`
}

/** `22:31:08`, with `.123456` where there is a fraction; `digits` is 6 for microseconds, 9 for nanoseconds. */
export function formatTime(sinceMidnight: bigint, digits: 6 | 9): string {
  const unit = 10n ** BigInt(digits)
  const seconds = Number(sinceMidnight / unit)
  const fraction = sinceMidnight % unit
  const text = `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}`
  return fraction === 0n ? text : `${text}.${String(fraction).padStart(digits, '0')}`
}

/** `2017-11-16T22:31:08.123456` */
export function formatTimestamp(sinceEpoch: bigint, digits: 6 | 9): string {
  const day = 86_400n * 10n ** BigInt(digits)
  const days = floorDivide(sinceEpoch, day)
  return `${formatDate(Number(days))}T${formatTime(sinceEpoch - days * day, digits)}`
}

const DATE = /^([+-]?\d{4,9})-(\d\d)-(\d\d)$/
const TIME = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?$/

/** Days of an ISO 8601 date, or undefined where there is no such day. */
export function parseDate(text: string): number | undefined {
  const match = DATE.exec(text)
  if (match === null) return undefined
  const date = { year: Number(match[1]), month: Number(match[2]), day: Number(match[3]) }
  const days = daysFromCivil(date)
  const back = civilFromDays(days)
  return back.month === date.month && back.day === date.day && days === (days | 0) ? days : undefined
}

/** Units (10^-digits seconds) from midnight, or undefined; digits beyond the precision must be zero. */
export function parseTime(text: string, digits: 6 | 9): bigint | undefined {
  const match = TIME.exec(text)
  if (match === null) return undefined
  const hours = Number(match[1])
  const minutes = Number(match[2])
  const seconds = Number(match[3] ?? 0)
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined
  const fraction = (match[4] ?? '').padEnd(9, '0')
  if (/[^0]/.test(fraction.slice(digits))) return undefined
  return BigInt(hours * 3600 + minutes * 60 + seconds) * 10n ** BigInt(digits) + BigInt(fraction.slice(0, digits))
}

/** Units from 1970 of `<date>T<time>`, or undefined. */
export function parseTimestamp(text: string, digits: 6 | 9): bigint | undefined {
  const at = text.indexOf('T')
  const days = parseDate(text.slice(0, at))
  const time = parseTime(text.slice(at + 1), digits)
  if (at < 0 || days === undefined || time === undefined) return undefined
  const value = BigInt(days) * 86_400n * 10n ** BigInt(digits) + time
  return BigInt.asIntN(64, value) === value ? value : undefined
}
