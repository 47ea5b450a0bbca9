import { IceboxError } from '../../../src/base/index.ts'
import type { ObjectBytes, ReadMemory, Room } from '../../../src/storage/index.ts'

/** Counts what reading holds, and refuses room above a limit. */
export class CountedReads implements ReadMemory {
  heldBuffers = 0
  heldRoomBytes = 0
  mostRoomBytes = 0
  /** What was asked for room, in order, each once. */
  readonly asked = new Set<string>()
  readonly #roomLimit: number

  constructor(roomLimit = Number.POSITIVE_INFINITY) {
    this.#roomLimit = roomLimit
  }

  async buffer(byteLength: number): Promise<ObjectBytes> {
    this.heldBuffers++
    // Whoever looks at them afterwards sees that they are gone.
    const bytes = new Uint8Array(byteLength)
    return {
      bytes,
      [Symbol.dispose]: () => {
        this.heldBuffers--
        bytes.fill(0xdb)
      },
    }
  }

  room(what: string): Room {
    let held = 0
    return {
      grow: async (byteLength) => {
        this.asked.add(what)
        if (held + byteLength > this.#roomLimit) {
          throw new IceboxError('memory/refused', { message: `${what} needs ${held + byteLength}` })
        }
        held += byteLength
        this.heldRoomBytes += byteLength
        this.mostRoomBytes = Math.max(this.mostRoomBytes, this.heldRoomBytes)
      },
      [Symbol.dispose]: () => {
        this.heldRoomBytes -= held
        held = 0
      },
    }
  }
}
