import { formatBytes, halfPairAt, IceboxError, isIceboxError } from '../../base/index.ts'
import type { Gate } from '../../engine/index.ts'
import type { LoadedTable, Schema } from '../../iceberg/index.ts'
import type { BufferAllocator } from '../../memory/index.ts'
import type { IngestServices } from '../plan/services.ts'
import { cancellable } from './cancellable.ts'
import type { Clock } from './clock.ts'
import { Committer } from './committer.ts'
import type { EncodedRows } from './encoded-rows.ts'
import { finishStream } from './finish-stream.ts'
import type { Frame } from './frame.ts'
import { heldKeys, keyDigest } from './keys.ts'
import { LeftOuts } from './left-out.ts'
import type { RowWindow } from './row-window.ts'
import { hadChecksum } from './same-rows.ts'
import { Spool } from './spool.ts'
import type { StreamFolder } from './stream-folder.ts'
import { TableInView } from './table-in-view.ts'

/** What pauses streams while memory is short. */
export interface SourcesPort {
  /** Resolves while sources may go on. Rejects `cancelled` when the signal fires before. */
  whenOpen(signal?: AbortSignal): Promise<void>
}

/** What all streams of a lakehouse work with. */
export interface StreamParts extends Pick<IngestServices, 'catalog' | 'io' | 'governor'> {
  /** `.icebox/spool` */
  readonly spoolDirectory: string
  /** Starts the engine where it does not run yet. */
  readonly services: (operation: string) => Promise<IngestServices>
  /** `performance.streaming.commit_size` */
  readonly commitBytes: number
  /** `performance.streaming.commit_interval` */
  readonly commitIntervalMs: number
  /** `performance.streaming.max_concurrent` */
  readonly maxConcurrent: number
  readonly sources: SourcesPort
  /** Where rows are until they are on disk. */
  readonly buffers: BufferAllocator
  /** Appends of all streams wait while rows of so many bytes are there. */
  readonly windowBytes: number
  /** A longer row is refused. */
  readonly mostRowBytes: number
  readonly clock: Clock
}

export interface AppendRequest {
  /** The same key twice is one append, as long as a snapshot of the table holds the first. */
  readonly key?: string | undefined
  /** `durable`: on disk. `committed`: in the table. */
  readonly ack: 'durable' | 'committed'
  readonly signal?: AbortSignal | undefined
}

export interface AppendResult {
  readonly rows: number
  /** The key was used before: nothing was added. */
  readonly isRepeated: boolean
}

/** What the streams of a lakehouse share. */
export interface SharedLimits {
  /** Of commits at once. */
  readonly gate: Gate
  readonly window: RowWindow
}

interface KnownKey {
  readonly crc: number
  /** Undefined for one that a snapshot holds. */
  readonly frame: Promise<Frame> | undefined
}

/** Appends wait while so many times the commit size is on disk and not in the table. */
const MOST_UNCOMMITTED_SIZES = 4
const MOST_KEY_CHARACTERS = 512
/** An append gives up when memory it waited for was taken by others as often. */
const MOST_REFUSALS = 5

/** The rows on their way into one table, from all appenders of this process that are open on it. */
export class TableStream {
  readonly #parts: StreamParts
  readonly #stream: StreamFolder
  readonly #spool: Spool
  readonly #committer: Committer
  readonly #window: RowWindow
  readonly #consumer: string
  /** Appends that were acknowledged and turned out to have the key of others. */
  readonly leftOut = new LeftOuts()
  readonly #keys = new Map<string, KnownKey>()
  readonly #underWay = new Set<Promise<unknown>>()
  readonly #table: TableInView
  #keysAppended = 0
  #closing: Promise<void> | undefined

