import { PassThrough } from 'node:stream'
import { Interrupts } from '../../../src/cli/interrupts.ts'
import type { CliIo, OutputStream } from '../../../src/cli/io.ts'
import type { LakeDoor } from '../../../src/cli/lake-door.ts'
import { runCli } from '../../../src/cli/run.ts'
import type {
  CommandLakehouse,
  ImportOptions,
  ImportSummary,
  OperationSummary,
  ResultColumn,
  RunSqlOptions,
  SqlValue,
  StatementResult,
  TableDescription,
} from '../../../src/lakehouse/api.ts'
import { batchOf } from './cli-batches.ts'

export const SUMMARY: OperationSummary = {
  rows: 2,
  bytesRead: 100,
  bytesWritten: 50,
  files: 1,
  snapshotId: '42',
  elapsedMs: 12,
  cpuMs: 10,
  budgetBytes: 256_000_000,
  peakRssBytes: 96_000_000,
  spilledBytes: 0,
  bill: {
    budgetBytes: 256_000_000,
    peakRssBytes: 96_000_000,
    consumers: [],
    unattributedBytes: 0,
    spilledBytes: 0,
    pressure: { rungs: {}, sourcePauses: 0, sourcePausedMs: 0, purges: 0, alerts: 0, brakes: 0 },
  },
}

export const ORDERS: TableDescription = {
  table: 'sales.orders',
  namespace: 'sales',
  name: 'orders',
  rows: 1234,
  files: 2,
  bytes: 5_000_000,
  partitionedBy: 'month(ts)',
  formatVersion: 2,
  changedMs: Date.UTC(2026, 10, 23, 16, 5),
  metadataLocation: 'file:///lake/warehouse/sales/orders/metadata/00001-a.metadata.json',
  problem: null,
  uuid: '11111111-2222-3333-4444-555555555555',
  location: 'file:///lake/warehouse/sales/orders',
  columns: [
    { id: 1, name: 'id', type: 'long', required: true, doc: null },
    { id: 2, name: 'ts', type: 'timestamp', required: false, doc: 'when' },
  ],
  sortedBy: '',
  currentSnapshotId: '42',
  snapshots: 3,
  refs: { main: '42' },
  properties: {},
}

/** What a statement gives in the fake: rows, a message, or an error after some rows. */
export interface FakeStatement {
  readonly columns?: readonly ResultColumn[]
  readonly rows?: readonly (readonly SqlValue[])[]
  readonly message?: string
  readonly failsWith?: Error
}

/** A lakehouse at the boundary of the command line: it records what it is asked and answers from a list. */
export class FakeLake implements CommandLakehouse {
  readonly directory = '/lake'
  readonly budgetBytes = 256_000_000
  streamRecovery: CommandLakehouse['streamRecovery'] = { rows: 0, streams: 0, failures: [] }
  readonly asked: string[] = []
  readonly imports: ImportOptions[] = []
  isClosed = false
  readonly #answers: (sql: string) => FakeStatement

  constructor(answers: (sql: string) => FakeStatement = () => ({})) {
    this.#answers = answers
  }

  import(options: ImportOptions): Promise<ImportSummary> {
    this.imports.push(options)
    return Promise.resolve({
      ...SUMMARY,
      table: options.table,
      created: true,
      rejectedRows: 0,
      rejectsFile: null,
      skipped: false,
      notes: ['read dates as ISO'],
    })
  }

  planImport(): Promise<never> {
    return Promise.reject(new Error('the fake plans nothing'))
  }

  async *run(sql: string, _parameters?: unknown, options?: RunSqlOptions): AsyncIterable<StatementResult> {
    options?.signal?.throwIfAborted()
    this.asked.push(sql)
    const { columns = [], rows = [], message = '', failsWith } = this.#answers(sql)
    await Promise.resolve()
    let isDisposed = false
    yield {
      kind: columns.length > 0 ? 'select' : 'create table',
      columns,
      message,
      batches: (async function* () {
        await Promise.resolve()
        // As the real one: a result that was disposed gives no rows.
        if (isDisposed) return
        if (rows.length > 0) yield batchOf(columns, rows)
        if (failsWith !== undefined) throw failsWith
      })(),
      arrow: () => Promise.reject(new Error('the fake has no engine')),
      summary: () => ({ ...SUMMARY, rows: rows.length }),
      [Symbol.asyncDispose]: () => {
        isDisposed = true
        return Promise.resolve()
      },
    }
  }

  tableNames = () => Promise.resolve(['sales.orders'])
  tables = () => Promise.resolve([ORDERS])
  describeTable = () => Promise.resolve(ORDERS)
  registerTable = () => Promise.resolve(ORDERS)
  relocate = () => Promise.resolve([])

  dropTable(table: string, options?: { readonly purge?: boolean }): Promise<void> {
    this.asked.push(`drop ${table}${options?.purge === true ? ' purge' : ''}`)
    return Promise.resolve()
  }

  renameTable(): Promise<void> {
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true
    return Promise.resolve()
  }
}

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly lake?: CommandLakehouse
  readonly openFails?: Error
  readonly stdin?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
  readonly terminalWidth?: number
  readonly interrupts?: Interrupts
}

/** Runs a command line against a lakehouse of the test, without a process. */
export async function runWith(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const captured = { out: '', err: '' }
  const capture = (key: 'out' | 'err'): OutputStream => ({
    isTerminal: options.terminalWidth !== undefined,
    width: options.terminalWidth,
    write: (chunk) => {
      captured[key] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1')
      return Promise.resolve()
    },
  })
  const stdin = new PassThrough()
  stdin.end(options.stdin ?? '')
  const io: CliIo = {
    stdin,
    stdout: capture('out'),
    stderr: capture('err'),
    progressTerminal: undefined,
    editorTerminal: undefined,
    env: options.env ?? {},
    cwd: '/',
  }
  const lake = options.lake ?? new FakeLake()
  const door: LakeDoor = {
    open: () => (options.openFails === undefined ? Promise.resolve(lake) : Promise.reject(options.openFails)),
    init: (directory) => Promise.resolve(`/made/${directory}`),
    configurationSources: () => Promise.resolve({}),
    budgetBytes: () => Promise.resolve(1_000_000_000),
    environment: () =>
      Promise.resolve({
        engine: { version: 'v1.5.5', isAllocatorReached: true },
        memory: {
          limitBytes: 8e9,
          autoBudgetBytes: 4e9,
          autoSource: "half of the machine's memory",
          leastBudgetBytes: 219e6,
        },
      }),
  }
  const code = await runCli(argv, io, door, options.interrupts ?? new Interrupts(() => {}))
  return { code, ...captured }
}
