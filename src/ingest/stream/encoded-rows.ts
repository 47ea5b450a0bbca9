import { crc32 } from 'node:zlib'
import { IceboxError } from '../../base/index.ts'
import type { BufferAllocator, Lease } from '../../memory/index.ts'

/** Rows of one append as they are written into the spool. */
export interface EncodedRows extends Disposable {
  readonly count: RowCount
  /** Of buffers, until it is disposed. */
  readonly heldBytes: number
  /** False where {@link pieces} may throw: the rows are encoded once more. */
  readonly isHeld: boolean
  /**
   * NDJSON, an object a line, members by field id, NULL left out; a piece is valid until the next one is asked for.
   * Throws `usage/invalid` where the rows were changed since they were counted.
   */
  pieces(): Iterable<Uint8Array>
}

/** What is known of rows once all of them were encoded. */
export interface RowCount {
  readonly rows: number
  readonly bytes: number
  /** Bytes of the longest row, or a little more. */
  readonly longest: number
  readonly crc: number
}

/** Where the bytes are kept, and who is billed. */
export interface RowBuffers {
  readonly buffers: BufferAllocator
  readonly consumer: string
}

/** Rows whose bytes are held in buffers of the pool. */
export class HeldRows implements EncodedRows {
  readonly isHeld = true
  readonly count: RowCount
  readonly heldBytes: number
  readonly #leases: readonly Lease[]

  constructor(count: RowCount, leases: readonly Lease[]) {
    this.count = count
    this.heldBytes = count.bytes
    this.#leases = leases
  }

  *pieces(): Generator<Uint8Array, void> {
    for (const lease of this.#leases) {
      try {
        yield lease.pin()
      } finally {
        lease.unpin()
      }
    }
  }

  [Symbol.dispose](): void {
    releaseAll(this.#leases)
  }
}

/** Rows too many to be held: one buffer, filled again and again. */
export class PassingRows implements EncodedRows {
  readonly isHeld = false
  readonly count: RowCount
  readonly heldBytes: number
  readonly #lease: Lease
  readonly #texts: () => Iterable<{ readonly text: string }>

  /** `largestText`: in bytes. Throws `memory/refused`. */
  constructor(
    count: RowCount,
    largestText: number,
    texts: () => Iterable<{ readonly text: string }>,
    { buffers, consumer }: RowBuffers,
  ) {
    this.count = count
    this.heldBytes = largestText
    this.#texts = texts
    this.#lease = buffers.lease(largestText, consumer)
  }

  *pieces(): Generator<Uint8Array, void> {
    const { count } = this
    const buffer = asBuffer(this.#lease.pin())
    try {
      let crc = 0
      let left = count.bytes
      for (const { text } of this.#texts()) {
        const length = Buffer.byteLength(text)
        if (length > buffer.length || length > left) throw changed(count.rows)
        buffer.write(text)
        const piece = buffer.subarray(0, length)
        crc = crc32(piece, crc)
        left -= length
        yield piece
      }
      if (left > 0 || crc !== count.crc) throw changed(count.rows)
    } finally {
      this.#lease.unpin()
    }
  }

  [Symbol.dispose](): void {
    this.#lease.release()
  }
}

/** A buffer with the text in it. Throws `memory/refused`. */
export function leaseText(text: string, bytes: number, { buffers, consumer }: RowBuffers): Lease {
  const lease = buffers.lease(bytes, consumer)
  asBuffer(lease.pin()).write(text)
  lease.unpin()
  return lease
}

export function releaseAll(leases: readonly Lease[]): void {
  for (const lease of leases) lease.release()
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function changed(rows: number): IceboxError {
  return new IceboxError('usage/invalid', {
    message: `the ${rows} rows of an append were changed before append resolved`,
    remedy: 'leave rows alone until then; nothing of this append was kept',
    context: { rows },
  })
}
