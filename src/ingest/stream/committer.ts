import { IceboxError, messageOf } from '../../base/index.ts'
import type { Gate } from '../../engine/index.ts'
import type { LoadedTable } from '../../iceberg/index.ts'
import type { IngestServices } from '../plan/services.ts'
import { besideOthers } from './beside-others.ts'
import type { Clock } from './clock.ts'
import { commitSegments } from './commit.ts'
import { MOST_KEYS } from './keys.ts'
import type { LeftOut } from './left-out.ts'
import type { SealedSegment } from './segment-file.ts'
import type { Spool } from './spool.ts'
import type { StreamFolder } from './stream-folder.ts'

export interface CommitterParts {
  readonly stream: StreamFolder
  readonly spool: Spool
  /** Starts the engine where it does not run yet. */
  readonly services: () => Promise<IngestServices>
  /** Shared by all streams: `performance.streaming.max_concurrent`. */
  readonly gate: Gate
  readonly clock: Clock
  /** `performance.streaming.commit_size` */
  readonly commitBytes: number
  /** `performance.streaming.commit_interval` */
  readonly commitIntervalMs: number
  /** `last`: the last append that the commit was for. */
  readonly onCommitted: (table: LoadedTable, leftOut: readonly LeftOut[], last: number) => void
}

interface Waiter {
  readonly sequence: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** One commit takes at most so many times the commit size: what gathered while commits failed. */
const MOST_COMMIT_SIZES = 2
const FIRST_RETRY_MS = 1_000

/** Commits what a stream gathered, by size, by time, or because somebody waits; one commit at a time. */
export class Committer {
  readonly #parts: CommitterParts
  readonly #waiters: Waiter[] = []
  /** Called once at the end of the commit that runs, or of the next one. */
  #ends: (() => void)[] = []
  #committedSequence = 0
  #committedKeys = 0
  #lastSnapshotId: bigint | null = null
  #error: IceboxError | undefined
  #failures = 0
  #isWanted = false
  #running: Promise<void> | undefined
  #cancelTimer: (() => void) | undefined
  #isClosed = false

  constructor(parts: CommitterParts) {
    this.#parts = parts
  }

  /** Why the last commit failed; undefined after one that did not. */
  get error(): IceboxError | undefined {
    return this.#error
  }

  get lastSnapshotId(): bigint | null {
    return this.#lastSnapshotId
  }

  /** To be told after each append: `keys` is the number of appends with one since the stream began. */
  appended(keys: number): void {
    const { spool, commitBytes, commitIntervalMs } = this.#parts
    if (this.#failures > 0) return
    if (spool.bytes >= commitBytes || keys - this.#committedKeys >= MOST_KEYS) this.#want()
    else this.#within(commitIntervalMs)
  }

  /** Resolves when the append is in the table; commits at once. Rejects `stream/uncommitted`. */
  async commit(sequence: number): Promise<void> {
    if (sequence <= this.#committedSequence) return
    if (this.#isClosed) throw this.#error ?? this.#ended()
    const done = new Promise<void>((resolve, reject) => {
      this.#waiters.push({ sequence, resolve, reject })
    })
    this.#want()
    await done
  }

  /** Resolves at the end of a commit, whatever became of it; begins one. */
  async attempt(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#ends.push(resolve)
    })
    this.#want()
    await ended
  }

  /** Waits for the commit that runs; none begins afterwards, and who waits for one is told. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelTimer?.()
    await this.#running
    for (const { reject } of this.#waiters.splice(0)) reject(this.#error ?? this.#ended())
    for (const end of this.#ends.splice(0)) end()
  }

  #want(): void {
    if (this.#isClosed) return
    this.#isWanted = true
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#isWanted) this.#want()
    })
  }

  #within(ms: number): void {
    this.#cancelTimer ??= this.#parts.clock.after(ms, () => {
      this.#cancelTimer = undefined
      this.#want()
    })
  }

  async #run(): Promise<void> {
    while (this.#isWanted) {
      this.#isWanted = false
      this.#cancelTimer?.()
      this.#cancelTimer = undefined
      try {
        await this.#commitSealed()
        this.#error = undefined
        this.#failures = 0
      } catch (error) {
        this.#fail(error)
      }
      for (const end of this.#ends.splice(0)) end()
    }
  }

  async #commitSealed(): Promise<void> {
    const { spool, stream, gate, services, commitBytes } = this.#parts
    await spool.seal()
    const segments = firstSegments(spool.sealed, commitBytes * MOST_COMMIT_SIZES)
    const last = segments.at(-1)?.frames.at(-1)?.sequence
    if (last === undefined) return
    const batch = { streamId: stream.id, table: stream.table, segments, hold: () => stream.owner.hold() }
    const { table, snapshotId, leftOut } = await besideOthers(gate, async () => commitSegments(batch, await services()))
    this.#lastSnapshotId = snapshotId ?? this.#lastSnapshotId
    this.#parts.onCommitted(table, leftOut, last)
    await spool.remove(segments)
    this.#committedSequence = last
    this.#committedKeys += segments.reduce(
      (sum, { frames }) => sum + frames.filter(({ key }) => key !== null).length,
      0,
    )
    for (const waiter of this.#waiters.splice(0)) {
      if (waiter.sequence <= last) waiter.resolve()
      else this.#waiters.push(waiter)
    }
    if (this.#waiters.length > 0 || spool.sealed.length > 0) this.#isWanted = true
  }

  #ended(): IceboxError {
    return new IceboxError('stream/uncommitted', {
      message: `the stream ended, and its last rows are safe in ${this.#parts.stream.path}`,
      remedy: 'open an appender or the lakehouse again: what is there is committed then',
    })
  }

  #fail(cause: unknown): void {
    const error = new IceboxError('stream/uncommitted', {
      message: `the rows are safe in ${this.#parts.stream.path}, but could not be committed: ${messageOf(cause)}`,
      remedy: 'mend the cause; the commit is tried again by itself. Do not append the rows again, or use the same key',
      context: cause instanceof IceboxError ? { ...cause.context, code: cause.code } : {},
      retryable: true,
      cause,
    })
    this.#error = error
    this.#failures++
    for (const { reject } of this.#waiters.splice(0)) reject(error)
    if (!this.#isClosed)
      this.#within(Math.min(this.#parts.commitIntervalMs, FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 20)))
  }
}

/** At least one. */
function firstSegments(segments: readonly SealedSegment[], bytes: number): SealedSegment[] {
  let sum = 0
  return segments.filter((segment, at) => {
    sum += segment.bytes
    return at === 0 || sum <= bytes
  })
}
