import { appendFile, open, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeFolders, systemCode } from '../../base/index.ts'

/** Entries that are kept. */
export const MAX_HISTORY_ENTRIES = 1_000
/** A longer entry is not kept. */
const MAX_ENTRY_CHARS = 10_000
/** Of a larger file only the end is read, and it is written anew. */
const MAX_HISTORY_BYTES = 4 * 1024 * 1024
/** Stands for a line break inside an entry, as in the history of psql. */
const LINE_BREAK = '\u0001'

/** What was typed into the shell, statements with their line breaks, newest first; kept in a file that only its owner reads. */
export class ShellHistory {
  readonly #path: string
  readonly #onFailure: (error: unknown) => void
  #isBroken = false

  /** `onFailure` is told once when the history cannot be read or written; the shell goes on without. */
  constructor(path: string, onFailure: (error: unknown) => void) {
    this.#path = path
    this.#onFailure = onFailure
  }

  async load(): Promise<string[]> {
    try {
      const { text, isWhole } = await readEnd(this.#path, MAX_HISTORY_BYTES)
      const lines = text.split('\n').filter((line) => line !== '')
      const kept = lines.slice(-MAX_HISTORY_ENTRIES)
      if (!isWhole || lines.length > 2 * MAX_HISTORY_ENTRIES) await this.#rewrite(kept)
      return kept.reverse().map((line) => line.replaceAll(LINE_BREAK, '\n'))
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') this.#fail(error)
      return []
    }
  }

  /** Adds one statement. */
  async add(entry: string): Promise<void> {
    if (!isKept(entry) || this.#isBroken) return
    const line = entry.replaceAll('\n', LINE_BREAK)
    try {
      await makeFolders(dirname(this.#path))
      await appendFile(this.#path, `${line}\n`, { mode: 0o600 })
    } catch (error) {
      this.#fail(error)
    }
  }

  async #rewrite(lines: readonly string[]): Promise<void> {
    const temporary = `${this.#path}.${process.pid}`
    await writeFile(temporary, `${lines.join('\n')}\n`, { mode: 0o600 })
    await rename(temporary, this.#path)
  }

  #fail(error: unknown): void {
    if (!this.#isBroken) this.#onFailure(error)
    this.#isBroken = true
  }
}

/** The entry that the lines of a statement make. */
export function entryOf(lines: readonly string[]): string {
  return lines.join('\n').trim()
}

/** False for an entry that is empty or too long for the history. */
export function isKept(entry: string): boolean {
  return entry !== '' && entry.length <= MAX_ENTRY_CHARS
}

async function readEnd(path: string, maxBytes: number): Promise<{ text: string; isWhole: boolean }> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const from = Math.max(0, size - maxBytes)
    const buffer = Buffer.alloc(size - from)
    const { bytesRead } = await file.read(buffer, 0, buffer.length, from)
    const text = buffer.toString('utf8', 0, bytesRead)
    return { text: from === 0 ? text : text.slice(text.indexOf('\n') + 1), isWhole: from === 0 }
  } finally {
    await file.close()
  }
}
