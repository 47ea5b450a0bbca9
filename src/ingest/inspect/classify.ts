import { formatCount } from '../../base/index.ts'
/** What texts of one column look like. */
export type TextKind =
  | 'integer'
  | 'large-integer'
  | 'code'
  | 'plus'
  | 'real'
  | 'beyond-double'
  | 'no-number'
  | 'boolean'
  | 'date'
  | 'timestamp'
  | 'timestamptz'
  | 'time'
  | 'local-date'
  | 'local-timestamp'
  | 'text'

/** The kinds seen in a sample, with an example of each and what decides between types. */
export interface Evidence {
  values: number
  readonly examples: Map<TextKind, string>
  /** Most digits before and after the point. */
  wholeDigits: number
  fractionDigits: number
  /** The first numbers with so many. */
  longest: string
  finest: string
  /** Most digits of one number, without zeros before the first. */
  digits: number
  /** The first number that is written with an exponent. */
  exponent: string | undefined
  /** The first zero with a minus, and the first number that is closer to zero than to any other double. */
  minusZero: string | undefined
  tiny: string | undefined
  /** Dates like 01/02/2023. */
  largestFirst: number
  largestSecond: number
  separator: string
  yearDigits: number
  clock: string
  isOneLocalForm: boolean
}

export function newEvidence(): Evidence {
  return {
    values: 0,
    examples: new Map(),
    wholeDigits: 0,
    fractionDigits: 0,
    longest: '',
    finest: '',
    digits: 0,
    exponent: undefined,
    minusZero: undefined,
    tiny: undefined,
    largestFirst: 0,
    largestSecond: 0,
    separator: '',
    yearDigits: 0,
    clock: '',
    isOneLocalForm: true,
  }
}

const INTEGER = /^[+-]?\d+$/
const REAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
/** What a double may be beside numbers, as casts read it. */
const NO_NUMBER = /^[+-]?(?:nan|inf|infinity)$/i
const DATE = /^\d{4}([-/])\d{1,2}\1\d{1,2}$/
const TIMESTAMP = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?$/
/** As the engine's cast takes them: with seconds, and no blank before the offset. */
const TIMESTAMPTZ = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-][01]\d(?::?[0-5]\d)?)$/
const TIME = /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?$/
const LOCAL = /^(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?:[ T](\d{1,2}:\d\d(?::\d\d)?)( ?[AaPp][Mm])?)?$/
/** Whole numbers of so many digits are exact in a double. */
const EXACT_DIGITS = 15
/** Iceberg spec, "Primitive Types": of a decimal. */
const MOST_DIGITS = 38
const LARGEST_LONG = 9_223_372_036_854_775_807n
const SMALLEST_LONG = -9_223_372_036_854_775_808n

/** Adds one text to the evidence; NULLs are not given here. */
export function observe(evidence: Evidence, text: string): void {
  evidence.values++
  const kind = kindOf(evidence, text)
  if (!evidence.examples.has(kind)) evidence.examples.set(kind, shown(text))
}

