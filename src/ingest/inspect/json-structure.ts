import { formatCount, type Json, parseJson } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import type { JsonDescription, JsonLeaf, JsonShape } from '../read/description.ts'
import { sampledTexts } from '../read/json-select.ts'
import { textOf } from '../sql.ts'

const MAX_STRUCT_FIELDS = 1_000
/** Deeper values are kept as text: no engine reads such a type, and recursion stays within the stack. */
export const MAX_LEVELS = 50
/**
 * Lists in lists deeper than this are kept as text: each is a lambda in the one around it, and DuckDB 1.5.5 plans those in twice
 * the time for each level (8 levels 1 ms, 18 levels 0.6 s, 30 levels for an hour).
 */
export const MAX_LIST_LEVELS = 8
/** Structures that were seen are not merged again; so many are remembered. */
const MOST_REMEMBERED = 100

const KIND = "CASE WHEN structure IS NULL THEN 'broken' WHEN structure[1] = '{' THEN 'object' ELSE 'odd' END"

/** What the first objects of a JSON source look like, all together. */
export interface JsonSample {
  readonly rows: number
  /** Values that are not objects, and lines that are no JSON. */
  readonly odd: number
  readonly broken: number
  readonly averageBytes: number
  readonly longestBytes: number
  /** Undefined where there is no object. */
  readonly shape: JsonShape | undefined
}

/**
 * Reads the first `rows` objects and merges their structures one by one. DuckDB's own `json_group_structure` holds every
 * object until the end: 740 MB for 20,000 objects of 200 fields, where this holds 63 and takes half as long again.
 */
export async function sampleStructure(
  session: EngineSession,
  description: JsonDescription,
  rows: number,
  signal: AbortSignal | undefined,
): Promise<JsonSample> {
  // Of an object without fields json_structure says what it says of null elsewhere. Another JSON function would hold as much again.
  const structure = String.raw`CASE WHEN regexp_full_match(json, '\s*\{\s*\}\s*') THEN '{}' WHEN json_valid(json) THEN CAST(json_structure(json) AS VARCHAR) END`
  const structures = `SELECT ${structure} AS structure, strlen(json) AS size FROM ${sampledTexts(description, rows)}`
  // What is as the object before it does not come here: 4 kB of structure for 200 fields.
  await using stream = await session.stream(
    `SELECT CASE WHEN structure IS DISTINCT FROM lag(structure) OVER () THEN structure END, ${KIND}, size FROM (${structures})`,
    { threads: 1, ...(signal === undefined ? {} : { signal }) },
  )
  const remembered = new Set<string>()
  const counts = { object: 0, odd: 0, broken: 0 }
  let shape: JsonShape | undefined
  let bytes = 0
  let longestBytes = 0
  for await (const batch of stream) {
    const [texts, kinds, sizes] = [batch.column(0), batch.column(1), batch.column(2)]
    for (let at = 0; at < batch.rowCount; at++) {
      const kind = kinds[at]
      if (kind !== 'object' && kind !== 'odd' && kind !== 'broken') continue
      counts[kind]++
      bytes += Number(sizes[at])
      longestBytes = Math.max(longestBytes, Number(sizes[at]))
      const text = textOf(texts[at])
      if (kind !== 'object' || text === '' || remembered.has(text)) continue
      if (remembered.size >= MOST_REMEMBERED) remembered.clear()
      remembered.add(text)
      const found = shapeOf(parseStructure(text))
      shape = shape === undefined ? found : merged(shape, found)
    }
  }
  const seen = counts.object + counts.odd + counts.broken
  return {
    rows: seen,
    odd: counts.odd,
    broken: counts.broken,
    averageBytes: seen === 0 ? 0 : bytes / seen,
    longestBytes,
    shape: shape === undefined ? undefined : bounded(shape),
  }
}

const TOO_DEEP: JsonLeaf = { kind: 'leaf', values: 'mixed', kinds: [] }

/** What `json_structure` prints, with `.` before each key: an object puts keys that are whole numbers before the others. */
function parseStructure(text: string): Json {
  return parseJson(text.replace(STRINGS, (all, inner: string, colon: string) => (colon === '' ? all : `".${inner}":`)))
}

