import { systemCode } from '../base/index.ts'
import type { Room } from '../storage/index.ts'

/** Tried first: blocks of Avro are 64 kB, as a rule. */
const FIRST_BYTES = 512 * 1024
const STEP = 4
/** zlib and zstd gather their output in pieces, which are joined. */
const COPIES = 2

/** Throws `ERR_BUFFER_TOO_LARGE` where there is more. */
export type Unpack = (maxOutputLength: number) => Uint8Array | Promise<Uint8Array>

/**
 * What zlib or zstd unpacks; how long that is, nobody knows before. So it may be short at first and {@link STEP} times as
 * long with each attempt, and what an attempt may take is asked for before. Rejects `memory/refused`, and what `unpack` throws.
 */
export async function unpackWithin(unpack: Unpack, maxBytes: number, room: Room): Promise<Uint8Array> {
  let asked = 0
  for (let limit = Math.min(FIRST_BYTES, maxBytes); ; limit = Math.min(limit * STEP, maxBytes)) {
    await room.grow(COPIES * (limit - asked))
    asked = limit
    try {
      return await unpack(limit)
    } catch (error) {
      if (systemCode(error) !== 'ERR_BUFFER_TOO_LARGE' || limit === maxBytes) throw error
    }
  }
}
