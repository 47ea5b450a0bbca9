import type { SqlParameter } from '../../engine/index.ts'
import { quoteText } from './names.ts'
import type { StatementText } from './statements.ts'

/** Longer texts are values and say nothing of a type, and name no file. */
const MOST_TEXT = 10_000

/** What stands for each parameter, by its offset in the query. */
export function literalsOf(statement: StatementText, given: readonly SqlParameter[]): Map<number, string> {
  const literals = new Map<number, string>()
  for (const { offset, value } of parametersOf(statement)) literals.set(offset, literalOf(given[value] ?? null))
  return literals
}

/** Where each parameter stands, and the place of its value: `$2` is the second, and so is the second `?`. */
export function* parametersOf({
  tokens,
}: StatementText): Generator<{ readonly offset: number; readonly value: number }, void, undefined> {
  let count = 0
  for (const at of tokens.of('parameter')) {
    const token = tokens.at(at)
    if (token === undefined) continue
    const number = /^\$(\d+)$/.exec(token.text)?.[1]
    yield { offset: token.start, value: number === undefined ? count : Number(number) - 1 }
    count++
  }
}

function literalOf(value: SqlParameter): string {
  if (typeof value === 'string') return value.length > MOST_TEXT ? 'NULL' : quoteText(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return 'NULL::DOUBLE'
  return value === null || value instanceof Uint8Array ? 'NULL' : String(value)
}
