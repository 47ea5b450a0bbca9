import { isIceboxError } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import type { JsonLeaf, JsonShape, JsonStruct } from '../read/description.ts'
import { quoteIdentifier, textOf } from '../sql.ts'
import { decide, newEvidence, observe, type TextDecision } from './classify.ts'

/** A number inside of objects and lists. */
export interface NumberLeaf {
  readonly leaf: JsonLeaf
  /** SQL of the texts of a row in a list, from the struct `s`. */
  readonly texts: string
}

/** The numbers below columns; those of columns themselves are looked at as columns are. */
export function numberLeaves(shape: JsonStruct): NumberLeaf[] {
  return shape.fields.flatMap(({ name, shape: below }) =>
    below.kind === 'leaf' ? [] : numbersBelow(below, `s.${quoteIdentifier(name)}`, 0),
  )
}

/** `texts` of those outside of lists is a list of one. */
function numbersBelow(shape: JsonShape, source: string, depth: number): NumberLeaf[] {
  switch (shape.kind) {
    case 'leaf':
      return shape.values === 'integer' || shape.values === 'real' ? [{ leaf: shape, texts: `[${source}]` }] : []
    case 'struct':
      return shape.fields.flatMap((field) =>
        numbersBelow(field.shape, `${source}.${quoteIdentifier(field.name)}`, depth),
      )
    case 'list': {
      const item = `x${depth}`
      return numbersBelow(shape.element, item, depth + 1).map(({ leaf, texts }) => ({
        leaf,
        texts: `flatten(list_transform(${source}, lambda ${item}: ${texts}))`,
      }))
    }
    default:
      return shape satisfies never
  }
}

/** Of the sample: a value takes some 100 bytes while it is looked at, beside what its row takes. */
export const LOOKED_AT_BYTES = 4_000_000
/**
 * Each takes vectors of its own in every step of the statement: 200 took 340 MB of 256. Of more none is decided: what JSON
 * says of them holds.
 */
const MOST_LEAVES = 32

/**
 * What each number becomes, by all values of the rows, as a column of its own would. One statement with one check for
 * all of them gives a few values of each: those with most digits, with an exponent, and beyond 64 bits. Where memory does
 * not suffice nothing is decided; each row is looked at later in any case.
 */
export async function decideNumbers(
  session: EngineSession,
  leaves: readonly NumberLeaf[],
  rows: string,
  signal: AbortSignal | undefined,
): Promise<Map<JsonLeaf, TextDecision>> {
  const decided = new Map<JsonLeaf, TextDecision>()
  if (leaves.length === 0 || leaves.length > MOST_LEAVES) return decided
  const lists = `SELECT unnest(range(${leaves.length})) AS place, unnest([${leaves.map(({ texts }) => texts).join(', ')}]) AS texts FROM ${rows}`
  const values = `SELECT place, unnest(texts) AS t FROM (${lists})`
  const parts = `SELECT place, t, contains(lower(t), 'e') AS has_exponent, strlen(regexp_extract(t, '^-?([0-9]+)', 1)) AS whole, strlen(regexp_extract(t, '[.]([0-9]+)', 1)) AS fraction FROM (${values}) WHERE t IS NOT NULL`
  const found = await session
    .all(
      `SELECT place, ${EXAMPLES.join(', ')} FROM (${parts}) GROUP BY place`,
      signal === undefined ? { threads: 1 } : { threads: 1, signal },
    )
    .catch((error: unknown) => {
      if (isIceboxError(error, 'memory/exhausted')) return []
      throw error
    })
  for (const row of found) {
    const leaf = leaves[Number(row['place'])]?.leaf
    if (leaf === undefined) continue
    const evidence = newEvidence()
    for (let at = 0; at < EXAMPLES.length; at++) if (row[`e${at}`] !== null) observe(evidence, textOf(row[`e${at}`]))
    decided.set(leaf, decide(evidence))
  }
  return decided
}

/** Numbers of which the rest say nothing more. Texts of numbers are short; one of a thousand digits is told by its beginning. */
const EXAMPLES = [
  'arg_max(t, whole + fraction)',
  'arg_max(t, whole)',
  'arg_max(t, fraction)',
  'any_value(t) FILTER (WHERE has_exponent)',
  'any_value(t) FILTER (WHERE fraction = 0 AND NOT has_exponent AND whole >= 19 AND TRY_CAST(t AS BIGINT) IS NULL)',
].map((figure, at) => `${figure} AS e${at}`)

/** Notes of what is inside a column, each with its place. */
export function notesBelow(shape: JsonShape, place: string, decided: ReadonlyMap<JsonLeaf, TextDecision>): string[] {
  switch (shape.kind) {
    case 'list':
      return notesBelow(shape.element, `${place}[]`, decided)
    case 'struct':
      return shape.fields.length === 0
        ? [`'${place}': ${NO_FIELDS}`]
        : shape.fields.flatMap((field) => notesBelow(field.shape, `${place}.${field.name}`, decided))
    case 'leaf': {
      const note =
        shape.values === 'mixed'
          ? mixedNote(shape)
          : shape.values === 'none'
            ? 'no value in the sample: kept as text'
            : decided.get(shape)?.note
      return note === undefined ? [] : [`'${place}': ${note}`]
    }
    default:
      return shape satisfies never
  }
}

export const NO_FIELDS = 'objects without fields are kept as JSON text'

/** What is said of values of several kinds; of those that are nested too deep something is said elsewhere. */
export function mixedNote({ kinds }: JsonLeaf): string | undefined {
  if (kinds?.length === 0) return undefined
  if (kinds?.length === 1) return `${kinds[0]} are kept as JSON text`
  if (kinds === undefined) return 'values of several kinds, or objects without fields: kept as text'
  return `values of several kinds (${kinds.join(', ')}): kept as text`
}
