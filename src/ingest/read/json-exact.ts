import { isPrimitive, type Type } from '../../iceberg/index.ts'
import { quoteIdentifier, quoteText } from '../sql.ts'
import type { ColumnMapping, JsonDescription, JsonShape, JsonStruct, SourceDescription } from './description.ts'
import { childPath } from './json-faults.ts'

/*
 * Every JSON function of DuckDB 1.5.5 reads a number with a fraction or an exponent into a double and prints that: 1.10
 * becomes 1.1, and 0.12345678901234567890 loses its last digits. Where the text of a number counts (decimals, and numbers
 * that are kept as text) rows that may hold such a number are taken apart once more, with all numbers of the line in quotes
 * and behind a mark, so that they pass as the texts that they are. Other rows pay a comparison of a few nanoseconds a column.
 */

/** SQL of the rows `from` with the columns `line`, `s` and `others`, where `s` has the numbers that count as they stand in the line. */
export function exactNumbers(
  shape: JsonStruct,
  mapping: readonly ColumnMapping[],
  from: string,
  others: string,
  structure: (shape: JsonShape) => unknown,
): string {
  const columns = shape.fields.flatMap((field) => {
    const type = mapping.find((column) => column.source === field.name)?.type
    if (type === undefined || !holdsNumberTexts(type, field.shape)) return []
    const isUnlikely = field.shape.kind === 'leaf' && ['text', 'integer', 'none'].includes(field.shape.values)
    if (shape.fields.length > MOST_FIELDS && isUnlikely && type.kind !== 'decimal') return []
    return [{ ...field, type }]
  })
  if (columns.length === 0) return from
  const doubts = columns.map((column) => {
    const value = `s.${quoteIdentifier(column.name)}`
    const doubt = doubtOf(column.type, column.shape, value)
    // A text is what it is, whatever it looks like. A path of DuckDB 1.5.5 cannot name a key that ends in a backslash.
    if (column.name.endsWith('\\')) return doubt
    const path = quoteText(childPath('$', column.name))
    return column.shape.kind === 'leaf' ? `(${doubt} AND json_type(line, ${path}) <> 'VARCHAR')` : doubt
  })
  const tag = `CASE WHEN ${doubts.join(' OR ')} THEN ${markTag('line')} END`
  const wanted = quoteText(JSON.stringify(structure({ kind: 'struct', fields: columns })))
  const marked = `CASE WHEN tag IS NOT NULL THEN json_transform(${markedText('line', 'tag')}, ${wanted}) END`
  const fields = shape.fields.map(({ name }) => {
    const column = columns.find((some) => some.name === name)
    const quoted = quoteIdentifier(name)
    const value = column === undefined ? `s.${quoted}` : unmarked(column.type, column.shape, `m.${quoted}`, 0)
    return `${quoted} := ${value}`
  })
  const tagged = `(SELECT line, s${others}, ${tag} AS tag FROM ${from})`
  const both = `(SELECT line, s${others}, tag, ${marked} AS m FROM ${tagged})`
  return `(SELECT line, CASE WHEN m IS NULL THEN s ELSE struct_pack(${fields.join(', ')}) END AS s${others} FROM ${both})`
}

/**
 * Of wider objects only columns that are likely to hold such numbers are looked after: decimals, and those that are nested
 * or mixed in the sample. Each column of these SELECTs takes 250 kB, of 200 all that the engine has at 256MB.
 */
const MOST_FIELDS = 64

/** The same of a sample, of which nothing is decided yet: numbers with fractions as they stand, to be looked at. */
export function exactSample(shape: JsonStruct, from: string, structure: (shape: JsonShape) => unknown): string {
  if (shape.fields.length > MOST_FIELDS) return from
  const mapping = shape.fields.map(
    (field): ColumnMapping => ({ ...field, source: field.name, type: realsAsDecimals(field.shape), isDeclared: false }),
  )
  return exactNumbers(shape, mapping, from, '', structure)
}

function realsAsDecimals(shape: JsonShape): Type {
  switch (shape.kind) {
    case 'struct': {
      const fields = shape.fields.map(({ name, shape: below }) => ({
        id: 0,
        name,
        type: realsAsDecimals(below),
        required: false,
      }))
      return { kind: 'struct', fields }
    }
    case 'list':
      return { kind: 'list', elementId: 0, element: realsAsDecimals(shape.element), elementRequired: false }
    case 'leaf':
      return shape.values === 'real' ? { kind: 'decimal', precision: 38, scale: 0 } : { kind: 'boolean' }
    default:
      return shape satisfies never
  }
}

