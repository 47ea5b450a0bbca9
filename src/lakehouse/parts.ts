import { join, resolve } from 'node:path'
import { aText, checkArgument, checkOptions, freeSpaceBytes } from '../base/index.ts'
import { type Catalog, openSqliteCatalog } from '../catalog/index.ts'
import { type Configuration, loadConfiguration, renderDefaultFile } from '../config/index.ts'
import { ManifestCache } from '../iceberg/index.ts'
import { type IngestServices, recoverWrites, WriteJournal } from '../ingest/index.ts'
import { QueryRunner } from '../query/index.ts'
import { CountingStore, createStore, fileUri, type ObjectStore } from '../storage/index.ts'
import { Appenders } from './appender.ts'
import { memoryWatch, resolveBudget } from './environment.ts'
import { findLake, folderError, type LakeFolder, makeLake, openState } from './folder.ts'
import { GovernedReads } from './governed-reads.ts'
import { startMeter } from './meter.ts'
import { referencedFiles } from './referenced-files.ts'
import { engineOf, OPEN_OPTIONS, type OpenOptions } from './options.ts'
import { type ProcessNeeds, SharedProcess } from './shared-process.ts'

/** Parsed manifests kept between statements: a share of the budget, within bounds. */
const MANIFEST_CACHE = { share: 0.04, minBytes: 2_000_000, maxBytes: 64_000_000 }
const METADATA_CACHE_SHARE = 0.02
const SPILL_SHARE = 0.9

/** The parts of an open lakehouse, wired. */
export interface Parts {
  readonly folder: LakeFolder
  readonly isProfiled: boolean
  /** False where the folder can be read only (L4). */
  readonly isWritable: boolean
  /** Where rows are staged and streams spooled, too. */
  readonly spillDirectory: string
  readonly configuration: Configuration
  readonly process: SharedProcess
  /** What it joined the process with. */
  readonly needs: ProcessNeeds
  readonly store: CountingStore
  readonly catalog: Catalog
  readonly journal: WriteJournal
  readonly manifests: ManifestCache
  readonly appenders: Appenders
  readonly runner: QueryRunner
}

/** Finds the lakehouse, joins the process's shared parts and opens its own. See `Lakehouse.open`. */
export async function openParts(directory: string | undefined, options: OpenOptions): Promise<Parts> {
  if (directory !== undefined) checkArgument('Lakehouse.open()', 'the folder', directory, aText)
  checkOptions('Lakehouse.open()', options, OPEN_OPTIONS)
  const env = options.env ?? process.env
  const folder = await findLake(directory, env, options.cwd ?? process.cwd())
  const configuration = await loadConfiguration({
    file: folder.configFile,
    environment: env,
    ...flagSources(options),
  })
  const { values } = configuration
  const threads = values['performance.cpu.threads']
  const spill = values['performance.memory.spill_directory']
  const ownSpillDirectory = spill === 'auto' ? undefined : resolve(folder.root, spill)
  const state = await openState(folder, ownSpillDirectory)
  const spillDirectory = ownSpillDirectory ?? join(state.path, 'spill')
  const maxSpill = values['performance.memory.max_spill']
  const affinity = values['performance.cpu.affinity']
  const needs: ProcessNeeds = {
    budgetBytes: resolveBudget(configuration),
    threads: threads === 'auto' ? undefined : threads,
    spillDirectory,
    maxSpillBytes: maxSpill === 'auto' ? await autoSpillBytes(spillDirectory) : maxSpill,
    ...memoryWatch(configuration),
    launch: affinity === 'none' ? {} : { cpus: affinity },
    engine: engineOf(options.engine, env),
  }
  const shared = await SharedProcess.join(needs)
  try {
    const reads = new GovernedReads(shared.pool, shared.governor)
    const store = new CountingStore(createStore({ reads }))
    const catalog = await openCatalog(folder, store, Math.floor(shared.budgetBytes * METADATA_CACHE_SHARE), false)
    // Where the folder cannot be written this one refuses every write, and other processes' are not for this one to clear.
    const journal = new WriteJournal(folder.state)
    const scratchJournal = state.isElsewhere ? new WriteJournal(state.path) : journal
    await recoverWrites(scratchJournal, (paths) => referencedFiles(catalog, store, paths))
    let admitted = 0
    const manifests = new ManifestCache({ maxBytes: () => manifestCacheBytes(shared.governor.availableBytes) })
    const appenders = new Appenders({
      folder,
      configuration,
      catalog,
      io: store,
      governor: shared.governor,
      services: (operation) => ingestServices(parts, operation),
      sources: shared.governor.sources,
      buffers: shared.pool,
      budgetBytes: shared.budgetBytes,
    })
    const runner = new QueryRunner({
      catalog,
      io: store,
      settle: (table) => appenders.settle(table),
      engine: () => shared.engine(),
      manifests,
      journal,
      startMeter: (operation) => startMeter(shared, operation, options.profile === true),
      admit: (kind, planBytes, signal) =>
        shared.governor.operation({
          name: `${kind} ${++admitted}`,
          planBytes,
          ...(signal !== undefined && { signal }),
        }),
      room: (bytes, signal) =>
        shared.governor.reserve({ consumer: 'statements/text', bytes, ...(signal !== undefined && { signal }) }),
      planning: (needs, signal) => shared.planning(needs, signal),
      advice: () => shared.governor.advice,
      scratch: { directory: state.path, journal: scratchJournal },
      stagingDirectory: spillDirectory,
      targetFileSizeBytes: values['storage.target_file_size'],
      localFiles: true,
      maxValueBytes: values['query.max_value_size'],
      arrow: {
        batchRows: values['performance.streaming.chunk_size'],
        batchBytes: values['performance.streaming.buffer_size'],
      },
      ...(values['query.timeout'] !== 'none' && { timeoutMs: values['query.timeout'] }),
    })
    const isWritable = !state.isElsewhere
    const parts: Parts = {
      folder,
      isProfiled: options.profile === true,
      isWritable,
      spillDirectory,
      configuration,
      process: shared,
      needs,
      store,
      catalog,
      journal,
      manifests,
      appenders,
      runner,
    }
    return parts
  } catch (error) {
    await shared.leave(needs)
    throw error
  }
}

