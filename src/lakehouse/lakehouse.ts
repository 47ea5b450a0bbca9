import { aText, checkArgument, checkOptions, IceboxError, isIceboxError, texts, parseTableName } from '../base/index.ts'
import { type Catalog, type TableIdentifier, tableText } from '../catalog/index.ts'
import type { Configuration } from '../config/index.ts'
import type { ColumnarBatch, SqlParameter, SqlValue } from '../engine/index.ts'
import {
  type ImportPlan,
  type ImportRequest,
  type ImportStep,
  planImport,
  type StreamRecovery,
} from '../ingest/index.ts'
import { type BillMeter, type MemoryBill, ownMemory } from '../memory/index.ts'
import type { QueryConnection } from '../query/index.ts'
import { fileUri, type StorageCounters } from '../storage/index.ts'
import type {
  CommandLakehouse,
  ImportOptions,
  ImportSummary,
  RelocateSummary,
  RunSqlOptions,
  StatementResult,
  TableDescription,
  TableListing,
} from './api.ts'
import type { Appender } from './appender.ts'
import { allTables, brokenListing, describe, listing } from './describe.ts'
import { importRequest } from './import-request.ts'
import { startMeter } from './meter.ts'
import { APPENDER_OPTIONS, type AppenderOptions, DROP_OPTIONS, type OpenOptions, RUN_OPTIONS } from './options.ts'
import { closeParts, ingestServices, makeParts, openParts, type Parts } from './parts.ts'
import { planAndImport } from './plan-and-import.ts'
import { relocateIfMoved } from './relocate.ts'
import { register } from './register.ts'
import { type Call, Running } from './running.ts'
import { statementOf } from './template.ts'

/** An open lakehouse: what it can do, over the parts that `parts.ts` wired. Close it, or write `await using`. */
export class Lakehouse implements CommandLakehouse {
  readonly directory: string
  readonly configuration: Configuration
  readonly catalog: Catalog
  readonly #parts: Parts
  readonly #connection: QueryConnection
  readonly #lifetime: BillMeter
  readonly #forgetCache: () => void
  readonly #running = new Running()
  #streamRecovery: StreamRecovery = { rows: 0, streams: 0, failures: [] }
  #operations = 0
  #closing: Promise<void> | undefined