/** What is to be kept as text, or has a type without parts, is the JSON text that it is: it is not taken apart. */
export function fittedSource<Source extends SourceDescription>(
  description: Source,
  mapping: readonly ColumnMapping[],
): Source {
  if (description.format !== 'json' && description.format !== 'ndjson') return description
  const json: JsonDescription = description
  const fields = json.shape.fields.map(({ name, shape }) => {
    const type = mapping.find((column) => column.source === name)?.type
    return { name, shape: type === undefined ? shape : fittedShape(shape, type) }
  })
  return { ...description, shape: { kind: 'struct', fields } }
}

function fittedShape(shape: JsonShape, type: Type): JsonShape {
  if (shape.kind === 'leaf') return shape
  if (isPrimitive(type) || type.kind === 'map') return { kind: 'leaf', values: 'mixed' }
  if (shape.kind === 'list' && type.kind === 'list')
    return { kind: 'list', element: fittedShape(shape.element, type.element) }
  if (shape.kind === 'struct' && type.kind === 'struct') {
    const fields = shape.fields.map((field) => {
      const below = fieldType(type, field.name)
      return below === undefined ? field : { name: field.name, shape: fittedShape(field.shape, below) }
    })
    return { kind: 'struct', fields }
  }
  return shape
}

function fieldType(type: Type & { kind: 'struct' }, name: string): Type | undefined {
  return type.fields.find((field) => field.name.toLowerCase() === name.toLowerCase())?.type
}

/** Types and shapes of what is below a value, in pairs. */
function partsOf(type: Type, shape: JsonShape): { name: string; type: Type; shape: JsonShape }[] {
  if (shape.kind !== 'struct' || type.kind !== 'struct') return []
  return shape.fields.flatMap(({ name, shape: below }) => {
    const field = fieldType(type, name)
    return field === undefined ? [] : [{ name, type: field, shape: below }]
  })
}

function isText(shape: JsonShape): boolean {
  return shape.kind === 'leaf' || (shape.kind === 'struct' && shape.fields.length === 0)
}

/** Numbers that a double may not hold. */
const EXACT_NUMBERS: readonly Type['kind'][] = ['decimal', 'long', 'int']
/** What is the text of a number itself. */
const TEXTS: readonly Type['kind'][] = ['string', 'binary']

/** Whether a value is of these types or has such below it: by default those where the text of a number counts. */
function holdsNumberTexts(
  type: Type,
  shape: JsonShape,
  kinds: readonly Type['kind'][] = [...TEXTS, ...EXACT_NUMBERS],
): boolean {
  // What becomes a map comes as its text.
  if (isText(shape)) return kinds.includes(type.kind === 'map' ? 'string' : type.kind)
  if (shape.kind === 'list' && type.kind === 'list') return holdsNumberTexts(type.element, shape.element, kinds)
  return partsOf(type, shape).some((part) => holdsNumberTexts(part.type, part.shape, kinds))
}

/** A number outside of quotes that is printed otherwise than it stands. */
const UNQUOTED_REAL = String.raw`[:,\[\s]-?[0-9]+[.eE]|[:,\[\s]-0`
/** What doubles look like when they are printed. */
const PRINTED_DOUBLE = '-?[0-9]+([.][0-9]+(e[-+]?[0-9]+)?|e[-+]?[0-9]+)|0'
/** Numbers of up to 15 digits are what a double prints; these may have more, or be closer to 0 than to any other double. */
const MANY_DIGITS = '[.][0-9]{9}|[0-9]{8}[.]|[0-9]{16}[eE]|[eE]-[0-9]{3}'

/** SQL of whether a value may hold a number that was printed otherwise than it stands in `line`. */
function doubtOf(type: Type, shape: JsonShape, value: string): string {
  if (isText(shape)) return `(${doubtOfText(type, value)} AND ${lineHolds(patternOf(type))})`
  if (shape.kind === 'list' && type.kind === 'list') {
    const pattern = holdsNumberTexts(type.element, shape.element, TEXTS)
      ? `${MANY_DIGITS}|${UNQUOTED_REAL}`
      : MANY_DIGITS
    return `(${lineHolds(pattern)} AND ${doubtBelow(type, shape, value, 0)})`
  }
  return anyPart(type, shape, (part) => doubtOf(part.type, part.shape, `${value}.${quoteIdentifier(part.name)}`))
}

/**
 * The same of what is below a list, where the line was looked at: inside a lambda it would be for each element, one after the
 * other (10,000 of a line of 1 MB took minutes).
 */
function doubtBelow(type: Type, shape: JsonShape, value: string, depth: number): string {
  if (isText(shape)) return doubtOfText(type, value)
  if (shape.kind === 'list' && type.kind === 'list') {
    const item = `d${depth}`
    return `(len(list_filter(${value}, lambda ${item}: ${doubtBelow(type.element, shape.element, item, depth + 1)})) > 0)`
  }
  return anyPart(type, shape, (part) =>
    doubtBelow(part.type, part.shape, `${value}.${quoteIdentifier(part.name)}`, depth),
  )
}

