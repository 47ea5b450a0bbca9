import { join } from 'node:path'
import { checkOptions } from '../base/index.ts'
import type { TableIdentifier } from '../catalog/index.ts'
import type { Configuration } from '../config/index.ts'
import {
  type AppendResult,
  type IngestServices,
  MONOTONIC_CLOCK,
  type SourcesPort,
  type StreamHandle,
  StreamHub,
  type StreamParts,
} from '../ingest/index.ts'
import type { LakeFolder } from './folder.ts'
import { NumberedCalls } from './numbered-calls.ts'
import { APPEND_OPTIONS, type AppenderOptions, type AppendOptions } from './options.ts'

/**
 * A row: an object with values by column name, of a class, an interface or none; a column that is left out is NULL. Not a
 * type with an index signature, which instances of classes and interfaces do not have.
 */
export type AppendedRow = object

/** Streams rows into a table: small appends gather on disk, and are committed together by size, by time, or when asked. */
export class Appender implements AsyncDisposable {
  readonly #handle: StreamHandle
  readonly #options: AppenderOptions
  readonly #calls = new NumberedCalls()
  #underWay: Promise<unknown> = Promise.resolve()
  /** Of the appends that were refused late: those that this appender was told of. */
  #told: number

  constructor(handle: StreamHandle, options: AppenderOptions) {
    this.#handle = handle
    this.#options = options
    this.#told = handle.stream.leftOut.count
  }

  /**
   * Adds rows, all or none. Waits while too much is on its way, or memory is short. Rejects `source/row` naming row, column
   * and value, `ingest/duplicate-key` (a key with other rows), `storage/full` and other `storage/*`, `stream/uncommitted`,
   * `usage/invalid` for arguments of other kinds, `cancelled`.
   */
  async append(rows: readonly AppendedRow[], options: AppendOptions = {}): Promise<AppendResult> {
    checkOptions('append()', options, APPEND_OPTIONS)
    const ack = options.ack ?? this.#options.ack ?? 'durable'
    const { key: prefix } = this.#options
    if (prefix === undefined || options.key !== undefined)
      return await this.#handle.stream.append(rows, { ...options, ack })
    const number = this.#calls.take(rows)
    const appended = this.#handle.stream.append(rows, { ...options, ack, key: `${prefix}/${number}` })
    // Of its results nothing is kept.
    this.#underWay = Promise.allSettled([this.#underWay, appended]).then(() => undefined)
    try {
      return await appended
    } catch (error) {
      this.#calls.failed(number, rows)
      throw error
    }
  }

  /**
   * Commits what was appended; gives the snapshot that holds the last of it. Rejects `stream/uncommitted`, and
   * `ingest/duplicate-key` once for appends that were acknowledged and are not in the table, since another process used
   * their key for other rows before they were committed.
   */
  async commit(): Promise<{ readonly snapshotId: string | null }> {
    await this.#underWay
    await this.#handle.stream.commit()
    this.#tell()
    return { snapshotId: this.#handle.stream.lastSnapshotId?.toString() ?? null }
  }

  /**
   * Commits and ends. Where the commit fails the rows stay on disk for the next start. A second call waits for the first.
   * Rejects as {@link commit} does.
   */
  async close(): Promise<void> {
    await this.#underWay
    await this.#handle.close()
    this.#tell()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #tell(): void {
    const { leftOut } = this.#handle.stream
    const refused = leftOut.since(this.#told)
    this.#told = leftOut.count
    if (refused !== undefined) throw refused
  }
}

/** Rows in memory that wait for the disk: a share of the budget, within bounds. */
const WINDOW = { share: 1 / 64, mostBytes: 16_000_000 }
/** Of the budget for each commit at once: the reader of its rows takes 32 MiB a thread, and the writer as much. */
const COMMIT_BUDGET_BYTES = 250_000_000
/** As text, of the budget: committed at 256MB to 2GB with room to spare (docs/decisions/0021-appends-in-the-pool.md). */
const ROW_SHARE = 1 / 48

/** What `lake.appender` is made of. */
export class Appenders {
  readonly #hub: StreamHub

  constructor(parts: {
    readonly folder: LakeFolder
    readonly configuration: Configuration
    readonly budgetBytes: number
    readonly catalog: StreamParts['catalog']
    readonly io: StreamParts['io']
    readonly governor: StreamParts['governor']
    readonly buffers: StreamParts['buffers']
    readonly services: (operation: string) => Promise<IngestServices>
    /** What pauses sources while memory is short. */
    readonly sources: SourcesPort
  }) {
    const { folder, configuration, budgetBytes, ...rest } = parts
    const { values } = configuration
    this.#hub = new StreamHub({
      ...rest,
      spoolDirectory: join(folder.state, 'spool'),
      commitBytes: values['performance.streaming.commit_size'],
      commitIntervalMs: values['performance.streaming.commit_interval'],
      maxConcurrent: Math.max(
        1,
        Math.min(values['performance.streaming.max_concurrent'], Math.floor(budgetBytes / COMMIT_BUDGET_BYTES)),
      ),
      mostRowBytes: budgetBytes * ROW_SHARE,
      windowBytes: Math.min(WINDOW.mostBytes, budgetBytes * WINDOW.share),
      clock: MONOTONIC_CLOCK,
    })
  }

  async open(table: TableIdentifier, options: AppenderOptions): Promise<Appender> {
    return new Appender(await this.#hub.open(table), options)
  }

  /** Commits what waits for a table, if it can be. */
  settle(table: TableIdentifier): Promise<void> {
    return this.#hub.settle(table)
  }

  /** Commits what dead processes had acknowledged. */
  recover(): ReturnType<StreamHub['recover']> {
    return this.#hub.recover()
  }

  close(): Promise<void> {
    return this.#hub.close()
  }
}
