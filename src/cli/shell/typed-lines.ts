import type { Interface } from 'node:readline'
import type { ShellHistory } from './history.ts'

/** Makes the lines of one statement one entry of the history, so that the arrow key brings the whole statement back. */
export class TypedLines {
  readonly #history: ShellHistory
  /** The editor's own list, newest first; it is given out with each line that is added. */
  #entries: string[] = []
  #lines: string[] = []

  constructor(editor: Interface, history: ShellHistory) {
    this.#history = history
    editor.on('history', (entries) => {
      this.#entries = entries
    })
  }

  add(line: string): void {
    this.#lines.push(line)
  }

  forget(): void {
    this.#lines = []
  }

  /** The statement is complete: its lines become one, unless a comment to the end of the line would swallow the rest. */
  async keep(): Promise<void> {
    const lines = this.#lines
    this.#lines = []
    const entries = joinedEntries(lines)
    if (lines.length > 1 && entries.length === 1) {
      for (const line of lines.toReversed()) if (this.#entries[0] === line) this.#entries.shift()
      this.#entries.unshift(...entries)
    }
    for (const entry of entries) await this.#history.add(entry)
  }
}

/** The entries that lines make. */
export function joinedEntries(lines: readonly string[]): string[] {
  const kept = lines.filter((line) => line.trim() !== '')
  if (kept.slice(0, -1).some((line) => line.includes('--'))) return kept
  return kept.length === 0 ? [] : [kept.map((line) => line.trim()).join(' ')]
}
