import { open } from 'node:fs/promises'

const CHUNK_BYTES = 1_048_576

/**
 * Bytes of a file's last line where it has no end, `most` or a little more for one that is longer; 0 where it has one. Of a
 * compressed file it says nothing that matters: bytes like line ends are in every kilobyte of it.
 */
export async function lastLineBytes(path: string, most: number): Promise<number> {
  try {
    await using file = await open(path, 'r')
    const { size } = await file.stat()
    const last = await file.read({ buffer: new Uint8Array(1), position: Math.max(0, size - 1) })
    if (size === 0 || isLineEnd(last.buffer[0])) return 0
    const buffer = new Uint8Array(Math.min(size, CHUNK_BYTES))
    let end = size
    while (end > 0 && size - end <= most) {
      const start = Math.max(0, end - buffer.byteLength)
      const { bytesRead } = await file.read({ buffer, length: end - start, position: start })
      const at = buffer.subarray(0, bytesRead).findLastIndex(isLineEnd)
      if (at >= 0) return size - (start + at + 1)
      end = start
    }
    return size - end
  } catch {
    // Not a file of this machine: the engine says what is wrong with it.
    return 0
  }
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === 0x0a || byte === 0x0d
}
