import { open } from 'node:fs/promises'
import { IceboxError } from '../../base/index.ts'

const PIECE_BYTES = 4_000_000
const NEW_LINE = 10

/**
 * Writes a CSV file of about `bytes` from the lines of another one with a header: its first lines, or all of them over and
 * over. Whole lines only. Gives the rows written.
 */
export async function sliceFile(source: string, bytes: number, output: string): Promise<number> {
  const input = await open(source)
  const result = await open(output, 'w')
  const buffer = Buffer.allocUnsafe(PIECE_BYTES)
  let rows = 0
  let writtenBytes = 0
  try {
    const { bytesRead: firstBytes } = await input.read(buffer, 0, PIECE_BYTES, 0)
    const headerBytes = buffer.subarray(0, firstBytes).indexOf(NEW_LINE) + 1
    if (headerBytes === 0 || headerBytes === firstBytes)
      throw new IceboxError('bench/failed', { message: `${source} has no rows below a header`, context: { source } })
    await result.write(buffer, 0, headerBytes)
    writtenBytes = headerBytes
    let at = headerBytes
    while (writtenBytes < bytes) {
      const { bytesRead } = await input.read(buffer, 0, Math.min(PIECE_BYTES, bytes - writtenBytes + 1_000), at)
      const wholeBytes = buffer.subarray(0, bytesRead).lastIndexOf(NEW_LINE) + 1
      if (wholeBytes === 0) {
        // The end of the source: its lines again.
        if (at === headerBytes)
          throw new IceboxError('bench/failed', { message: `${source} has a line of more than ${PIECE_BYTES} bytes` })
        at = headerBytes
        continue
      }
      const lines = buffer.subarray(0, wholeBytes)
      await result.write(lines)
      for (let next = lines.indexOf(NEW_LINE); next >= 0; next = lines.indexOf(NEW_LINE, next + 1)) rows++
      writtenBytes += wholeBytes
      at += wholeBytes
    }
    return rows
  } finally {
    await input.close()
    await result.close()
  }
}
