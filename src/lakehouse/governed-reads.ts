import { formatBytes, IceboxError, isIceboxError } from '../base/index.ts'
import type { BufferAllocator, Governor, Lease, Reservation } from '../memory/index.ts'
import type { ObjectBytes, ReadMemory, Room } from '../storage/index.ts'

/** Who is billed. */
const CONSUMER = 'metadata'
/**
 * So much is taken without asking: half of what is kept for others than the engine at the least budget. Metadata of most
 * tables is below it, and a commit does not fail for a manifest of 30 kB while the engine has the rest.
 */
const UNASKED_BYTES = 4 * 1024 * 1024
/**
 * Smaller buffers are V8's own. The first lease makes a slab of 4 MiB, which the pool keeps for the next: more than half of what
 * a second import finds beside a full engine at the least budget, for a manifest of 8 kB.
 */
const LEAST_LEASE_BYTES = 1024 * 1024
/** A list of manifests grows by a block of 64 kB: not a promise for each. */
const STEP_BYTES = 4 * 1024 * 1024
/** Statements end, and the engine gives back what it held; who waits longer would wait for what never comes. */
const DEADLINE_MS = 30_000
/** For garbage and kept slabs to go, where nobody else holds enough. */
const RELIEF_MS = 2000

/** What reading metadata, manifests and deletes may take: buffers of the pool, and room that the governor promised. */
export class GovernedReads implements ReadMemory {
  readonly #pool: BufferAllocator
  readonly #governor: Governor

  constructor(pool: BufferAllocator, governor: Governor) {
    this.#pool = pool
    this.#governor = governor
  }

  async buffer(byteLength: number, signal?: AbortSignal): Promise<ObjectBytes> {
    const lease = byteLength < LEAST_LEASE_BYTES ? undefined : this.#lease(byteLength)
    if (lease !== undefined) return { bytes: lease.pin(), [Symbol.dispose]: () => release(lease) }
    const room = this.room('a file of metadata', signal)
    await room.grow(byteLength)
    return { bytes: new Uint8Array(byteLength), [Symbol.dispose]: () => room[Symbol.dispose]() }
  }

  /** Undefined where no slab can be had now: the pool does not wait. */
  #lease(byteLength: number): Lease | undefined {
    try {
      return this.#pool.lease(byteLength, CONSUMER)
    } catch (error) {
      if (isIceboxError(error, 'memory/refused')) return undefined
      throw error
    }
  }

  room(what: string, signal?: AbortSignal): Room {
    return new GovernedRoom(this.#governor, what, signal)
  }
}

function release(lease: Lease): void {
  lease.unpin()
  lease.release()
}

class GovernedRoom implements Room {
  readonly #governor: Governor
  readonly #what: string
  readonly #signal: AbortSignal | undefined
  readonly #promises: Reservation[] = []
  #bytes = 0
  #promisedBytes = 0

  constructor(governor: Governor, what: string, signal: AbortSignal | undefined) {
    this.#governor = governor
    this.#what = what
    this.#signal = signal
  }

  async grow(byteLength: number): Promise<void> {
    const wanted = this.#bytes + byteLength
    if (wanted > UNASKED_BYTES && wanted > this.#promisedBytes) {
      await this.#promise(Math.ceil(wanted / STEP_BYTES) * STEP_BYTES - this.#promisedBytes)
    }
    this.#bytes = wanted
  }

  async #promise(bytes: number): Promise<void> {
    const allBytes = this.#promisedBytes + bytes
    try {
      const promise = await this.#governor.reserve({
        consumer: CONSUMER,
        bytes,
        deadlineMs: this.#othersHold(bytes) ? DEADLINE_MS : RELIEF_MS,
        ...(this.#signal !== undefined && { signal: this.#signal }),
      })
      this.#promises.push(promise)
      this.#promisedBytes += bytes
    } catch (error) {
      throw isIceboxError(error, 'memory/refused') ? this.#refused(error, allBytes) : error
    }
  }

  /** Whether the bytes would be free if all others gave back what they hold: what is promised here already goes last. */
  #othersHold(bytes: number): boolean {
    const { freeBytes, heldBytes } = this.#governor
    const ours = ['process', 'heaps', 'unattributed', 'pool', CONSUMER].reduce(
      (sum, name) => sum + this.#governor.heldBy(name),
      0,
    )
    return bytes <= freeBytes + heldBytes - ours
  }

  #refused(cause: IceboxError, bytes: number): IceboxError {
    return new IceboxError('memory/refused', {
      message: `${this.#what} needs ${formatBytes(bytes)} or more to be read: ${cause.message}`,
      remedy:
        'raise performance.memory.max_usage; or make the metadata smaller with the engine that writes the table: expire its snapshots, rewrite its manifests',
      context: { ...cause.context, what: this.#what, neededBytes: bytes },
      retryable: cause.retryable,
      cause,
    })
  }

  [Symbol.dispose](): void {
    for (const promise of this.#promises.splice(0)) promise.release()
    this.#promisedBytes = 0
    this.#bytes = 0
  }
}
