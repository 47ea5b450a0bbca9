import { IceboxError, isIceboxError } from '../../base/index.ts'
import { checkGzip, readTail } from '../source/bytes.ts'
import type { Compression } from '../source/format.ts'

/**
 * The engine's word that a file is not gzip, with the file: it is the one that cannot be unpacked, or that ends with zeros,
 * as tar and blocks of devices leave them; Node passes over those. Undefined for other errors.
 */
export async function explainGzipError(
  error: unknown,
  paths: readonly string[],
  compression: Compression,
  signal?: AbortSignal,
): Promise<IceboxError | undefined> {
  if (compression !== 'gzip' || !isIceboxError(error, 'source/format') || !/gzip/.test(error.message)) return undefined
  for (const file of paths) {
    try {
      await checkGzip(file, signal)
    } catch (found) {
      if (isIceboxError(found)) return found
      throw found
    }
    const tail = await readTail(file, TAIL_BYTES)
    if (tail.some((byte) => byte !== 0)) continue
    return new IceboxError('source/format', {
      message: `${file} has zeros behind the end of its gzip data`,
      remedy: 'write it again without them: gunzip -c FILE | gzip > NEW',
      context: { file },
      cause: error,
    })
  }
  return undefined
}

/** The length of the unpacked data stands in the last four bytes (RFC 1952, "ISIZE"): it is no zero where there is any. */
const TAIL_BYTES = 4
