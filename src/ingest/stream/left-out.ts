import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { IceboxError } from '../../base/index.ts'
import { fileError, syncPath } from '../write/files.ts'
import type { Frame } from './frame.ts'
import { rowsOnly } from './rows-only.ts'
import type { SealedSegment } from './segment-file.ts'

/** An append that a commit left out: a snapshot of the table has its key. */
export interface LeftOut {
  readonly frame: Frame
  /** Where its rows are now, for which the key does not stand; null for those that are in the table. */
  readonly aside: RowsAside | null
}

export interface RowsAside {
  readonly file: string
  /** Of the first row, from 1. */
  readonly line: number
}

/**
 * Puts rows of appends into a file as they are in their segment, an object a line, members by field id; says where each
 * append is. Rejects `storage/*`, `stream/damaged`.
 */
export async function setAside(
  segment: SealedSegment,
  appends: ReadonlySet<Frame>,
  file: string,
): Promise<Map<Frame, RowsAside>> {
  const places = new Map<Frame, RowsAside>()
  let line = 1
  for (const frame of segment.frames) {
    if (!appends.has(frame)) continue
    places.set(frame, { file, line })
    line += frame.rows
  }
  if (places.size === 0) return places
  const folder = `${file}.copy`
  const without = new Set(segment.frames.filter((frame) => !appends.has(frame)).map(({ sequence }) => sequence))
  const [copy] = await rowsOnly(segment.path, { without, fileBytes: Number.POSITIVE_INFINITY, folder })
  try {
    if (copy !== undefined) {
      await syncPath(copy)
      await rename(copy, file)
      // The segment, which has them too, goes after the commit.
      await syncPath(dirname(file))
    }
    await rm(folder, { recursive: true, force: true })
    return places
  } catch (error) {
    throw fileError(`${file} cannot be written`, error)
  }
}

/** For an append that was acknowledged, and will not be in its table. `key` is not known of streams that were taken over. */
export function refusedLate(frame: Frame, { file, line }: RowsAside, key: string | undefined): IceboxError {
  const name = key === undefined ? `its key (SHA-256 in base64 ${frame.key}…)` : `its key '${key}'`
  return new IceboxError('ingest/duplicate-key', {
    message: `an append of ${frame.rows} ${frame.rows === 1 ? 'row' : 'rows'} is not in the table: before it was committed, ${name} was used for other rows; the rows are in ${file}, from line ${line} on`,
    remedy: 'append them under a key of their own',
    context: { ...(key === undefined ? { keyDigest: frame.key } : { key }), rows: frame.rows, file, line },
  })
}

/** So many refusals are kept for those who have not asked; of more, the number. */
const MOST_KEPT = 100

/** What commits of a stream left out, until everybody who has to know was told. */
export class LeftOuts {
  /** Of appends that wait for a commit. */
  readonly #keys = new Map<number, string>()
  readonly #awaited = new Set<number>()
  #last = new Map<number, { readonly error: IceboxError | undefined }>()
  #kept: readonly IceboxError[] = []
  #count = 0
  #told = 0

  /** Refusals of appends that nobody waited for, since the stream began. */
  get count(): number {
    return this.#count
  }

  /** To be told of an append that is on disk, so that an error can name its key. */
  waits(sequence: number, key: string): void {
    this.#keys.set(sequence, key)
  }

  /** To be told of a commit, before those who wait for it: what it left out, and its last append. */
  committed(leftOut: readonly LeftOut[], last: number): void {
    this.#last = new Map()
    for (const { frame, aside } of leftOut) {
      const { sequence } = frame
      const error = aside === null ? undefined : refusedLate(frame, aside, this.#keys.get(sequence))
      this.#last.set(sequence, { error })
      if (error === undefined || this.#awaited.has(sequence)) continue
      this.#count++
      this.#kept = [...this.#kept, error].slice(-MOST_KEPT)
    }
    for (const sequence of this.#keys.keys()) if (sequence <= last) this.#keys.delete(sequence)
  }

  /**
   * Waits for the commit of an append; true where the commit before had its key and its rows. Rejects as the commit does, and
   * `ingest/duplicate-key`.
   */
  async isRepeated(sequence: number, commit: () => Promise<void>): Promise<boolean> {
    this.#awaited.add(sequence)
    try {
      await commit()
      // Before another commit ends.
      const left = this.#last.get(sequence)
      if (left?.error !== undefined) throw left.error
      return left !== undefined
    } finally {
      this.#awaited.delete(sequence)
    }
  }

  /** What was refused after so many; who asks is told. */
  since(count: number): IceboxError | undefined {
    const refused = this.#count - count
    const [first, ...more] = refused === 0 ? [] : this.#kept.slice(-refused)
    this.#told = this.#count
    if (first === undefined || refused === 1) return first
    const all = [first, ...more]
    return new IceboxError('ingest/duplicate-key', {
      message: `${refused} appends are not in the table: before they were committed, their keys were used for other rows. ${all.length === refused ? 'The first' : 'One'} of them: ${first.message}`,
      remedy: 'append them under keys of their own',
      context: { appends: refused, files: all.map(({ context }) => String(context['file'])) },
    })
  }

  /** What nobody was told of. */
  untold(): IceboxError | undefined {
    return this.since(this.#told)
  }
}
