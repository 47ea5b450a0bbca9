import { rm } from 'node:fs/promises'
import type { Schema } from '../../iceberg/index.ts'
import type { EncodedRows } from './encoded-rows.ts'
import type { Frame } from './frame.ts'
import { OpenSegment, type PendingAppend, type SealedSegment } from './segment-file.ts'

interface Waiting extends PendingAppend {
  readonly schema: Schema
  readonly resolve: (frame: Frame) => void
  readonly reject: (error: unknown) => void
}

/** Rows of one stream on disk that are not in the table yet. One fsync serves all appends that wait for it. */
export class Spool {
  readonly #folder: string
  readonly #segmentBytes: number
  readonly #waiting: Waiting[] = []
  #sealed: SealedSegment[] = []
  #open: OpenSegment | undefined
  #lastSequence = 0
  #waitingBytes = 0
  /** The end of what touches the files now: one thing at a time. */
  #turn: Promise<void> = Promise.resolve()
  #isDraining = false

  constructor(options: { readonly folder: string; readonly segmentBytes: number }) {
    this.#folder = options.folder
    this.#segmentBytes = options.segmentBytes
  }

  /** Number of the last append that is on disk. */
  get lastSequence(): number {
    return this.#lastSequence
  }

  /** Bytes of appends that wait for the disk. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** Bytes on disk that are not removed yet. */
  get bytes(): number {
    return this.#sealed.reduce((sum, segment) => sum + segment.bytes, this.#open?.bytes ?? 0)
  }

  get sealed(): readonly SealedSegment[] {
    return this.#sealed
  }

  /** Resolves when the rows are on disk and would survive a power loss. Rejects `storage/*`; then nothing of them is kept. */
  async append(rows: EncodedRows, key: string | null, schema: Schema): Promise<Frame> {
    const written = new Promise<Frame>((resolve, reject) => {
      this.#waiting.push({ rows, key, schema, resolve, reject })
    })
    this.#waitingBytes += rows.count.bytes
    this.#drain()
    return await written
  }

  /** Ends the segment that is written to, so that all rows on disk are in {@link sealed}. */
  seal(): Promise<void> {
    return this.#exclusive(() => this.#seal())
  }

  /** After the commit that holds them. Files that cannot be removed now are when the stream ends: the table knows them. */
  async remove(segments: readonly SealedSegment[]): Promise<void> {
    this.#sealed = this.#sealed.filter((segment) => !segments.includes(segment))
    for (const { path } of segments) await rm(path, { force: true }).catch(() => undefined)
  }

  /** Lets go of the file that is written to; what is in it stays. */
  close(): Promise<void> {
    return this.#exclusive(async () => {
      await this.#open?.close()
      this.#open = undefined
    })
  }

  /** Rows of another schema follow: they have a segment of their own. */
  async #end(): Promise<void> {
    await this.#seal()
    await this.#open?.close()
    this.#open = undefined
  }

  #drain(): void {
    if (this.#isDraining) return
    this.#isDraining = true
    void this.#exclusive(async () => {
      while (this.#waiting.length > 0) await this.#writeGroup(this.#takeGroup())
    }).finally(() => {
      this.#isDraining = false
      if (this.#waiting.length > 0) this.#drain()
    })
  }

  /** All that wait, up to where the schema changed. Rows that are encoded while they are written may fail, alone. */
  #takeGroup(): Waiting[] {
    const first = this.#waiting[0]
    if (first?.rows.isHeld === false) return this.#waiting.splice(0, 1)
    const end = this.#waiting.findIndex((some) => some.schema !== first?.schema || !some.rows.isHeld)
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end)
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    const schema = group[0]?.schema
    if (schema === undefined) return
    try {
      if (this.#open !== undefined && this.#open.schema !== schema) await this.#end()
      this.#open ??= await OpenSegment.create(this.#folder, schema, this.#lastSequence + 1)
      const frames = await this.#open.append(group)
      this.#lastSequence += frames.length
      for (const [at, frame] of frames.entries()) group[at]?.resolve(frame)
    } catch (error) {
      for (const { reject } of group) reject(error)
      return
    } finally {
      this.#waitingBytes -= group.reduce((sum, { rows }) => sum + rows.count.bytes, 0)
    }
    // The rows are safe: a seal that fails is tried again by whoever needs it.
    if (this.#open.bytes >= this.#segmentBytes) await this.#seal().catch(() => undefined)
  }

  async #seal(): Promise<void> {
    const open = this.#open
    if (open === undefined || open.frames.length === 0) return
    // The list may be another one after the wait: a commit that ended meanwhile has taken its segments off.
    const sealed = await open.seal()
    this.#sealed.push(sealed)
    this.#open = undefined
  }

  async #exclusive(action: () => Promise<void>): Promise<void> {
    const before = this.#turn
    const done = before.then(action)
    // The next one runs whether this one failed or not; who asked for it is told.
    this.#turn = done.catch(() => undefined)
    await done
  }
}
