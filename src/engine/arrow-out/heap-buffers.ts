import type { BufferAllocator } from '../../memory/index.ts'

/** Buffers kept for the next lease; more are left to the garbage collector. */
const MOST_KEPT = 4
const MOST_KEPT_BYTES = 4 * 1024 * 1024
const STEP_BYTES = 256 * 1024

/** ArrayBuffers of their own, a few of which are used again: for an engine that was given no pool. */
export class HeapBuffers implements BufferAllocator {
  readonly #kept: ArrayBuffer[] = []

  lease(byteLength: number): ReturnType<BufferAllocator['lease']> {
    const at = this.#kept.findIndex((kept) => kept.byteLength >= byteLength)
    const buffer =
      this.#kept.splice(at, at === -1 ? 0 : 1)[0] ??
      new ArrayBuffer(Math.max(1, Math.ceil(byteLength / STEP_BYTES)) * STEP_BYTES)
    let isHeld = true
    const release = () => {
      if (!isHeld) return
      isHeld = false
      if (buffer.byteLength <= MOST_KEPT_BYTES && this.#kept.length < MOST_KEPT) this.#kept.push(buffer)
    }
    return {
      byteLength,
      pin: () => new Uint8Array(buffer, 0, byteLength),
      unpin: () => undefined,
      release,
      [Symbol.dispose]: release,
    }
  }
}
