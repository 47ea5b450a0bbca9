import { statfs } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { IceboxError, isIceboxError } from '../base/index.ts'
import { type Catalog, openSqliteCatalog, type TableIdentifier } from '../catalog/index.ts'
import { type Configuration, loadConfiguration, renderDefaultFile } from '../config/index.ts'
import type { ColumnarBatch, SqlParameter, SqlValue } from '../engine/index.ts'
import { ManifestCache } from '../iceberg/index.ts'
import {
  type ImportPlan,
  type ImportStep,
  type IngestServices,
  planImport,
  recoverWrites,
  type StreamRecovery,
  WriteJournal,
} from '../ingest/index.ts'
import { type BillMeter, type MemoryBill, ownMemory } from '../memory/index.ts'
import { type QueryConnection, QueryRunner } from '../query/index.ts'
import { CountingStore, createStore, fileUri, type ObjectStore, type StorageCounters } from '../storage/index.ts'
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
import { type Appender, type AppenderOptions, Appenders } from './appender.ts'
import { allTables, brokenListing, describe, listing, tableText } from './describe.ts'
import { resolveBudget } from './environment.ts'
import { findLake, type LakeFolder, makeLake, makeState } from './folder.ts'
import { importRequest } from './import-request.ts'
import { parseTableName } from './names.ts'
import { startMeter } from './meter.ts'
import { planAndImport } from './plan-and-import.ts'
import { referencedFiles } from './referenced-files.ts'
import { relocateIfMoved } from './relocate.ts'
import { SharedProcess } from './shared-process.ts'

export interface OpenOptions {
  /** `512MB` or `auto`: overrides performance.memory.max_usage. */
  readonly memory?: string
  /** Overrides of the configuration, as `--set` takes them: `['query.timeout=5s']`. */
  readonly set?: readonly string[]
  /** Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv
  /** Default: the working folder. */
  readonly cwd?: string
}

/** Parsed manifests kept between statements: a share of the budget, within bounds. */
const MANIFEST_CACHE = { share: 0.04, minBytes: 2_000_000, maxBytes: 64_000_000 }
const METADATA_CACHE_SHARE = 0.02
/** What a spill may take of the free space where `max_spill` is auto. */
const SPILL_SHARE = 0.9

interface Parts {
  readonly folder: LakeFolder
  readonly configuration: Configuration
  readonly process: SharedProcess
  readonly store: CountingStore
  readonly catalog: Catalog
  readonly journal: WriteJournal
  readonly manifests: ManifestCache
  readonly runner: QueryRunner
}

/** An open lakehouse: the parts, wired. Close it, or write `await using`. */
export class Lakehouse implements CommandLakehouse {
  readonly directory: string
  readonly configuration: Configuration
  readonly catalog: Catalog
  readonly #parts: Parts
  readonly #connection: QueryConnection
  readonly #lifetime: BillMeter
  readonly #appenders: Appenders
  #streamRecovery: StreamRecovery = { rows: 0, streams: 0, failures: [] }
  #operations = 0
  #closing: Promise<void> | undefined

  private constructor(parts: Parts) {
    this.directory = parts.folder.root
    this.configuration = parts.configuration
    this.catalog = parts.catalog
    this.#parts = parts
    this.#connection = parts.runner.connect()
    this.#lifetime = parts.process.governor.bill('lakehouse')
    const { folder, configuration, catalog, store: io } = parts
    const { governor } = parts.process
    const services = (operation: string) => this.#ingest(operation)
    this.#appenders = new Appenders({ folder, configuration, catalog, io, governor, services })
  }

  /**
   * Makes a lakehouse folder and returns its absolute path; options become values of its icebox.yaml. Rejects
   * `lake/exists`, `config/*`, `storage/denied`.
   */
  static async init(directory: string, options: Omit<OpenOptions, 'env' | 'cwd'> = {}): Promise<string> {
    // Checked before anything is made.
    const configuration = await loadConfiguration(flagSources(options))
    const folder = await makeLake(directory, renderDefaultFile(flagValues(configuration)))
    const catalog = await openCatalog(folder, createStore(), undefined, true)
    await catalog.close()
    return folder.root
  }

