import type { SqlParameter } from '../../engine/index.ts'
import { mentionsKeyword } from '../text/names.ts'
import { parametersOf } from '../text/parameter-literals.ts'
import type { StatementText } from '../text/statements.ts'

/**
 * What a bound text or blob becomes beside the engine's limit, in copies of its bytes (DuckDB 1.5.5;
 * docs/decisions/0032-large-parameters.md): the driver's and the constant's, and those of a constant made of several.
 */
const BOUND_COPIES = 3
const AGAIN_COPIES = 4
/** Of the lists and structs that a text is made into; a third of it lies within the limit. */
const LIST_COPIES = 12

/** Where the plan of a statement is asked for: its text has every constant in it, which takes as much again twice over. */
const PLAN_COPIES = 7
/** A plan with more of constants in it is not asked for where it is a help only: it takes more than it saves. */
const LARGE_PLAN_BYTES = 1_000_000

/** Bytes of the texts and blobs that a statement is given, and what the engine takes for them beside its limit. */
export interface ParameterBytes {
  readonly givenBytes: number
  readonly neededBytes: number
}

/** Numbers and the like take nothing worth a reservation: there are not more of them than parameters in the text. */
export function parameterBytes(statement: StatementText, values: readonly SqlParameter[]): ParameterBytes {
  const sizes = values.map(byteLength)
  const givenBytes = sum(sizes)
  if (givenBytes === 0) return { givenBytes: 0, neededBytes: 0 }
  const uses = sizes.map(() => 0)
  for (const { value } of parametersOf(statement)) uses[value] = (uses[value] ?? 0) + 1
  const madeCopies = copiesOfContent(statement)
  const neededBytes = sum(
    sizes.map((bytes, at) => bytes * (BOUND_COPIES + AGAIN_COPIES * Math.max(0, (uses[at] ?? 0) - 1) + madeCopies)),
  )
  return { givenBytes, neededBytes }
}

/** Beside the text itself. */
function copiesOfContent({ tokens }: StatementText): number {
  const makesLists = ['UNNEST', 'FROM_JSON', 'FROM_JSON_STRICT', 'JSON_TRANSFORM', 'JSON_TRANSFORM_STRICT']
  const printed = mentionsKeyword(tokens, 'EXPLAIN', 'DELETE') ? PLAN_COPIES : 0
  return printed + (mentionsKeyword(tokens, ...makesLists) ? LIST_COPIES : 0)
}

/** True where the text of a plan would be long by the statement's parameters. */
export function printsLargePlan(values: readonly SqlParameter[] | undefined): boolean {
  return values !== undefined && sum(values.map(byteLength)) > LARGE_PLAN_BYTES
}

function byteLength(value: SqlParameter): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  return value instanceof Uint8Array ? value.byteLength : 0
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
