import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite'
import { IceboxError, systemCode } from '../base/index.ts'
import { isOutdated, isReadOnly, type OpenFile, openReadOnly } from './sqlite-file.ts'
import { catalogError, isBusy, lockedError, sqliteCode, unreadable } from './sqlite-errors.ts'

export interface DatabaseOptions {
  readonly path: string
  /** How long to wait for another process that holds the database; default 10 s. */
  readonly lockTimeoutMs?: number
  /** Makes the database when there is none; without it a missing file is `catalog/unreadable`. */
  readonly create?: boolean
}

const DEFAULT_LOCK_TIMEOUT_MS = 10_000
/** SQLite's own wait blocks the whole process, so it is short; the rest of the wait leaves the event loop free. */
const BLOCKING_WAIT_MS = 20

/** The value of a column. */
export type SqlValue = string | number | bigint | null | Uint8Array
type Statement = ReturnType<DatabaseSyncInstance['prepare']>

/** One connection: waits for other processes, keeps prepared statements, words errors. */
export class CatalogDatabase {
  readonly path: string
  private file: OpenFile
  private readonly lockTimeoutMs: number
  private readonly statements = new Map<string, Statement>()

  private constructor(file: OpenFile, lockTimeoutMs: number) {
    this.file = file
    this.path = file.path
    this.lockTimeoutMs = lockTimeoutMs
  }

  private get database(): DatabaseSyncInstance {
    return this.file.database
  }

  /** Opens the file without writing to it; for reading only where it, or its folder, cannot be written. */
  static async open(options: DatabaseOptions): Promise<CatalogDatabase> {
    const { path } = options
    await checkFile(path, options.create ?? false)
    const lockTimeoutMs = options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS
    const timeout = Math.min(BLOCKING_WAIT_MS, lockTimeoutMs)
    try {
      const file = isReadOnly(path)
        ? openReadOnly(path, timeout)
        : { database: new DatabaseSync(path, { timeout }), path, isReadOnly: false, seen: undefined }
      return new CatalogDatabase(file, lockTimeoutMs)
    } catch (error) {
      throw catalogError(error, path)
    }
  }

  /** Settings that write to the file, for a database that was found to be ours. */
  async configure(): Promise<void> {
    if (this.file.isReadOnly) return
    // Other journal modes let readers starve writers. A file system that cannot have WAL keeps its mode.
    if ((await this.one('PRAGMA journal_mode')) !== 'wal') await this.one('PRAGMA journal_mode = WAL')
    // A commit that was acknowledged survives a loss of power.
    await this.attempt(() => this.database.exec('PRAGMA synchronous = FULL'))
  }

  /** Runs a step that reads or makes one change; waits while the database is held by others. Rejects `catalog/locked`. */
  async attempt<T>(step: () => T): Promise<T> {
    const startMs = performance.now()
    for (;;) {
      let problem: unknown
      try {
        if (isOutdated(this.file)) this.reopen()
        const result = step()
        if (!isOutdated(this.file)) return result
      } catch (error) {
        if (error instanceof IceboxError || !(isBusy(error) || isOutdated(this.file))) {
          throw catalogError(error, this.path)
        }
        problem = error
      }
      const waitedMs = Math.round(performance.now() - startMs)
      if (waitedMs >= this.lockTimeoutMs) throw lockedError(this.path, waitedMs, problem)
      await sleep(5 + Math.random() * 20)
    }
  }

  /** Runs several statements as one change, all or none. */
  transaction<T>(steps: () => T): Promise<T> {
    return this.attempt(() => {
      this.database.exec('BEGIN IMMEDIATE')
      try {
        const result = steps()
        this.database.exec('COMMIT')
        return result
      } catch (error) {
        if (this.database.isTransaction) this.database.exec('ROLLBACK')
        throw error
      }
    })
  }

  /** Rows of a query, a value a column; inside `attempt` or `transaction`. */
  rows(sql: string, ...values: readonly SqlValue[]): SqlValue[][] {
    const found: unknown = this.prepared(sql).all(...values)
    return Array.isArray(found) ? found.map((row: unknown) => valuesOf(row)) : []
  }

  /** Number of rows that a statement changed; inside `attempt` or `transaction`. */
  run(sql: string, ...values: readonly SqlValue[]): number {
    return this.prepared(sql).run(...values).changes
  }

  /** Statements without values or rows; inside `attempt` or `transaction`. */
  execute(sql: string): void {
    this.database.exec(sql)
  }

  /** First column of the first row. */
  async one(sql: string, ...values: readonly SqlValue[]): Promise<SqlValue | undefined> {
    return (await this.attempt(() => this.rows(sql, ...values)))[0]?.[0]
  }

  close(): void {
    if (!this.database.isOpen) return
    if (!this.file.isReadOnly) this.emptyLog()
    this.statements.clear()
    this.database.close()
  }

  /** A file that was opened without locks, after another process changed it. */
  private reopen(): void {
    const file = openReadOnly(this.path, Math.min(BLOCKING_WAIT_MS, this.lockTimeoutMs))
    this.statements.clear()
    this.database.close()
    this.file = file
  }

  private emptyLog(): void {
    try {
      // The binding frees prepared statements only with the garbage collector, so that SQLite does not see the last
      // connection close and would leave the log beside the file: a copy of the file alone would lack what is in there.
      this.database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch (error) {
      // Held by others, or cannot be written: the log is whole, and whoever opens the file next reads it.
      if (sqliteCode(error) === undefined) throw error
    }
  }

  private prepared(sql: string): Statement {
    let statement = this.statements.get(sql)
    if (statement === undefined) {
      statement = this.database.prepare(sql)
      statement.setReturnArrays(true)
      this.statements.set(sql, statement)
    }
    return statement
  }
}

function valuesOf(row: unknown): SqlValue[] {
  if (!Array.isArray(row)) return []
  return row.map((value: unknown) =>
    typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || value instanceof Uint8Array
      ? value
      : null,
  )
}

/**
 * Looks whether there is a file, since SQLite would make one, or fill an empty one. It is not opened here: closing it would
 * drop the locks that SQLite holds on it for other connections of this process (https://sqlite.org/howtocorrupt.html, 2.2).
 * A file that is cut, damaged or of something else SQLite tells by itself, before it writes.
 */
async function checkFile(path: string, mayCreate: boolean): Promise<void> {
  try {
    const stats = await stat(path)
    if (!stats.isFile()) throw unreadable(path, 'is not a file')
    if (stats.size > 0 || mayCreate) return
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw catalogError(error, path)
    if (mayCreate) return await checkFolder(path)
    throw unreadable(path, 'is not there', error)
  }
  // All of a young database may still be in its write-ahead log.
  if ((await sizeOf(`${path}-wal`)) === 0) throw unreadable(path, 'is empty')
}

async function checkFolder(path: string): Promise<void> {
  try {
    await stat(dirname(path))
  } catch (error) {
    throw unreadable(path, 'cannot be made: its folder is not there', error)
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0
    throw error
  }
}
