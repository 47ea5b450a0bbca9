import { type FileHandle, open } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { IceboxError, isIceboxError } from '../../base/index.ts'
import { readChunks, readError } from './bytes.ts'

const MAGIC = 0xfd2fb528

/**
 * Walks the frames and blocks of a zstd file without decompressing (RFC 8878, section 3.1.1): a file that was cut off
 * is found by reading three bytes a block. Rejects `source/truncated`.
 */
export async function checkZstd(path: string): Promise<void> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw readError(path, error)
  })
  try {
    const { size } = await handle.stat()
    for (let at = 0; at < size; ) at = await frameEnd(handle, path, at, size)
  } finally {
    await handle.close()
  }
}

async function frameEnd(handle: FileHandle, path: string, start: number, size: number): Promise<number> {
  const magic = (await bytes(handle, path, start, 4, size)).readUInt32LE(0)
  if (magic >= 0x184d2a50 && magic <= 0x184d2a5f) {
    const end = start + 8 + (await bytes(handle, path, start + 4, 4, size)).readUInt32LE(0)
    if (end > size) throw truncated(path, start)
    return end
  }
  if (magic !== MAGIC) throw truncated(path, start)
  const descriptor = (await bytes(handle, path, start + 4, 1, size)).readUInt8(0)
  const isSingleSegment = (descriptor & 0x20) !== 0
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  const sizeFlag = descriptor >> 6
  const contentBytes = sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeFlag
  let at = start + 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes + contentBytes
  for (;;) {
    const header = (await bytes(handle, path, at, 3, size)).readUIntLE(0, 3)
    const kind = (header >> 1) & 3
    at += 3 + (kind === 1 ? 1 : header >> 3)
    if (at > size) throw truncated(path, start)
    if ((header & 1) === 1) break
  }
  if ((descriptor & 4) !== 0) at += 4
  if (at > size) throw truncated(path, start)
  return at
}

async function bytes(handle: FileHandle, path: string, at: number, length: number, size: number): Promise<Buffer> {
  if (at + length > size) throw truncated(path, at)
  const buffer = Buffer.alloc(length)
  await handle.read(buffer, 0, length, at)
  return buffer
}

function truncated(path: string, at: number): IceboxError {
  return new IceboxError('source/truncated', {
    message: `${path} ends in the middle of its zstd data, or is damaged (frame at byte ${at})`,
    remedy: 'get the file again: it was not transferred whole',
    context: { file: path, byte: at },
  })
}

const NEW_LINE = 10
const PUSHED_BYTES = 65_536

/**
 * Bytes of the longest line of a zstd file, as far as one reaches from a block (128 KiB) into the next; 0 where it cannot be
 * unpacked here. A block at a time is in memory, and the window; 74 MB a second of one core.
 */
export async function longestZstdLine(path: string, signal?: AbortSignal): Promise<number> {
  const { Decompress } = await import('fzstd')
  let [longest, open] = [0, 0]
  const unpacked = new Decompress((piece) => {
    const first = piece.indexOf(NEW_LINE)
    longest = Math.max(longest, open + (first < 0 ? piece.length : first))
    open = first < 0 ? open + piece.length : piece.length - piece.lastIndexOf(NEW_LINE) - 1
  })
  try {
    for await (const chunk of readChunks(path, 'none', signal)) {
      for (let at = 0; at < chunk.length; at += PUSHED_BYTES) {
        // The chunk's buffer is used again, and the rest of a block is kept.
        unpacked.push(Uint8Array.from(chunk.subarray(at, at + PUSHED_BYTES)))
        // Others have their turn, whatever it was packed to.
        await setImmediate()
      }
    }
    return longest
  } catch (error) {
    if (isIceboxError(error)) throw error
    return 0
  }
}
