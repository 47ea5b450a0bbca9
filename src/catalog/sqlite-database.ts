import { open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite'
import { IceboxError, systemCode } from '../base/index.ts'
import { catalogError, isBusy, lockedError, unreadable } from './sqlite-errors.ts'

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
const HEADER_BYTES = 100
const MAGIC = 'SQLite format 3\0'

/** The value of a column. */
export type SqlValue = string | number | bigint | null | Uint8Array
type Statement = ReturnType<DatabaseSyncInstance['prepare']>

/** One connection: waits for other processes, keeps prepared statements, words errors. */
export class CatalogDatabase {
  readonly path: string
  private readonly database: DatabaseSyncInstance
  private readonly lockTimeoutMs: number
  private readonly statements = new Map<string, Statement>()

  private constructor(database: DatabaseSyncInstance, path: string, lockTimeoutMs: number) {
    this.database = database
    this.path = path
    this.lockTimeoutMs = lockTimeoutMs
  }

  /** Opens the file in WAL mode; never writes to one that is not a whole SQLite database. */
  static async open(options: DatabaseOptions): Promise<CatalogDatabase> {
    const { path } = options
    await checkFile(path, options.create ?? false)
    const lockTimeoutMs = options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS
    let database: DatabaseSyncInstance
    try {
      database = new DatabaseSync(path, { timeout: Math.min(BLOCKING_WAIT_MS, lockTimeoutMs) })
    } catch (error) {
      throw catalogError(error, path)
    }
    const opened = new CatalogDatabase(database, path, lockTimeoutMs)
    try {
      // Other journal modes let readers starve writers. A file system that cannot have WAL keeps its mode.
      if ((await opened.one('PRAGMA journal_mode')) !== 'wal') await opened.one('PRAGMA journal_mode = WAL')
      // A commit that was acknowledged survives a loss of power.
      await opened.attempt(() => database.exec('PRAGMA synchronous = FULL'))
    } catch (error) {
      opened.close()
      throw error
    }
    return opened
  }

  /** Runs a step that reads or makes one change; waits while the database is held by others. Rejects `catalog/locked`. */
  async attempt<T>(step: () => T): Promise<T> {
    const startMs = performance.now()
    for (;;) {
      try {
        return step()
      } catch (error) {
        if (!isBusy(error)) throw catalogError(error, this.path)
        const waitedMs = Math.round(performance.now() - startMs)
        if (waitedMs >= this.lockTimeoutMs) throw lockedError(this.path, waitedMs, error)
        await sleep(5 + Math.random() * 20)
      }
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
    this.statements.clear()
    if (this.database.isOpen) this.database.close()
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

/** Looks at the file before SQLite does: it would take an empty or foreign file for a new database, and a cut one for a small one. */
async function checkFile(path: string, mayCreate: boolean): Promise<void> {
  let header: Buffer
  let sizeBytes: number
  try {
    const stats = await stat(path)
    if (!stats.isFile()) throw unreadable(path, 'is not a file')
    sizeBytes = stats.size
    if (sizeBytes === 0) {
      if (!mayCreate && (await sizeOf(`${path}-wal`)) === 0) throw unreadable(path, 'is empty')
      return
    }
    header = await readHeader(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      if (mayCreate) return await checkFolder(path)
      throw unreadable(path, 'is not there', error)
    }
    if (error instanceof IceboxError) throw error
    throw unreadable(path, `cannot be read (${systemCode(error) ?? String(error)})`, error)
  }
  if (header.length < HEADER_BYTES || header.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    throw unreadable(path, 'is not an SQLite database')
  }
  // https://sqlite.org/fileformat.html: page size at 16 (1 means 65536), pages at 28, valid where 24 equals 92.
  const pageBytes = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16)
  const expectedBytes = pageBytes * header.readUInt32BE(28)
  const isCountValid = header.readUInt32BE(24) === header.readUInt32BE(92)
  // With a write-ahead log beside it, missing pages may be in there; SQLite itself then tells.
  if (isCountValid && sizeBytes < expectedBytes && (await sizeOf(`${path}-wal`)) === 0) {
    throw unreadable(path, `is truncated: it has ${sizeBytes} of ${expectedBytes} bytes`)
  }
}

async function checkFolder(path: string): Promise<void> {
  try {
    await stat(dirname(path))
  } catch (error) {
    throw unreadable(path, 'cannot be made: its folder is not there', error)
  }
}

async function readHeader(path: string): Promise<Buffer> {
  const handle = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
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
