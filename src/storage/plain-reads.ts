import type { ReadMemory } from './port.ts'

/** For a store without a budget: buffers and room as they are asked for. */
export const plainReads: ReadMemory = {
  buffer: (byteLength) => Promise.resolve({ bytes: new Uint8Array(byteLength), [Symbol.dispose]: () => undefined }),
  room: () => ({ grow: () => Promise.resolve(), [Symbol.dispose]: () => undefined }),
}
