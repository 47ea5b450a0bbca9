import { open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { makeFolders } from '../../base/index.ts'
import { fileError } from '../write/files.ts'
import { scanSegment } from './frame.ts'

const CHUNK_BYTES = 1 << 20

/** A copy of a segment without some of its appends, in `folder`; gives its path. For keys that were appended twice: rare. */
export async function withoutFrames(path: string, left: ReadonlySet<number>, folder: string): Promise<string> {
  const copy = join(folder, basename(path))
  try {
    await makeFolders(folder)
    const from = await open(path, 'r')
    const to = await open(copy, 'w')
    try {
      const read = async (offset: number, length: number) => {
        const { buffer, bytesRead } = await from.read(Buffer.alloc(length), 0, length, offset)
        return buffer.subarray(0, bytesRead)
      }
      for (const { sequence, start, end } of (await scanSegment(read)).frames) {
        if (left.has(sequence)) continue
        for (let at = start; at < end; at += CHUNK_BYTES)
          await to.writeFile(await read(at, Math.min(CHUNK_BYTES, end - at)))
      }
    } finally {
      await from.close()
      await to.close()
    }
    return copy
  } catch (error) {
    throw fileError(`${path} cannot be copied to ${copy}`, error)
  }
}