  /**
   * Opens the lakehouse in `directory`, else ICEBOX_HOME, else the nearest parent of the working folder. Removes what writes
   * of dead processes left, and commits what their streams had acknowledged. Rejects `lake/not-found`, `config/*`, `catalog/*`, `memory/*`.
   */
  static async open(directory?: string, options: OpenOptions = {}): Promise<Lakehouse> {
    const env = options.env ?? process.env
    const folder = await findLake(directory, env, options.cwd ?? process.cwd())
    const configuration = await loadConfiguration({
      file: folder.configFile,
      environment: env,
      ...flagSources(options),
    })
    const { values } = configuration
    const threads = values['performance.cpu.threads']
    await makeState(folder)
    const spillDirectory = spillDirectoryOf(folder, configuration)
    const shared = SharedProcess.join({
      budgetBytes: resolveBudget(configuration),
      threads: threads === 'auto' ? undefined : threads,
      spillDirectory,
      maxSpillBytes: await maxSpillBytes(folder, configuration),
    })
    try {
      const store = new CountingStore(createStore())
      const catalog = await openCatalog(folder, store, Math.floor(shared.budgetBytes * METADATA_CACHE_SHARE), false)
      const journal = new WriteJournal(folder.state)
      await recoverWrites(journal, (paths) => referencedFiles(catalog, store, paths))
      const manifests = new ManifestCache({ maxBytes: manifestCacheBytes(shared.budgetBytes) })
      const runner = new QueryRunner({
        catalog,
        io: store,
        engine: () => shared.engine(),
        manifests,
        journal,
        startMeter: (operation) => startMeter(shared.governor, operation),
        scratchDirectory: folder.state,
        stagingDirectory: spillDirectory,
        targetFileSizeBytes: values['storage.target_file_size'],
        localFiles: true,
        maxValueBytes: values['query.max_value_size'],
      })
      const lake = new Lakehouse({ folder, configuration, process: shared, store, catalog, journal, manifests, runner })
      lake.#streamRecovery = await lake.#appenders.recover()
      return lake
    } catch (error) {
      await shared.leave()
      throw error
    }
  }

  /** The budget of the process, which is that of the first lakehouse opened in it. */
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
    const plan = await planImport(importRequest(options), await this.#ingest('plan'))
    await plan.details.spooled?.remove()
    return plan
  }

