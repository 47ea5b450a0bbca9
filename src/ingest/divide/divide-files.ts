import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { IceboxError, messageOf, packagedScript, throwIfCancelled } from '../../base/index.ts'
import { NotDividable, type TextGroup } from '../write/dividable-text.ts'
import { fileError } from '../write/files.ts'
import {
  type ChunkDividerOptions,
  type ChunkDone,
  dividerBytes,
  type GroupFile,
  type TextChunk,
} from './chunk-divider.ts'
import type { DivideReply, DivideRequest } from './protocol.ts'
import { MOST_GROUPS, OTHERS, type TextDivision } from './record-divider.ts'

const KiB = 1024
const MiB = 1024 * KiB
const CHUNK_BYTES = 16 * MiB
const SLOT_BYTES = [64 * KiB, 32 * KiB]
/** V8's heaps of a thread, and its stack. */
const THREAD_BYTES = 9 * MiB

export interface DivideOptions extends TextDivision {
  readonly paths: readonly string[]
  /** Of the groups' files; it is there and empty. */
  readonly folder: string
  /** Groups that are expected; those beyond a quarter more are put together. */
  readonly groups: number
  readonly threads: number
  readonly slotBytes: number
  readonly signal?: AbortSignal | undefined
  readonly chunkBytes?: number
  /** Bytes that were divided so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined
}

export interface DivisionPlan {
  readonly threads: number
  readonly slotBytes: number
  /** Of memory. */
  readonly bytes: number
}

/** Ways to divide into so many groups, the fastest first; each takes less memory than the one before. */
export function divisionPlans(groups: number, threads: number): DivisionPlan[] {
  return [...new Set([threads, 1])].flatMap((count) =>
    SLOT_BYTES.map((slotBytes) => ({
      threads: count,
      slotBytes,
      bytes: count * (THREAD_BYTES + dividerBytes(slotCount(groups), slotBytes)),
    })),
  )
}

/**
 * Divides CSV files by values of their records into files of groups, without headers; the largest group comes first.
 * Rejects {@link NotDividable} for text that cannot be divided (quotes that do not end, line ends in quotes where a chunk
 * begins, records above a slot, NUL bytes), `storage/*`, `cancelled`.
 */
export async function divideFiles(options: DivideOptions): Promise<readonly TextGroup[]> {
  const { threads, csv, hasHeader, fields, folder, slotBytes } = options
  const chunks = await chunksOf(options.paths, options.chunkBytes ?? CHUNK_BYTES)
  const start = { csv, hasHeader, fields, folder, slotBytes, groups: slotCount(options.groups) }
  const dividers = Array.from(
    { length: Math.min(threads, chunks.length) },
    (_, at) => new DividingThread({ ...start, name: String(at) }),
  )
  try {
    const done: ChunkDone[] = []
    let next = 0
    let bytes = 0
    let isDivisible = true
    await Promise.all(
      dividers.map(async (divider) => {
        for (let at = next++; at < chunks.length && isDivisible; at = next++) {
          throwIfCancelled(options.signal)
          const chunk = chunks[at]
          if (chunk === undefined) break
          done[at] = await divider.divide(chunk)
          isDivisible &&= done[at] !== undefined
          bytes += chunk.to - chunk.from
          options.onProgress?.(bytes)
        }
      }),
    )
    if (!isDivisible || !follow(chunks, done)) throw new NotDividable('its records cannot be told apart')
    const files = await Promise.all(dividers.map((divider) => divider.finish()))
    return together(files.flat())
  } finally {
    await Promise.all(dividers.map((divider) => divider.end()))
  }
}

function slotCount(groups: number): number {
  return Math.min(MOST_GROUPS, Math.ceil(groups * 1.25) + OTHERS + 8)
}

async function chunksOf(paths: readonly string[], chunkBytes: number): Promise<TextChunk[]> {
  const chunks: TextChunk[] = []
  for (const path of paths) {
    const { size } = await stat(path).catch((error: unknown) => {
      throw fileError(`${path} cannot be read`, error)
    })
    for (let from = 0; from < size; from += chunkBytes)
      chunks.push({ path, from, to: Math.min(size, from + chunkBytes) })
  }
  return chunks
}

/** Whether each chunk began where the one before ended: by induction each began with a record. */
function follow(chunks: readonly TextChunk[], done: readonly ChunkDone[]): boolean {
  return chunks.every(({ from }, at) => from === 0 || (done[at] !== undefined && done[at].first === done[at - 1]?.end))
}

function together(files: readonly GroupFile[]): TextGroup[] {
  const groups = new Map<string, TextGroup>()
  for (const { key, path, bytes, isOthers } of files) {
    const known = groups.get(key)
    groups.set(key, { paths: [...(known?.paths ?? []), path], bytes: (known?.bytes ?? 0) + bytes, isOthers })
  }
  return [...groups.values()].toSorted((a, b) => b.bytes - a.bytes)
}

/** A thread with a divider. */
class DividingThread {
  readonly #worker: Worker
  #failure: unknown

  constructor(start: ChunkDividerOptions) {
    const script = packagedScript('divide-worker.js')
    if (script === undefined) throw new NotDividable('divide-worker.js is not in this installation')
    this.#worker = new Worker(script, {
      workerData: start,
      // Its objects are few: a young generation as large as V8 likes would only be memory.
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 24 },
    })
    this.#worker.on('error', (error) => {
      this.#failure = error
    })
  }

  async divide(chunk: TextChunk): Promise<ChunkDone> {
    const reply = await this.#ask(chunk)
    if ('done' in reply) return reply.done
    throw unexpected(reply)
  }

  async finish(): Promise<readonly GroupFile[]> {
    const reply = await this.#ask('finish')
    if ('files' in reply) return reply.files
    throw unexpected(reply)
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  async #ask(request: DivideRequest): Promise<DivideReply> {
    // Rejects by an error of the thread, too.
    const answer = this.#failure === undefined ? once(this.#worker, 'message') : Promise.reject(this.#failure)
    this.#worker.postMessage(request, [])
    const [reply] = await answer.catch((error: unknown) => {
      throw new NotDividable(`a thread for it failed: ${messageOf(error)}`)
    })
    if ('failure' in reply) throw fileError('text cannot be divided', asError(reply.failure))
    return reply
  }
}

function asError({ code, message }: { readonly code: string | undefined; readonly message: string }): Error {
  return Object.assign(new Error(message), { code })
}

function unexpected(reply: DivideReply): IceboxError {
  return new IceboxError('internal/unreachable', { message: `a thread answered ${JSON.stringify(reply)}` })
}