function shown(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

function kindOf(evidence: Evidence, text: string): TextKind {
  if (INTEGER.test(text)) {
    const digits = text.replace(/^[+-]/, '')
    observeDigits(evidence, text, digits, '')
    if (digits.length > 1 && digits.startsWith('0')) return 'code'
    if (text.startsWith('+')) return 'plus'
    if (text === '-0') evidence.minusZero = text
    if (digits.length < 19) return 'integer'
    const value = BigInt(text)
    return value <= LARGEST_LONG && value >= SMALLEST_LONG ? 'integer' : 'large-integer'
  }
  if (REAL.test(text)) {
    const [mantissa = '', exponent] = text.toLowerCase().split('e')
    const [whole = '', fraction = ''] = mantissa.replace(/^[+-]/, '').split('.')
    observeDigits(evidence, text, whole, fraction)
    if (exponent !== undefined) evidence.exponent ??= shown(text)
    if (Number(text) === 0 && /[1-9]/.test(mantissa)) evidence.tiny ??= shown(text)
    return Number.isFinite(Number(text)) ? 'real' : 'beyond-double'
  }
  if (NO_NUMBER.test(text)) return 'no-number'
  if (DATE.test(text)) return isDay(text) ? 'date' : 'text'
  if (TIMESTAMP.test(text)) return 'timestamp'
  if (TIMESTAMPTZ.test(text)) return 'timestamptz'
  if (TIME.test(text)) return 'time'
  if (/^(true|false)$/i.test(text)) return 'boolean'
  const local = LOCAL.exec(text)
  if (local !== null) return observeLocal(evidence, local)
  return 'text'
}

function observeDigits(evidence: Evidence, text: string, whole: string, fraction: string): void {
  if (whole.length > evidence.wholeDigits) {
    evidence.wholeDigits = whole.length
    evidence.longest = shown(text)
  }
  if (fraction.length > evidence.fractionDigits) {
    evidence.fractionDigits = fraction.length
    evidence.finest = shown(text)
  }
  evidence.digits = Math.max(evidence.digits, `${whole}${fraction}`.replace(/^0+/, '').length)
}

/** Whether a date of the calendar is written as year, month and day. */
export function isDay(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.split(/[-/]/).map(Number)
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate()
}

function observeLocal(evidence: Evidence, match: RegExpExecArray): TextKind {
  const [, first = '', separator = '', second = '', year = '', clock, half] = match
  const form =
    clock === undefined
      ? ''
      : `${half === undefined ? '%H' : '%I'}:%M${clock.length > 5 ? ':%S' : ''}${half === undefined ? '' : half.startsWith(' ') ? ' %p' : '%p'}`
  if (
    evidence.separator !== '' &&
    (evidence.separator !== separator || evidence.yearDigits !== year.length || evidence.clock !== form)
  ) {
    evidence.isOneLocalForm = false
  }
  evidence.separator = separator
  evidence.yearDigits = year.length
  evidence.clock = form
  evidence.largestFirst = Math.max(evidence.largestFirst, Number(first))
  evidence.largestSecond = Math.max(evidence.largestSecond, Number(second))
  return clock === undefined ? 'local-date' : 'local-timestamp'
}

/** What a column becomes, and why. */
export interface TextDecision {
  readonly type:
    | 'BOOLEAN'
    | 'BIGINT'
    | 'DOUBLE'
    | 'DATE'
    | 'TIME'
    | 'TIMESTAMP'
    | 'TIMESTAMP WITH TIME ZONE'
    | 'VARCHAR'
    | `DECIMAL(38,${number})`
  readonly why: string
  /** strptime's format of dates that are not ISO 8601. */
  readonly format?: string
  /** Set when the reader of the plan should know: something was decided that could have been otherwise. */
  readonly note?: string
  /** The format is one that the caller gave. */
  readonly isAsked?: boolean
  /** The values read two ways and nothing in the sample settles it. */
  readonly isAmbiguous?: boolean
}

/** The type that holds every value of the sample as it is written. */
export function decide(evidence: Evidence): TextDecision {
  const { examples } = evidence
  const kinds = new Set(examples.keys())
  const only = (...allowed: TextKind[]) => [...kinds].every((kind) => allowed.includes(kind))
  const n = formatCount(evidence.values)
  if (evidence.values === 0) {
    return { type: 'VARCHAR', why: 'no value in the sample', note: 'no value in the sample: kept as text' }
  }
  if (only('integer')) {
    return { type: 'BIGINT', why: `${n} sampled values are whole numbers`, ...noted(minusZeroNote(evidence)) }
  }
  if (only('integer', 'code', 'plus', 'large-integer') && (kinds.has('code') || kinds.has('plus'))) {
    const code = examples.get('code')
    const what = code === undefined ? `'${examples.get('plus')}' begins with '+'` : `'${code}' has leading zeros`
    const note = `${what}, which a number would lose: kept as text`
    return { type: 'VARCHAR', why: note, note }
  }
  if (only('integer', 'large-integer', 'real', 'beyond-double') && kinds.has('beyond-double')) {
    const note = `'${examples.get('beyond-double')}' is larger than any double: kept as text`
    return { type: 'VARCHAR', why: note, note }
  }
  if (only('integer', 'large-integer', 'real') && kinds.has('large-integer')) return largeNumbers(evidence)
  const special = examples.get('no-number')
  if (special !== undefined && kinds.has('integer') && evidence.wholeDigits > EXACT_DIGITS) {
    const note = `'${special}' is in no whole number, and a double does not hold ${evidence.wholeDigits} digits: kept as text`
    return { type: 'VARCHAR', why: note, note }
  }
  // A fraction shows that they are numbers: how a double is written is not kept.
  const isDouble = only('integer', 'real', 'no-number') || (only('integer', 'plus', 'real') && kinds.has('real'))
  if (isDouble && (kinds.has('integer') || kinds.has('real'))) return doubles(evidence)
  if (only('boolean')) return { type: 'BOOLEAN', why: `${n} sampled values are true or false` }
  if (only('date')) return { type: 'DATE', why: `${n} sampled values are dates (ISO 8601)` }
  if (only('date', 'timestamp')) {
    const why = `${n} sampled values are times without a time zone`
    const day = examples.get('date')
    const note =
      day === undefined ? undefined : `'${day}' has no time and becomes midnight; declare string to keep the text`
    return { type: 'TIMESTAMP', why, ...noted(note) }
  }
  if (only('timestamptz'))
    return { type: 'TIMESTAMP WITH TIME ZONE', why: `${n} sampled values are times with an offset` }
  if (only('time')) return { type: 'TIME', why: `${n} sampled values are times of day` }
  if (only('local-date') || only('local-timestamp')) return localDates(evidence)
  const mixed = [...examples].filter(([kind]) => kind !== 'text')
  if (kinds.has('text') && mixed.length === 0) return { type: 'VARCHAR', why: `${n} sampled values are text` }
  const shown = [...examples.values()]
    .slice(0, 2)
    .map((value) => `'${value}'`)
    .join(' and ')
  return {
    type: 'VARCHAR',
    why: `the sample mixes ${[...kinds].join(', ')}`,
    note: `values like ${shown} have no type in common: kept as text`,
  }
}

function noted(note: string | undefined): Pick<TextDecision, 'note'> {
  return note === undefined ? {} : { note }
}

function minusZeroNote({ minusZero }: Evidence): string | undefined {
  return minusZero === undefined ? undefined : `'${minusZero}' becomes 0; declare string to keep the text`
}

function doubles({ examples, digits, tiny, values }: Evidence): TextDecision {
  const special = examples.get('no-number')
  const notes = [
    ...(digits > 17
      ? ['some numbers have more digits than a double holds (about 17) and are rounded; declare decimal to keep them']
      : []),
    ...(tiny === undefined
      ? []
      : [`'${tiny}' is closer to 0 than to any other double and becomes 0; declare string to keep the text`]),
    ...(special === undefined
      ? []
      : [`'${special}' is read as what a double calls so; declare string to keep the text`]),
  ]
  const why = `${formatCount(values)} sampled values are numbers, some with fractions`
  return { type: 'DOUBLE', why, ...(notes.length > 0 && { note: notes.join('; ') }) }
}

function largeNumbers(evidence: Evidence): TextDecision {
  const example = evidence.examples.get('large-integer') ?? ''
  const problem = decimalProblem(evidence, example)
  if (problem !== undefined) {
    const note = `${problem}: kept as text`
    return { type: 'VARCHAR', why: note, note }
  }
  const decimal = `'${example}' does not fit into 64 bits: decimal(38,${evidence.fractionDigits}) keeps every digit`
  const note = [decimal, minusZeroNote(evidence)].filter((some) => some !== undefined).join('; ')
  return { type: `DECIMAL(38,${evidence.fractionDigits})`, why: note, note }
}

/** Why no decimal of 38 digits holds all numbers. */
function decimalProblem(evidence: Evidence, large: string): string | undefined {
  const { wholeDigits, fractionDigits, exponent, longest, finest } = evidence
  if (exponent !== undefined) return `'${large}' does not fit into 64 bits and '${exponent}' is no decimal`
  if (wholeDigits > MOST_DIGITS) return `'${longest}' has more digits than a number of 38 digits holds`
  if (wholeDigits + fractionDigits <= MOST_DIGITS) return undefined
  return longest === finest
    ? `'${longest}' has more digits than a number of 38 digits holds`
    : `'${longest}' and '${finest}' have more digits before and after the point than a number of 38 digits holds`
}

function localDates(evidence: Evidence): TextDecision {
  const { largestFirst, largestSecond, separator, yearDigits, clock } = evidence
  const example = evidence.examples.get(clock === '' ? 'local-date' : 'local-timestamp') ?? ''
  const dayFirst = largestFirst <= 31 && largestSecond <= 12
  const monthFirst = largestFirst <= 12 && largestSecond <= 31
  if (!evidence.isOneLocalForm || (!dayFirst && !monthFirst)) {
    const note = `dates like '${example}' are written in several ways: kept as text`
    return { type: 'VARCHAR', why: note, note }
  }
  const year = yearDigits === 4 ? '%Y' : '%y'
  const form = (first: string, second: string) =>
    `${first}${separator}${second}${separator}${year}${clock === '' ? '' : ` ${clock}`}`
  const type = clock === '' ? 'DATE' : 'TIMESTAMP'
  if (dayFirst && monthFirst) {
    return {
      type,
      why: `'${example}' reads as ${form('%d', '%m')} or ${form('%m', '%d')}`,
      isAmbiguous: true,
      format: form('%d', '%m'),
    }
  }
  const format = dayFirst ? form('%d', '%m') : form('%m', '%d')
  const note = `dates like '${example}' are read as ${format}: a value of ${dayFirst ? largestFirst : largestSecond} in the sample can only be a day`
  return { type, why: note, format, note }
}
