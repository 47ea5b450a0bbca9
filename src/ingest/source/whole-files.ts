import { stat } from 'node:fs/promises'
import { isIceboxError } from '../../base/index.ts'
import { checkGzip, readHead } from './bytes.ts'
import { compressionOf } from './format.ts'
import { checkZstd } from './zstd.ts'

/** Files that are remembered. */
const MOST_FILES = 10_000

/**
 * Compressed text that is whole: DuckDB 1.5.5 takes a gzip or zstd file that was cut off for all there is, and answers with
 * part of its rows. A gzip file is unpacked once for that, of a zstd file the heads of its blocks are read; what was found
 * whole is not looked at again until its size or time changes.
 */
export class WholeFiles {
  readonly #found = new Map<string, string>()

  /** Rejects `source/truncated`, `cancelled`. What is not compressed, or cannot be read, is left to who reads it. */
  async require(path: string, signal: AbortSignal | undefined): Promise<void> {
    const state = await stateOf(path)
    if (state === undefined || this.#found.get(path) === state) return
    try {
      const compression = compressionOf(await readHead(path, 4))
      if (compression === 'none') return
      if (compression === 'zstd') await checkZstd(path)
      else await checkGzip(path, signal)
    } catch (error) {
      if (isIceboxError(error, 'source/truncated') || isIceboxError(error, 'cancelled')) throw error
      return
    }
    if (this.#found.size >= MOST_FILES) this.#found.clear()
    this.#found.set(path, state)
  }
}

async function stateOf(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path)
    // A pipe is read once, by who wants its rows.
    return found.isFile() ? `${found.ino} ${found.size} ${found.mtimeMs}` : undefined
  } catch {
    return undefined
  }
}
