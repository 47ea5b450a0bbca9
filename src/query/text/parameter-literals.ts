import type { SqlParameter } from '../../engine/index.ts'
import { quoteText } from './names.ts'
import type { StatementText } from './statements.ts'

/** Longer texts are values and say nothing of a type, and name no file. */
const MOST_TEXT = 10_000

/** What stands for each parameter, by its offset in the query: `$2` is the second value, and so is the second `?`. */
export function literalsOf({ tokens }: StatementText, given: readonly SqlParameter[]): Map<number, string> {
  const literals = new Map<number, string>()
  for (const at of tokens.of('parameter')) {
    const token = tokens.at(at)
    if (token === undefined) continue
    const number = /^\$(\d+)$/.exec(token.text)?.[1]
    literals.set(token.start, literalOf(given[number === undefined ? literals.size : Number(number) - 1] ?? null))
  }
  return literals
}

function literalOf(value: SqlParameter): string {
  if (typeof value === 'string') return value.length > MOST_TEXT ? 'NULL' : quoteText(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return 'NULL::DOUBLE'
  return value === null || value instanceof Uint8Array ? 'NULL' : String(value)
}
