import { open } from 'node:fs/promises'

/** DuckDB's longest line where nobody says otherwise. */
const LONGEST_LINE_BYTES = 2_000_000

/**
 * True for a file whose last line has no end and is longer than DuckDB takes. DuckDB 1.5.5 passes over such a line without
 * a word where it is longer than two buffers, and refuses it where it is not: it must not be lost to smaller buffers.
 * Files that cannot be read so (patterns, URLs) and compressed ones are not looked into.
 */
export async function hasLongLastLine(path: string): Promise<boolean> {
  try {
    await using file = await open(path, 'r')
    const { size } = await file.stat()
    if (size <= LONGEST_LINE_BYTES) return false
    const last = await file.read({ buffer: new Uint8Array(1), position: size - 1 })
    if (isLineEnd(last.buffer[0])) return false
    const tail = new Uint8Array(LONGEST_LINE_BYTES)
    await file.read({ buffer: tail, position: size - tail.byteLength })
    return !tail.some(isLineEnd)
  } catch {
    // Not a file of this machine: the engine says what is wrong with it.
    return false
  }
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === 0x0a || byte === 0x0d
}
