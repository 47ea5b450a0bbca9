import { MAX_HISTORY_ENTRIES } from './history.ts'

/**
 * Where the arrow keys are in the history. What stands before the cursor when the walk begins is what entries must begin
 * with; any other key begins a new walk from the same place. Pure.
 */
export class HistoryWalk {
  /** Newest first. */
  readonly #entries: string[]
  /** The entry that is shown; -1: none. */
  #at = -1
  #beginning: string | undefined

  constructor(entries: readonly string[]) {
    this.#entries = [...entries]
  }

  /** Adds the newest entry; the same one further back goes. */
  add(entry: string): void {
    const before = this.#entries.indexOf(entry)
    if (before >= 0) this.#entries.splice(before, 1)
    this.#entries.unshift(entry)
    if (this.#entries.length > MAX_HISTORY_ENTRIES) this.#entries.pop()
    this.leave()
  }

  /** The next older entry that is another text; undefined where there is none. */
  older(line: string, cursor: number): string | undefined {
    const beginning = this.#begin(line, cursor)
    for (let at = this.#at + 1; at < this.#entries.length; at++) {
      const entry = this.#entries[at] ?? ''
      if (entry === line || !entry.startsWith(beginning)) continue
      this.#at = at
      return entry
    }
    return undefined
  }

  /** The next newer entry, behind the newest what was typed; undefined where nothing is newer. */
  newer(line: string, cursor: number): string | undefined {
    if (this.#at < 0) return undefined
    const beginning = this.#begin(line, cursor)
    while (--this.#at >= 0) {
      const entry = this.#entries[this.#at] ?? ''
      if (entry !== line && entry.startsWith(beginning)) return entry
    }
    return beginning
  }

  /** Another key was pressed. */
  pause(): void {
    this.#beginning = undefined
  }

  /** The line was given. */
  leave(): void {
    this.#at = -1
    this.#beginning = undefined
  }

  #begin(line: string, cursor: number): string {
    this.#beginning ??= line.slice(0, cursor)
    return this.#beginning
  }
}