/** Makes folder, configuration file and catalog; answers with the folder's path. See `Lakehouse.init`. */
export async function makeParts(directory: string, options: Omit<OpenOptions, 'env' | 'cwd'>): Promise<string> {
  checkArgument('Lakehouse.init()', 'the folder', directory, aText)
  checkOptions('Lakehouse.init()', options, OPEN_OPTIONS)
  // Checked before anything is made.
  const configuration = await loadConfiguration(flagSources(options))
  const folder = await makeLake(directory, renderDefaultFile(flagValues(configuration)))
  const catalog = await openCatalog(folder, createStore(), undefined, true)
  await catalog.close()
  return folder.root
}

/** Ends what runs and closes the parts in order (L2). */
export async function closeParts({ runner, catalog, process: shared, needs }: Parts): Promise<void> {
  try {
    await runner[Symbol.asyncDispose]()
    await catalog.close()
  } finally {
    await shared.leave(needs)
  }
}

/** What an import works with; starts the engine. */
export async function ingestServices(parts: Parts, operation: string): Promise<IngestServices> {
  const { catalog, store: io, journal, folder, spillDirectory, manifests, configuration, process: shared } = parts
  const { values } = configuration
  return {
    engine: await shared.engine(),
    catalog,
    io,
    governor: shared.governor,
    buffers: shared.pool,
    journal,
    manifests,
    operation,
    settings: {
      sampleRows: values['ingest.sample_rows'],
      maxLineSizeBytes: values['ingest.max_line_size'],
      targetFileSizeBytes: values['storage.target_file_size'],
      spoolDirectory: spillDirectory,
      stagingDirectory: spillDirectory,
      rejectsDirectory: join(folder.state, 'rejects'),
    },
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

/** What a spill may take where `max_spill` is auto: most of the space that is free at the start. */
async function autoSpillBytes(spillDirectory: string): Promise<number> {
  try {
    return Math.floor((await freeSpaceBytes(spillDirectory)) * SPILL_SHARE)
  } catch (error) {
    throw folderError(error, `look at the spill folder ${spillDirectory}`)
  }
}

function manifestCacheBytes(budgetBytes: number): number {
  const { share, minBytes, maxBytes } = MANIFEST_CACHE
  return Math.min(maxBytes, Math.max(minBytes, Math.floor(budgetBytes * share)))
}