function anyPart(type: Type, shape: JsonShape, doubt: (part: ReturnType<typeof partsOf>[number]) => string): string {
  const parts = partsOf(type, shape).filter((part) => holdsNumberTexts(part.type, part.shape))
  return `(${parts.map(doubt).join(' OR ')})`
}

/** Whether the text of a value looks like a double that was printed. */
function doubtOfText(type: Type, value: string): string {
  if (type.kind === 'decimal') return `(contains(${value}, '.') OR contains(${value}, 'e'))`
  // A double that passes for a whole number.
  if (EXACT_NUMBERS.includes(type.kind)) return `ends_with(${value}, '.0')`
  // The first character tells, nearly always.
  const hasSign = `(contains(${value}, '.') OR contains(${value}, 'e') OR ${value} = '0')`
  const isNumber = `(${value} >= '-' AND ${value} < ':' AND ${hasSign} AND regexp_full_match(${value}, ${quoteText(PRINTED_DOUBLE)}))`
  const hasParts = `(${value} >= '[' AND ${value} < '\\') OR (${value} >= '{' AND ${value} < '|')`
  return `(${isNumber} OR ${hasParts})`
}

/** What a line holds where such a number may be printed otherwise than it stands. */
function patternOf(type: Type): string {
  return EXACT_NUMBERS.includes(type.kind) ? MANY_DIGITS : UNQUOTED_REAL
}

function lineHolds(pattern: string): string {
  return `regexp_matches(line, ${quoteText(pattern)})`
}

/**
 * Stands before a number in quotes. A string of the file may hold it too, but only as this escape; then it is followed by the
 * hash of the line, which the line cannot hold.
 */
const ESCAPED_MARK = String.raw`'\u0001'`
/** What is no number, strings as a whole, and the number after it; each match begins where the one before it ended. */
const NUMBERS = String.raw`((?:[^"0-9-]|"(?:[^"\\]|\\.)*")*)(-?[0-9][-+.0-9eE]*|$)`

/** SQL of what stands behind the mark in a text: nothing, where the text has no such escape itself. */
export function markTag(text: string): string {
  return `CASE WHEN contains(${text}, ${ESCAPED_MARK}) THEN md5(${text}) ELSE '' END`
}

/** SQL of a JSON text with its numbers as marked strings. The end of the text counts as a number, which is cut off. */
export function markedText(text: string, tag: string): string {
  const all = String.raw`regexp_replace(${text}, ${quoteText(NUMBERS)}, '\1"\\u0001' || ${tag} || '\2"', 'gs')`
  return `left(${all}, -8 - strlen(${tag}))`
}

/** The text of a value in which numbers are marked. */
function unmarked(type: Type, shape: JsonShape, value: string, depth: number): string {
  if (shape.kind === 'list') {
    if (type.kind !== 'list') return value
    const item = `u${depth}`
    return `list_transform(${value}, lambda ${item}: ${unmarked(type.element, shape.element, item, depth + 1)})`
  }
  if (shape.kind === 'leaf' || shape.fields.length === 0) return unmarkedText(type, value)
  const fields = shape.fields.map(({ name, shape: below }) => {
    const quoted = quoteIdentifier(name)
    const field = type.kind === 'struct' ? fieldType(type, name) : undefined
    return `${quoted} := ${unmarked(field ?? { kind: 'string' }, below, `${value}.${quoted}`, depth)}`
  })
  return `CASE WHEN ${value} IS NOT NULL THEN struct_pack(${fields.join(', ')}) END`
}

export function unmarkedText(type: Type, value: string, tag = 'tag'): string {
  const number = `substr(${value}, 2 + strlen(${tag}))`
  const inText = (mark: string) => String.raw`regexp_replace(${value}, ${mark}, '\1', 'g')`
  const plain = inText(String.raw`'"\\u0001([-+.0-9eE]+)"'`)
  const tagged = inText(String.raw`'"\\u0001' || ${tag} || '([-+.0-9eE]+)"'`)
  return `CASE WHEN starts_with(${value}, chr(1) || ${tag}) THEN ${asTypeTakes(type, number)} WHEN ${tag} = '' THEN ${plain} ELSE ${tagged} END`
}

/** Checked casts take no exponents: they get what a double prints, as everywhere else, unless that would be less. */
function asTypeTakes(type: Type, number: string): string {
  if (TEXTS.includes(type.kind)) return number
  const printed = `json_extract_string(${number}, '$')`
  if (!EXACT_NUMBERS.includes(type.kind)) return printed
  return `CASE WHEN regexp_matches(${number}, ${quoteText(MANY_DIGITS)}) THEN ${number} ELSE ${printed} END`
}