  private constructor(parts: Parts) {
    this.directory = parts.folder.root
    this.configuration = parts.configuration
    this.catalog = parts.catalog
    this.#parts = parts
    this.#connection = parts.runner.connect()
    const { governor } = parts.process
    this.#forgetCache = governor.registerReliever({
      name: 'the cache of manifests',
      rung: 'relieve',
      relieve: () => {
        parts.manifests.trim(0)
        // Garbage from now on, which is given back when it is collected.
        return 0
      },
    })
    this.#lifetime = governor.bill('lakehouse', { isBackground: true })
  }

  /**
   * Makes a lakehouse folder and returns its absolute path; options become values of its icebox.yaml. Rejects
   * `lake/exists`, `config/*`, `storage/denied`.
   */
  static async init(directory: string, options: Omit<OpenOptions, 'env' | 'cwd'> = {}): Promise<string> {
    return makeParts(directory, options)
  }

  /**
   * Opens the lakehouse in `directory`, else ICEBOX_HOME, else the nearest parent of the working folder. Removes what writes
   * of dead processes left, and commits what their streams had acknowledged. A smaller budget than that of lakehouses that
   * are open holds for all of them until this one closes. Rejects `lake/not-found`, `config/*`, `catalog/*`, `memory/*`.
   */
  static async open(directory?: string, options: OpenOptions = {}): Promise<Lakehouse> {
    const parts = await openParts(directory, options)
    const lake = new Lakehouse(parts)
    try {
      if (parts.isWritable) lake.#streamRecovery = await parts.appenders.recover()
      return lake
    } catch (error) {
      await lake.close()
      throw error
    }
  }

  /** The budget of the process: the smallest of the lakehouses that are open in it now. */
  get budgetBytes(): number {
    return this.#parts.process.budgetBytes
  }

  /** Requests and bytes of metadata and manifests since the lakehouse was opened. */
  get storageCounters(): StorageCounters {
    return this.#parts.store.counters()
  }

  /** The bill of everything since the lakehouse was opened. */
  bill(): MemoryBill {
    return this.#lifetime.bill()
  }

  /** What an import would do, without doing it: table, columns and why, partitions, memory and disk needed. */
  async planImport(options: ImportOptions): Promise<ImportPlan> {
    const request = importRequest('planImport()', options)
    return this.#call(async ({ signal }) => {
      const plan = await planImport({ ...request, signal }, await ingestServices(this.#parts, 'plan'))
      await plan.details.documents?.remove()
      await plan.details.spooled?.remove()
      return plan
    }, options.signal)
  }

  /**
   * Imports files into a table in one commit; a failed or cancelled import leaves the table as it was. Rejects `source/*`,
   * `schema/*`, `table/*`, `ingest/*`, `memory/*`, `storage/*`, `cancelled`.
   */
  async import(options: ImportOptions): Promise<ImportSummary> {
    const request = importRequest('import()', options)
    return this.#call((call) => this.#import(request, options.onProgress, call), options.signal)
  }

  async #import(
    request: ImportRequest,
    callback: ImportOptions['onProgress'],
    { signal, guard }: Call,
  ): Promise<ImportSummary> {
    const { governor, budgetBytes } = this.#parts.process
    const operation = `import ${++this.#operations}`
    const onProgress = callback === undefined ? undefined : guard('onProgress', callback)
    governor.tidy()
    // Everything beyond the process itself: an import that keeps its plan is over it only when the budget is.
    const planBytes = Math.max(0, budgetBytes - governor.heldBy('process'))
    using running = await governor.operation({ name: operation, planBytes, signal })
    const meter = startMeter(this.#parts.process, operation, this.#parts.isProfiled)
    try {
      const services = await ingestServices(this.#parts, operation)
      const report = (step: ImportStep) => onProgress?.({ ...step, rssBytes: ownMemory().rssBytes, budgetBytes })
      report({ phase: 'inspect', rows: undefined, bytesRead: undefined, bytesTotal: undefined, fraction: undefined })
      const outcome = await planAndImport({ ...request, signal: running.signal }, services, {
        signal: running.signal,
        hold: (bytes, capacityBytes) => running.hold(bytes, capacityBytes),
        ...(onProgress !== undefined && { onProgress: report }),
      })
      return { ...outcome, ...meter.figures() }
    } finally {
      meter.stop()
    }
  }

  /** What was last found of streams whose process died, at the opening or by {@link appender}, and what became of it. */
  get streamRecovery(): StreamRecovery {
    return this.#streamRecovery
  }

  /**
   * A way to stream rows into a table that exists; appenders of a process on one table gather their rows together. Rejects
   * `table/not-found`, `storage/*`.
   */
  appender(table: string, options: AppenderOptions = {}): Promise<Appender> {
    return this.#call(async () => {
      const identifier = parseTableName(table)
      checkOptions('appender()', options, APPENDER_OPTIONS)
      const found = await this.#parts.appenders.recover()
      if (found.streams + found.failures.length > 0) this.#streamRecovery = found
      return await this.#parts.appenders.open(identifier, options)
    })
  }

  /** Runs a script, statement by statement: each result is read or closed before the next statement begins. */
  run(sql: string, parameters?: readonly SqlParameter[], options: RunSqlOptions = {}): AsyncIterable<StatementResult> {
    return this.#statements('run()', sql, parameters, options)
  }

  /** The batches of one query. `break` cancels it. Rejects `usage/invalid` for a script of several statements. */
  async *query(
    sql: string,
    parameters?: readonly SqlParameter[],
    options: RunSqlOptions = {},
  ): AsyncIterable<ColumnarBatch> {
    for await (const statement of this.#statements('query()', sql, parameters, options)) yield* statement.batches
  }

  async *#statements(
    call: 'run()' | 'query()',
    sql: string,
    parameters: readonly SqlParameter[] | undefined,
    options: RunSqlOptions,
    placeholders?: readonly number[],
  ): AsyncGenerator<StatementResult, void, undefined> {
    checkArgument(call, 'the statement', sql, aText)
    checkOptions(call, options, RUN_OPTIONS)
    const { signal: own, onProgress, ...rest } = options
    yield* this.#running.items(own, ({ signal, guard }) =>
      this.#connection.run(sql, {
        ...rest,
        ...(parameters !== undefined && { parameters }),
        ...(onProgress !== undefined && { onProgress: guard('onProgress', onProgress) }),
        ...(placeholders !== undefined && { placeholders }),
        isSingle: call === 'query()',
        signal,
      }),
    )
  }

  /** Rows of a query as objects; values in the template are bound as parameters, never pasted. */
  async sql(text: TemplateStringsArray, ...values: readonly SqlParameter[]): Promise<Record<string, SqlValue>[]> {
    if (!Array.isArray(text)) {
      throw new IceboxError('usage/invalid', {
        message: 'sql is the tag of a template, and was called as a function',
        remedy: 'write lake.sql`select …`, or use query() for a text',
      })
    }
    const { sql, placeholders } = statementOf(text)
    const rows: Record<string, SqlValue>[] = []
    for await (const { batches } of this.#statements('query()', sql, values, {}, placeholders)) {
      for await (const batch of batches) rows.push(...batch.rows())
    }
    return rows
  }

  tableNames(): Promise<readonly string[]> {
    return this.#call(async () => {
      const names: string[] = []
      for await (const table of allTables(this.catalog)) names.push(tableText(table))
      return names
    })
  }

  tables(): Promise<readonly TableListing[]> {
    return this.#call(async () => {
      const listings: TableListing[] = []
      for await (const table of allTables(this.catalog)) listings.push(await this.#list(table))
      return listings
    })
  }

  describeTable(table: string): Promise<TableDescription> {
    return this.#call(async () => {
      const identifier = parseTableName(table)
      return describe(identifier, await this.catalog.loadTable(identifier))
    })
  }

  registerTable(table: string, metadataFile: string): Promise<TableDescription> {
    return this.#call(async () => {
      const identifier = parseTableName(table)
      checkArgument('registerTable()', 'the metadata file', metadataFile, aText)
      return describe(identifier, await register(this.catalog, identifier, metadataFile))
    })
  }

  relocate(tables?: readonly string[]): Promise<readonly RelocateSummary[]> {
    return this.#call(async () => {
      const { catalog, store: io, folder } = this.#parts
      const wanted: TableIdentifier[] = []
      if (tables === undefined) for await (const table of allTables(catalog)) wanted.push(table)
      else {
        checkArgument('relocate()', 'the tables', tables, texts)
        wanted.push(...tables.map(parseTableName))
      }
      const summaries: RelocateSummary[] = []
      for (const table of wanted) {
        const summary = await relocateIfMoved({ catalog, io, warehouse: fileUri(folder.warehouse) }, table)
        if (summary !== undefined) summaries.push(summary)
      }
      return summaries
    })
  }

  dropTable(table: string, options: { readonly purge?: boolean | undefined } = {}): Promise<void> {
    return this.#call(async () => {
      checkOptions('dropTable()', options, DROP_OPTIONS)
      const identifier = parseTableName(table)
      await this.#parts.appenders.settle(identifier)
      await this.catalog.dropTable(identifier, { purge: options.purge === true })
    })
  }

  renameTable(from: string, to: string): Promise<void> {
    return this.#call(() => this.catalog.renameTable(parseTableName(from), parseTableName(to)))
  }

  /**
   * Cancels what runs, commits what appenders were given, and closes the parts in order. A second call waits for the first.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Every method that works with the parts: none does once the lakehouse is closed, and closing waits for it. */
  #call<T>(act: (call: Call) => Promise<T>, own?: AbortSignal): Promise<T> {
    return this.#running.during(own, act)
  }

  async #close(): Promise<void> {
    try {
      await this.#running.end()
      try {
        await this.#parts.appenders.close()
      } finally {
        await closeParts(this.#parts)
      }
    } finally {
      this.#forgetCache()
      this.#lifetime[Symbol.dispose]()
    }
  }

  async #list(table: TableIdentifier): Promise<TableListing> {
    const location = await this.catalog.metadataLocation(table)
    try {
      return listing(table, await this.catalog.loadTable(table))
    } catch (error) {
      if (!isIceboxError(error)) throw error
      return brokenListing(table, location, error)
    }
  }
}
