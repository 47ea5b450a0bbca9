import { type FileHandle, open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { IceboxError, makeFolders } from '../../base/index.ts'
import { fileError } from '../write/files.ts'
import { scanSegment } from './frame.ts'
import { damaged, readerOf } from './segment-file.ts'

export interface RowsOnly {
  /** Sequences of appends that are left out. */
  readonly without: ReadonlySet<number>
  /** A file ends with the first row at which it has so many bytes. */
  readonly fileBytes: number
  /** Where the copies go; made where it is not there. */
  readonly folder: string
}

const CHUNK_BYTES = 1 << 20
const NEW_LINE = 10

/** Copies of a sealed segment that hold rows alone, in order; gives their paths. Rejects `stream/damaged`, `storage/*`. */
export async function rowsOnly(path: string, { without, fileBytes, folder }: RowsOnly): Promise<string[]> {
  const copies = new Copies(join(folder, basename(path)), fileBytes)
  try {
    await makeFolders(folder)
    const from = await open(path, 'r')
    try {
      const read = readerOf(from)
      const { frames, validBytes } = await scanSegment(read)
      const { size } = await from.stat()
      if (validBytes < size) throw damaged(path, validBytes, size)
      for (const { sequence, bytes, end } of frames) {
        if (without.has(sequence)) continue
        for (let at = end - bytes; at < end; at += CHUNK_BYTES)
          await copies.write(await read(at, Math.min(CHUNK_BYTES, end - at)))
      }
    } finally {
      await from.close()
      await copies.close()
    }
    return copies.paths
  } catch (error) {
    throw error instanceof IceboxError ? error : fileError(`${path} cannot be copied to ${folder}`, error)
  }
}

/** Files that are written one after the other, cut between rows. */
class Copies {
  readonly paths: string[] = []
  readonly #name: string
  readonly #fileBytes: number
  #open: FileHandle | undefined
  #left = 0

  constructor(name: string, fileBytes: number) {
    this.#name = name
    this.#fileBytes = fileBytes
  }

  async write(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const handle = (this.#open ??= await this.#next())
      // The row in which the file is full ends it.
      const full = Math.min(bytes.length, at + Math.max(0, this.#left - 1))
      const line = bytes.indexOf(NEW_LINE, full)
      const end = line < 0 ? bytes.length : line + 1
      await handle.writeFile(bytes.subarray(at, end))
      this.#left -= end - at
      at = end
      if (line >= 0) await this.close()
    }
  }

  async close(): Promise<void> {
    await this.#open?.close()
    this.#open = undefined
  }

  async #next(): Promise<FileHandle> {
    const path = `${this.#name}.${this.paths.length}`
    this.paths.push(path)
    this.#left = this.#fileBytes
    return await open(path, 'w')
  }
}
