import { IceboxError, isIceboxError } from '../../base/index.ts'
import { type TableIdentifier, tableText } from '../../catalog/index.ts'
import { Gate } from '../../engine/index.ts'
import type { LoadedTable } from '../../iceberg/index.ts'
import { recoverStreams, type StreamRecovery } from './recover-streams.ts'
import { RowWindow } from './row-window.ts'
import { createStream } from './stream-folder.ts'
import { type SharedLimits, type StreamParts, TableStream } from './table-stream.ts'

/** A way into a table's stream; the stream ends with the last of them. */
export interface StreamHandle {
  /** Rejects `usage/invalid` once this handle was closed, whoever has another. */
  readonly stream: Pick<TableStream, 'append' | 'commit' | 'lastSnapshotId' | 'leftOut'>
  /** Rejects as {@link TableStream.close} does, for the last handle. */
  close(): Promise<void>
}

interface Shared {
  readonly uuid: string
  readonly stream: Promise<TableStream>
  users: number
}

/** How often streams say that this process lives, for processes that cannot see it by its pid. */
const SIGN_OF_LIFE_MS = 60_000

/**
 * The streams of a lakehouse in this process: one a table, shared by all that append to it, so that their rows gather. A table
 * is its uuid under a name: two names may have one uuid (a copy that was registered), and one name two after another.
 */
export class StreamHub {
  readonly #parts: StreamParts
  readonly #shared: SharedLimits
  /** By uuid and name of the table when it was opened. */
  readonly #streams = new Map<string, Shared>()
  /** Those whose last handle was closed, until they ended. */
  readonly #ending = new Set<Shared>()
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
    const loaded = await this.#parts.catalog.loadTable(table)
    const { tableUuid: uuid } = loaded.metadata
    const key = JSON.stringify([uuid, table.namespace, table.name])
    const shared = this.#streams.get(key) ?? { uuid, stream: this.#start(table, loaded), users: 0 }
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
      const open = (): TableStream => {
        if (closing === undefined) return stream
        throw closed(table)
      }
      return {
        stream: {
          append: async (rows, request) => open().append(rows, request),
          commit: async () => open().commit(),
          leftOut: stream.leftOut,
          get lastSnapshotId() {
            return stream.lastSnapshotId
          },
        },
        close: () => {
          closing ??= leave() ? this.#end(shared, stream) : stream.commit()
          return closing
        },
      }
    } catch (error) {
      leave()
      throw error
    }
  }

  async #end(shared: Shared, stream: TableStream): Promise<void> {
    this.#ending.add(shared)
    try {
      await stream.close()
    } finally {
      this.#ending.delete(shared)
    }
  }

  /**
   * Rows that wait for the table go into it, before it is changed so that they might not fit. Where they cannot, they wait on,
   * and who waits for them is told.
   */
  async settle(table: TableIdentifier): Promise<void> {
    const open = [...this.#streams.values(), ...this.#ending]
    if (open.length === 0) return
    try {
      const { metadata } = await this.#parts.catalog.loadTable(table)
      const own = open.filter(({ uuid }) => uuid === metadata.tableUuid)
      await Promise.allSettled(own.map(async ({ stream }) => (await stream).settle()))
    } catch (error) {
      if (!isIceboxError(error)) throw error
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

  async #start(identifier: TableIdentifier, table: LoadedTable): Promise<TableStream> {
    const folder = await createStream(this.#parts.spoolDirectory, { identifier, uuid: table.metadata.tableUuid })
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

function closed(table: TableIdentifier): IceboxError {
  return new IceboxError('usage/invalid', {
    message: `this appender of ${tableText(table)} was closed`,
    remedy: 'open another one',
  })
}
