import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { isIceboxError, type IceboxError } from '../../src/base/index.ts'
import { type Catalog, openMemoryCatalog } from '../../src/catalog/index.ts'
import { type Engine, openEngine, type SqlValue } from '../../src/engine/index.ts'
import { HeapBuffers } from '../../src/engine/arrow-out/heap-buffers.ts'
import type { DataFile, LoadedTable } from '../../src/iceberg/index.ts'
import { planFiles } from '../../src/iceberg/index.ts'
import {
  executeImport,
  type ImportOutcome,
  type ImportPlan,
  type ImportRequest,
  type IngestServices,
  planImport,
  WriteJournal,
} from '../../src/ingest/index.ts'
import { Governor } from '../../src/memory/index.ts'
import { createStore, fileUri, localPath } from '../../src/storage/index.ts'

const MiB = 1024 * 1024

/** A lake in a temporary folder, for imports. */
export interface Kit extends AsyncDisposable {
  readonly folder: string
  readonly engine: Engine
  readonly catalog: Catalog
  readonly services: IngestServices
  readonly journal: WriteJournal
  file(name: string, content: string | Uint8Array): Promise<string>
  plan(request: Partial<ImportRequest> & Pick<ImportRequest, 'sources'>): Promise<ImportPlan>
  import(request: Partial<ImportRequest> & Pick<ImportRequest, 'sources'>): Promise<ImportOutcome>
  table(name?: string): Promise<LoadedTable>
  dataFiles(name?: string): Promise<DataFile[]>
  /** Rows of the table's current files; `$T` in the text stands for them. */
  read(sql: string, name?: string): Promise<Record<string, SqlValue>[]>
}

export async function openKit(
  options: { memoryLimitBytes?: number; threads?: number; sampleRows?: number } = {},
): Promise<Kit> {
  const folder = await mkdtemp(join(tmpdir(), 'icebox-'))
  await mkdir(join(folder, 'spill'))
  const governor = Governor.create({ budgetBytes: 1024 * MiB })
  const engine = await openEngine({
    plan: {
      memoryLimitBytes: options.memoryLimitBytes ?? 512 * MiB,
      threads: options.threads ?? 2,
      copyThreads: options.threads ?? 2,
      purgeAboveBytes: undefined,
    },
    governor,
    spillDirectory: join(folder, 'spill'),
    maxSpillBytes: 4_000_000_000,
  })
  const io = createStore()
  const catalog = openMemoryCatalog({ io, warehouse: fileUri(join(folder, 'warehouse')) })
  const journal = new WriteJournal(join(folder, 'state'))
  const services: IngestServices = {
    engine,
    catalog,
    io,
    governor,
    buffers: new HeapBuffers(),
    journal,
    operation: 'import 1',
    settings: {
      sampleRows: options.sampleRows ?? 1000,
      maxLineSizeBytes: 64_000_000,
      targetFileSizeBytes: 128_000_000,
      spoolDirectory: join(folder, 'spool'),
      stagingDirectory: join(folder, 'staging'),
      rejectsDirectory: join(folder, 'rejects'),
    },
  }
  const request = (some: Partial<ImportRequest> & Pick<ImportRequest, 'sources'>): ImportRequest => ({
    table: { namespace: ['ns'], name: 't' },
    tableName: 'ns.t',
    mode: 'create',
    ...some,
  })
  const identifier = (name = 't') => ({ namespace: ['ns'], name })
  const kit: Kit = {
    folder,
    engine,
    catalog,
    services,
    journal,
    file: async (name, content) => {
      const path = join(folder, 'in', name)
      await mkdir(join(path, '..'), { recursive: true })
      await writeFile(path, content)
      return path
    },
    plan: (some) => planImport(request(some), services),
    import: async (some) => {
      const full = request(some)
      const plan = await planImport(full, services)
      return executeImport(plan, {
        table: full.table,
        services,
        ...(full.signal === undefined ? {} : { signal: full.signal }),
        ...(full.properties === undefined ? {} : { properties: full.properties }),
      })
    },
    table: (name) => catalog.loadTable(identifier(name)),
    dataFiles: async (name) => {
      const { metadata } = await catalog.loadTable(identifier(name))
      const { tasks } = planFiles({ metadata, filter: { op: 'true' }, io })
      const files: DataFile[] = []
      for await (const task of tasks) files.push(task.dataFile)
      return files
    },
    read: async (sql, name) => {
      const files = await kit.dataFiles(name)
      const list = files.map((file) => `'${localPath(file.filePath).replaceAll("'", "''")}'`).join(', ')
      await using session = await engine.session()
      return await session.all(sql.replaceAll('$T', `read_parquet([${list}], hive_partitioning = false)`))
    },
    [Symbol.asyncDispose]: async () => {
      await engine[Symbol.asyncDispose]()
      await catalog.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
  return kit
}

/** The IceboxError that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<IceboxError> {
  try {
    await promise
  } catch (error) {
    if (isIceboxError(error)) return error
    throw error
  }
  throw new TypeError('it did not fail')
}

/** No table, no namespace, no journal entry, no file of a write is left. */
export async function nothingLeft(kit: Kit): Promise<void> {
  expect(await kit.catalog.namespaceExists(['ns'])).toBe(false)
  expect(await readdir(join(kit.folder, 'state', 'writes')).catch(() => [])).toEqual([])
  const left = await readdir(join(kit.folder, 'warehouse'), { recursive: true }).catch(() => [])
  expect(
    left.filter((name) => name.startsWith('ns/') || name.includes('.icebox-')).filter((name) => name.includes('.')),
  ).toEqual([])
}