const STRINGS = /"((?:[^"\\]|\\.)*)"(:?)/g

/** The shape of what {@link parseStructure} answers with. */
function shapeOf(structure: Json, depth = 0, lists = 0): JsonShape {
  if (depth > MAX_LEVELS && typeof structure === 'object') return TOO_DEEP
  if (Array.isArray(structure)) {
    if (lists >= MAX_LIST_LEVELS) return TOO_DEEP
    return { kind: 'list', element: shapeOf(structure[0] ?? 'NULL', depth + 1, lists + 1) }
  }
  if (structure !== null && typeof structure === 'object') {
    const fields = Object.entries(structure)
    return {
      kind: 'struct',
      fields: fields.map(([key, below]) => ({ name: key.slice(1), shape: shapeOf(below, depth + 1, lists) })),
    }
  }
  switch (structure) {
    case 'BOOLEAN':
      return { kind: 'leaf', values: 'boolean' }
    case 'UBIGINT':
    case 'BIGINT':
    case 'HUGEINT':
      return { kind: 'leaf', values: 'integer' }
    case 'DOUBLE':
      return { kind: 'leaf', values: 'real' }
    case 'VARCHAR':
      return { kind: 'leaf', values: 'text' }
    case 'NULL':
      return { kind: 'leaf', values: 'none' }
    default:
      return { kind: 'leaf', values: 'mixed' }
  }
}

/** The shape that holds both: fields of either, numbers as reals where one is; different kinds are mixed. */
export function merged(a: JsonShape, b: JsonShape): JsonShape {
  if (a.kind === 'leaf' && a.values === 'none') return b
  if (b.kind === 'leaf' && b.values === 'none') return a
  if (a.kind === 'list' && b.kind === 'list') return { kind: 'list', element: merged(a.element, b.element) }
  if (a.kind === 'struct' && b.kind === 'struct') {
    const fields = new Map(a.fields.map((field) => [field.name, field.shape]))
    for (const { name, shape } of b.fields) {
      const known = fields.get(name)
      fields.set(name, known === undefined ? shape : merged(known, shape))
    }
    return { kind: 'struct', fields: [...fields].map(([name, shape]) => ({ name, shape })) }
  }
  const values = a.kind === 'leaf' && b.kind === 'leaf' ? mergedValues(a.values, b.values) : 'mixed'
  if (values !== 'mixed') return { kind: 'leaf', values }
  const [some, others] = [kindsOf(a), kindsOf(b)]
  return some === undefined || others === undefined
    ? { kind: 'leaf', values }
    : { kind: 'leaf', values, kinds: [...new Set([...some, ...others])] }
}

function kindsOf(shape: JsonShape): readonly string[] | undefined {
  if (shape.kind !== 'leaf') return [shape.kind === 'list' ? 'lists' : 'objects']
  switch (shape.values) {
    case 'mixed':
      return shape.kinds
    case 'none':
      return []
    case 'integer':
    case 'real':
      return ['numbers']
    case 'boolean':
      return ['true and false']
    case 'text':
      return ['text']
    default:
      return shape.values satisfies never
  }
}

function mergedValues(a: JsonLeaf['values'], b: JsonLeaf['values']): JsonLeaf['values'] {
  if (a === b) return a
  const isNumber = (values: JsonLeaf['values']) => values === 'integer' || values === 'real'
  return isNumber(a) && isNumber(b) ? 'real' : 'mixed'
}

const TOO_WIDE: JsonLeaf = {
  kind: 'leaf',
  values: 'mixed',
  kinds: [`objects of more than ${formatCount(MAX_STRUCT_FIELDS)} fields`],
}

/** Objects with more fields than a table can have are maps: kept as text. */
function bounded(shape: JsonShape): JsonShape {
  if (shape.kind === 'list') return { kind: 'list', element: bounded(shape.element) }
  if (shape.kind === 'leaf') return shape
  if (shape.fields.length > MAX_STRUCT_FIELDS) return TOO_WIDE
  return { kind: 'struct', fields: shape.fields.map(({ name, shape: below }) => ({ name, shape: bounded(below) })) }
}
