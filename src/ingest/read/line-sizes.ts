import { isIceboxError } from '../../base/index.ts'

/**
 * Tries with the reader's default, then with larger and larger lines up to the limit: buffers grow with the longest line
 * that is allowed, so most imports should not pay for lines that they do not have.
 */
export async function withLineSizes<T>(
  limitBytes: number,
  attempt: (maxLineSizeBytes: number | undefined) => Promise<T>,
): Promise<T> {
  const sizes = [undefined, 16_000_000, limitBytes]
  for (let at = 0; ; at++) {
    try {
      return await attempt(sizes[at])
    } catch (error) {
      const next = sizes[at + 1]
      if (!isIceboxError(error, 'source/line-too-long') || next === undefined || next > limitBytes) throw error
      // The scan of the file found it beyond the limit already.
      const found = error.context['limitBytes']
      if (typeof found === 'number' && found >= limitBytes) throw error
    }
  }
}