  /**
   * Imports files into a table in one commit; a failed or cancelled import leaves the table as it was. Rejects `source/*`,
   * `schema/*`, `table/*`, `ingest/*`, `memory/*`, `storage/*`, `cancelled`.
   */
  async import(options: ImportOptions): Promise<ImportSummary> {
    const { governor, budgetBytes } = this.#parts.process
    const operation = `import ${++this.#operations}`
    const meter = startMeter(governor, operation)
    try {
      const services = await this.#ingest(operation)
      const request = importRequest(options)
      const { onProgress, signal } = options
      const report = (step: ImportStep) => onProgress?.({ ...step, rssBytes: ownMemory().rssBytes, budgetBytes })
      report({ phase: 'inspect', rows: undefined, bytesRead: undefined, bytesTotal: undefined, fraction: undefined })
      const outcome = await planAndImport(request, services, {
        ...(signal !== undefined && { signal }),
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
  async appender(table: string, options: AppenderOptions = {}): Promise<Appender> {
    const found = await this.#appenders.recover()
    if (found.streams + found.failures.length > 0) this.#streamRecovery = found
    return await this.#appenders.open(parseTableName(table), options)
  }

  /** Runs a script, statement by statement: each result is read or closed before the next statement begins. */
  run(sql: string, parameters?: readonly SqlParameter[], options: RunSqlOptions = {}): AsyncIterable<StatementResult> {
    const { signal, ...rest } = options
    const timed = this.#withTimeout(signal)
    return this.#connection.run(sql, {
      ...rest,
      ...(parameters !== undefined && { parameters }),
      ...(timed !== undefined && { signal: timed }),
    })
  }

  /** The batches of one query. `break` cancels it. Rejects `usage/invalid` for a script of several statements. */
  async *query(
    sql: string,
    parameters?: readonly SqlParameter[],
    options?: RunSqlOptions,
  ): AsyncIterable<ColumnarBatch> {
    let count = 0
    for await (const statement of this.run(sql, parameters, options)) {
      if (++count > 1) {
        throw new IceboxError('usage/invalid', {
          message: 'query() takes one statement; there are several',
          remedy: 'use run(), which gives a result for each',
        })
      }
      yield* statement.batches
    }
  }

  /** Rows of a query as objects; values in the template are bound as parameters, never pasted. */
  async sql(text: TemplateStringsArray, ...values: readonly SqlParameter[]): Promise<Record<string, SqlValue>[]> {
    const statement = text.reduce((sql, part, at) => `${sql}$${at}${part}`)
    const rows: Record<string, SqlValue>[] = []
    for await (const batch of this.query(statement, values)) rows.push(...batch.rows())
    return rows
  }

  async tableNames(): Promise<readonly string[]> {
    const names: string[] = []
    for await (const table of allTables(this.catalog)) names.push(tableText(table))
    return names
  }

  async tables(): Promise<readonly TableListing[]> {
    const listings: TableListing[] = []
    for await (const table of allTables(this.catalog)) listings.push(await this.#list(table))
    return listings
  }

  async describeTable(table: string): Promise<TableDescription> {
    const identifier = parseTableName(table)
    return describe(identifier, await this.catalog.loadTable(identifier))
  }

  async registerTable(table: string, metadataFile: string): Promise<TableDescription> {
    const identifier = parseTableName(table)
    if (!(await this.catalog.namespaceExists(identifier.namespace)))
      await this.catalog.createNamespace(identifier.namespace)
    return describe(identifier, await this.catalog.registerTable(identifier, metadataFile))
  }

  async relocate(tables?: readonly string[]): Promise<readonly RelocateSummary[]> {
    const { catalog, store: io, folder } = this.#parts
    const wanted: TableIdentifier[] = []
    if (tables === undefined) for await (const table of allTables(catalog)) wanted.push(table)
    else wanted.push(...tables.map(parseTableName))
    const summaries: RelocateSummary[] = []
    for (const table of wanted) {
      const summary = await relocateIfMoved({ catalog, io, warehouse: fileUri(folder.warehouse) }, table)
      if (summary !== undefined) summaries.push(summary)
    }
    return summaries
  }

  async dropTable(table: string, options: { readonly purge?: boolean } = {}): Promise<void> {
    await this.catalog.dropTable(parseTableName(table), options)
  }

  async renameTable(from: string, to: string): Promise<void> {
    await this.catalog.renameTable(parseTableName(from), parseTableName(to))
  }

  /** Ends what runs and closes the parts in order. A second call waits for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const { runner, catalog, process: shared } = this.#parts
    try {
      try {
        await this.#appenders.close()
      } finally {
        await runner[Symbol.asyncDispose]()
        await catalog.close()
      }
    } finally {
      this.#lifetime[Symbol.dispose]()
      await shared.leave()
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

  async #ingest(operation: string): Promise<IngestServices> {
    const { catalog, store: io, journal, folder, manifests, process: shared } = this.#parts
    const { values } = this.configuration
    const stagingDirectory = spillDirectoryOf(folder, this.configuration)
    return {
      engine: await shared.engine(),
      catalog,
      io,
      governor: shared.governor,
      journal,
      manifests,
      operation,
      settings: {
        sampleRows: values['ingest.sample_rows'],
        maxLineSizeBytes: values['ingest.max_line_size'],
        targetFileSizeBytes: values['storage.target_file_size'],
        spoolDirectory: stagingDirectory,
        stagingDirectory,
        rejectsDirectory: join(folder.state, 'rejects'),
      },
    }
  }

  /** The caller's signal, and `query.timeout` where one is set. */
  #withTimeout(signal: AbortSignal | undefined): AbortSignal | undefined {
    const timeoutMs = this.configuration.values['query.timeout']
    if (timeoutMs === 'none') return signal
    const controller = new AbortController()
    const timer = setTimeout(() => {
      controller.abort(
        new IceboxError('sql/timeout', {
          message: `the statement ran longer than query.timeout (${this.configuration.texts['query.timeout'].text})`,
          remedy: 'raise query.timeout, or ask for less',
          context: { timeoutMs },
        }),
      )
    }, timeoutMs)
    timer.unref()
    return signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal])
  }
}

function flagSources(options: OpenOptions): { set?: readonly string[]; memory?: string } {
  return {
    ...(options.set !== undefined && { set: options.set }),
    ...(options.memory !== undefined && { memory: options.memory }),
  }
}

/** What flags say, by key, for the file that `init` writes. */
function flagValues({ texts }: Configuration): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(texts)
      .filter(([, { origin }]) => origin.kind === 'flag')
      .map(([key, { text }]) => [key, text]),
  )
}

function openCatalog(
  folder: LakeFolder,
  io: ObjectStore,
  cacheBytes: number | undefined,
  create: boolean,
): Promise<Catalog> {
  return openSqliteCatalog({
    path: folder.catalogFile,
    io,
    warehouse: fileUri(folder.warehouse),
    create,
    ...(cacheBytes !== undefined && { cacheBytes }),
  })
}

function spillDirectoryOf(folder: LakeFolder, configuration: Configuration): string {
  const spill = configuration.values['performance.memory.spill_directory']
  return spill === 'auto' ? join(folder.state, 'spill') : resolve(folder.root, spill)
}

async function maxSpillBytes(folder: LakeFolder, configuration: Configuration): Promise<number> {
  const max = configuration.values['performance.memory.max_spill']
  if (max !== 'auto') return max
  const disk = await statfs(folder.state)
  return Math.floor(disk.bavail * disk.bsize * SPILL_SHARE)
}

function manifestCacheBytes(budgetBytes: number): number {
  const { share, minBytes, maxBytes } = MANIFEST_CACHE
  return Math.min(maxBytes, Math.max(minBytes, Math.floor(budgetBytes * share)))
}
