import type { TableIdentifier } from '../../catalog/index.ts'
import { Gate } from '../../engine/index.ts'
import { recoverStreams, type StreamRecovery } from './recover-streams.ts'
import { RowWindow } from './row-window.ts'
import { createStream } from './stream-folder.ts'
import { type SharedLimits, type StreamParts, TableStream } from './table-stream.ts'

/** A way into a table's stream; the stream ends with the last of them. */
export interface StreamHandle {
  readonly stream: TableStream
  /** Rejects as {@link TableStream.close} does, for the last handle. */
  close(): Promise<void>
}

interface Shared {
  readonly stream: Promise<TableStream>
  users: number
}

/** How often streams say that this process lives, for processes that cannot see it by its pid. */
const SIGN_OF_LIFE_MS = 60_000

/** The streams of a lakehouse in this process: one a table, shared by all that append to it, so that their rows gather. */
export class StreamHub {
  readonly #parts: StreamParts
  readonly #shared: SharedLimits
  readonly #streams = new Map<string, Shared>()
  #cancelSign: (() => void) | undefined

  constructor(parts: StreamParts) {
    this.#parts = parts
    this.#shared = {
      gate: new Gate(parts.maxConcurrent),
      window: new RowWindow(parts.windowBytes),
    }
  }

  /** Commits what dead processes left in the spool. */
  recover(): Promise<StreamRecovery> {
    return recoverStreams(this.#parts)
  }

  /** Rejects `table/not-found`, `storage/*`, `iceberg/unsupported` for a table with types that cannot be written. */
  async open(table: TableIdentifier): Promise<StreamHandle> {
    const key = JSON.stringify([table.namespace, table.name])
    const shared = this.#streams.get(key) ?? { stream: this.#start(table), users: 0 }
    this.#streams.set(key, shared)
    shared.users++
    const leave = () => {
      shared.users--
      if (shared.users > 0) return false
      if (this.#streams.get(key) === shared) this.#streams.delete(key)
      return true
    }
    try {
      const stream = await shared.stream
      let closing: Promise<void> | undefined
      return {
        stream,
        close: () => {
          closing ??= leave() ? stream.close() : stream.commit()
          return closing
        },
      }
    } catch (error) {
      leave()
      throw error
    }
  }

  /** Ends all streams. Rejects with the first failure, when all were ended. */
  async close(): Promise<void> {
    this.#cancelSign?.()
    const open = [...this.#streams.values()]
    this.#streams.clear()
    const ended = await Promise.allSettled(open.map(async ({ stream }) => (await stream).close()))
    for (const one of ended) if (one.status === 'rejected') throw one.reason
  }

  async #start(identifier: TableIdentifier): Promise<TableStream> {
    const { catalog, spoolDirectory } = this.#parts
    const table = await catalog.loadTable(identifier)
    const folder = await createStream(spoolDirectory, { identifier, uuid: table.metadata.tableUuid })
    this.#keepSigning()
    return new TableStream(folder, table, this.#parts, this.#shared)
  }

  #keepSigning(): void {
    this.#cancelSign ??= this.#parts.clock.after(SIGN_OF_LIFE_MS, () => {
      this.#cancelSign = undefined
      for (const { stream } of this.#streams.values())
        void stream.then((open) => open.signOfLife()).catch(() => undefined)
      if (this.#streams.size > 0) this.#keepSigning()
    })
  }
}
