import { deserialize, serialize } from 'node:v8'
import type { Socket } from 'node:net'

/** Lengths of header and payload, 32 bits each, little-endian. */
const PREFIX_BYTES = 8

/** Where the payload of a message goes: `target` of exactly its length, or nowhere. */
export interface PayloadPlace {
  readonly target: Uint8Array | undefined
  /** Called once the payload is complete. */
  done(): void
}

/** What comes in on a socket, message by message: a value (structured clone, as `node:v8` writes it) and bytes beside it. */
export class FrameReader {
  readonly #begin: (message: unknown, payloadBytes: number) => PayloadPlace
  /** What is gathered now: prefix, header or payload. */
  #target: Uint8Array | undefined = new Uint8Array(PREFIX_BYTES)
  #wanted = PREFIX_BYTES
  #got = 0
  #state: 'prefix' | 'header' | 'payload' = 'prefix'
  #payloadBytes = 0
  #place: PayloadPlace | undefined

  /** `begin` is called when the value is there and its payload, if any, is still to come. */
  constructor(begin: (message: unknown, payloadBytes: number) => PayloadPlace) {
    this.#begin = begin
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.byteLength; ) {
      const bytes = Math.min(this.#wanted - this.#got, chunk.byteLength - at)
      this.#target?.set(chunk.subarray(at, at + bytes), this.#got)
      this.#got += bytes
      at += bytes
      if (this.#got === this.#wanted) this.#complete()
    }
  }

  #complete(): void {
    const target = this.#target
    if (this.#state === 'prefix' && target !== undefined) {
      const view = new DataView(target.buffer, target.byteOffset)
      this.#payloadBytes = view.getUint32(4, true)
      this.#expect('header', new Uint8Array(view.getUint32(0, true)))
      return
    }
    if (this.#state === 'header' && target !== undefined) {
      const place = this.#begin(deserialize(target), this.#payloadBytes)
      if (this.#payloadBytes === 0) {
        this.#expect('prefix', new Uint8Array(PREFIX_BYTES))
        place.done()
        return
      }
      this.#place = place
      this.#state = 'payload'
      this.#target = place.target
      this.#wanted = this.#payloadBytes
      this.#got = 0
      return
    }
    const place = this.#place
    this.#place = undefined
    this.#expect('prefix', new Uint8Array(PREFIX_BYTES))
    place?.done()
  }

  #expect(state: 'prefix' | 'header', target: Uint8Array): void {
    this.#state = state
    this.#target = target
    this.#wanted = target.byteLength
    this.#got = 0
  }
}

/** Writes a message; `written` is called when the payload's memory may be used again. */
export function writeFrame(socket: Socket, message: object, payload?: Uint8Array, written?: () => void): void {
  const header = serialize(message)
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeUInt32LE(header.byteLength, 0)
  prefix.writeUInt32LE(payload?.byteLength ?? 0, 4)
  if (socket.destroyed) {
    written?.()
    return
  }
  socket.cork()
  socket.write(Buffer.concat([prefix, header]))
  if (payload !== undefined && payload.byteLength > 0) socket.write(payload, () => written?.())
  else written?.()
  socket.uncork()
}