  constructor(stream: StreamFolder, table: LoadedTable, parts: StreamParts, shared: SharedLimits) {
    const { namespace, name } = stream.table.identifier
    this.#parts = parts
    this.#window = shared.window
    this.#stream = stream
    this.#consumer = `stream ${[...namespace, name].join('.')}`
    this.#table = new TableInView(stream.table, table, parts, (now) => {
      this.#refreshKeys(now)
    })
    this.#spool = new Spool({ folder: stream.path, segmentBytes: parts.commitBytes })
    this.#committer = new Committer({
      ...parts,
      stream,
      gate: shared.gate,
      spool: this.#spool,
      services: () => parts.services(this.#consumer),
      onCommitted: (now, leftOut, last) => {
        this.leftOut.committed(leftOut, last)
        this.#table.refresh(now)
      },
    })
    this.#refreshKeys(table)
  }

  /** The last snapshot that this stream made. */
  get lastSnapshotId(): bigint | null {
    return this.#committer.lastSnapshotId
  }

  /**
   * Rejects `source/row` (nothing of the call is kept), `ingest/duplicate-key`, `table/gone`, `storage/full` and other
   * `storage/*`, `catalog/*`, `stream/uncommitted`, `memory/refused`, `usage/invalid`, `cancelled`.
   */
  async append(rows: readonly unknown[], request: AppendRequest): Promise<AppendResult> {
    if (this.#closing !== undefined) throw closed(this.#consumer)
    const appended = this.#append(rows, request)
    this.#underWay.add(appended)
    try {
      return await appended
    } finally {
      this.#underWay.delete(appended)
    }
  }

  async #append(rows: readonly unknown[], { key, ack, signal }: AppendRequest): Promise<AppendResult> {
    if (key !== undefined) requireKey(key)
    await this.#parts.sources.whenOpen(signal)
    await this.#room(signal)
    const { rows: added, frame, isRepeated } = await this.#spoolOnce(rows, key, signal)
    if (ack !== 'committed' || frame === undefined) return { rows: added, isRepeated }
    const { sequence } = frame
    const wasThere = await this.leftOut.isRepeated(sequence, () => this.#committer.commit(sequence))
    return wasThere ? { rows: 0, isRepeated: true } : { rows: added, isRepeated }
  }

  /** Holds the rows in memory until they are on disk. `frame`: undefined for no rows, and for a key that a snapshot holds. */
  async #spoolOnce(
    rows: readonly unknown[],
    key: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<AppendResult & { readonly frame: Frame | undefined }> {
    const { encoded, held, schema } = await this.#encode(rows, signal)
    using _encoded = encoded
    using _held = held
    const { count } = encoded
    if (count.rows === 0) return { rows: 0, isRepeated: false, frame: undefined }
    const digest = key === undefined ? null : keyDigest(key)
    const known = digest === null ? undefined : this.#keys.get(digest)
    if (known === undefined) {
      return { rows: count.rows, isRepeated: false, frame: await this.#write(encoded, schema, digest, key) }
    }
    if (known.crc !== count.crc && !(await this.#hadChecksum(rows, known.crc))) throw otherRows(key ?? '')
    return { rows: 0, isRepeated: true, frame: await known.frame }
  }

  /** Columns may have been moved or widened since the rows were first appended. */
  async #hadChecksum(rows: readonly unknown[], crc: number): Promise<boolean> {
    const { metadata } = await this.#table.find()
    return hadChecksum(rows, crc, metadata)
  }

  /** Resolves when all that was acknowledged before the call is in the table. Rejects `stream/uncommitted`. */
  commit(): Promise<void> {
    return this.#committer.commit(this.#spool.lastSequence)
  }

  /** The same for all that was given before the call. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#underWay)
    await this.commit()
  }

  signOfLife(): Promise<void> {
    return this.#stream.owner.signOfLife()
  }

  /**
   * Commits and ends the stream. Where the commit fails its rows stay in the spool for the next process, or the next
   * appender, and it rejects `stream/uncommitted`; `ingest/duplicate-key` for acknowledged appends that are not in the table,
   * if nobody was told yet.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // Those that are told of a failure need not be waited for twice: the commit below meets it again.
    await Promise.allSettled(this.#underWay)
    try {
      try {
        await this.commit()
      } finally {
        await this.#committer.close()
        await this.#spool.close()
      }
      await finishStream(this.#stream, this.#parts)
    } catch (error) {
      // The next one to open the lakehouse, or an appender, takes over.
      await this.#stream.owner.release()
      throw error
    }
    const untold = this.leftOut.untold()
    if (untold !== undefined) throw untold
  }

  /** One append, its key known from now on so that a second one with it waits for this one. */
  #write(encoded: EncodedRows, schema: Schema, digest: string | null, key: string | undefined): Promise<Frame> {
    const written = this.#spool.append(encoded, digest, schema)
    if (digest !== null) this.#keys.set(digest, { crc: encoded.count.crc, frame: written })
    return written.then(
      (frame) => {
        if (digest !== null) this.#keysAppended++
        if (key !== undefined) this.leftOut.waits(frame.sequence, key)
        this.#committer.appended(this.#keysAppended)
        return frame
      },
      (error: unknown) => {
        if (digest !== null) this.#keys.delete(digest)
        throw error
      },
    )
  }

  /** Waits while too much is uncommitted. Rejects with why commits fail when they do. */
  async #room(signal: AbortSignal | undefined): Promise<void> {
    const mostBytes = this.#parts.commitBytes * MOST_UNCOMMITTED_SIZES
    while (this.#spool.bytes + this.#spool.waitingBytes > mostBytes) {
      await cancellable(this.#committer.attempt(), signal)
      if (this.#committer.error !== undefined) throw this.#full(mostBytes, this.#committer.error)
    }
  }

  #full(mostBytes: number, cause: IceboxError): IceboxError {
    return new IceboxError('stream/uncommitted', {
      message: `${this.#consumer} takes no more rows: ${formatBytes(mostBytes)} wait for a commit, and commits fail: ${cause.message}`,
      remedy: 'mend the cause, then append again; the rows of this call were not taken',
      context: cause.context,
      retryable: true,
      cause,
    })
  }

  /**
   * By the columns that the table has when the call is made, or has later. Waits while other appends hold much, and for
   * memory that others have for now.
   */
  async #encode(
    rows: readonly unknown[],
    signal: AbortSignal | undefined,
  ): Promise<{ encoded: EncodedRows; held: Disposable; schema: Schema }> {
    for (let refusals = 0; ; ) {
      const encoder = await this.#table.encoderOfNow()
      if (this.#window.isFull) {
        await this.#window.changed(signal)
        continue
      }
      try {
        const into = { buffers: this.#parts.buffers, consumer: `${this.#consumer}/rows` }
        const encoded = encoder.encode(rows, into)
        // In the same turn as the look at the window: those who wait with this one see it.
        return { encoded, held: this.#window.hold(encoded.heldBytes), schema: encoder.schema }
      } catch (error) {
        if (!isIceboxError(error, 'memory/refused') || refusals++ === MOST_REFUSALS) throw error
        await this.#memory(error, signal)
      }
    }
  }

  /** Waits until what a buffer was refused for can be had. */
  async #memory(refusal: IceboxError, signal: AbortSignal | undefined): Promise<void> {
    const { slabBytes } = refusal.context
    if (typeof slabBytes !== 'number') throw refusal
    const reservation = await this.#parts.governor.reserve({
      consumer: `${this.#consumer}/rows`,
      bytes: slabBytes,
      ...(signal === undefined ? {} : { signal }),
    })
    reservation.release()
  }

  /** Keys of snapshots that expired are forgotten; those of appends that are not in the table are kept. */
  #refreshKeys({ metadata }: LoadedTable): void {
    for (const [digest, { frame }] of this.#keys) if (frame === undefined) this.#keys.delete(digest)
    for (const [digest, crc] of heldKeys(metadata)) this.#keys.set(digest, { crc, frame: undefined })
  }
}

function closed(stream: string): IceboxError {
  return new IceboxError('usage/invalid', {
    message: `the appender of ${stream} was closed`,
    remedy: 'open another one',
  })
}

/** Of a key its digest is kept: where two keys have the same bytes the rows of one would pass for those of the other. */
function requireKey(key: string): void {
  const refused =
    key === '' || key.length > MOST_KEY_CHARACTERS
      ? `a key has 1 to ${MOST_KEY_CHARACTERS} characters`
      : halfPairAt(key) >= 0
        ? 'the key holds half of a surrogate pair'
        : undefined
  if (refused === undefined) return
  throw new IceboxError('usage/invalid', {
    message: refused,
    remedy: 'choose another key',
    context: { key: key.slice(0, 80) },
  })
}

function otherRows(key: string): IceboxError {
  return new IceboxError('ingest/duplicate-key', {
    message: `the key '${key}' was used for an append of other rows`,
    remedy: 'choose a key of its own for each append',
    context: { key },
  })
}
