import { createHash } from 'node:crypto'
import { serialize } from 'node:v8'

/** Of calls that failed, the newest are known by their rows. */
const MOST_FAILED = 1_000

/**
 * Numbers of the appends under the key of an appender. Each call takes the next one when it is made, whatever becomes of it:
 * a program that makes the same calls again gives them the same numbers, also where one fails in one run and not in the
 * other. Rows of a call that failed keep its number: given again, they are that call.
 */
export class NumberedCalls {
  #next = 0
  /** By what the rows say, in the order of the calls. */
  readonly #failed = new Map<string, number[]>()

  take(rows: unknown): number {
    if (this.#failed.size === 0) return this.#next++
    const print = fingerprint(rows)
    const numbers = this.#failed.get(print ?? '')
    const number = numbers?.shift()
    if (print === undefined || numbers === undefined || number === undefined) return this.#next++
    if (numbers.length === 0) this.#failed.delete(print)
    return number
  }

  failed(number: number, rows: unknown): void {
    const print = fingerprint(rows)
    if (print === undefined) return
    const numbers = this.#failed.get(print)
    if (numbers !== undefined) numbers.push(number)
    else this.#failed.set(print, [number])
    const [oldest] = this.#failed.keys()
    if (oldest !== undefined && this.#failed.size > MOST_FAILED) this.#failed.delete(oldest)
  }
}

/**
 * Whatever the columns of the table are: rows may have failed because one was missing. Undefined for what cannot be read.
 * By V8's own form, which tells all values apart; JSON would make an array of numbers of each `Buffer` (a minute for 60 MB).
 */
function fingerprint(rows: unknown): string | undefined {
  if (!Array.isArray(rows)) return undefined
  const hash = createHash('sha256')
  try {
    for (const row of rows) hash.update(serialize(row))
  } catch {
    // Getters that throw, functions: such rows are never taken, so there is no call of theirs to be found again.
    return undefined
  }
  return hash.digest('base64')
}
