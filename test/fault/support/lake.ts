import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { expect } from 'vitest'
import { type Catalog, openSqliteCatalog } from '../../../src/catalog/index.ts'
import { readManifest, readManifestList, schemaOf, type TableMetadata } from '../../../src/iceberg/index.ts'
import { createStore, fileUri, localPath, type ObjectStore } from '../../../src/storage/index.ts'
import {
  icebox,
  iceboxJson,
  type Ran,
  type RunOptions,
  type TemporaryFolder,
  temporaryFolder,
} from '../../e2e/support/cli.ts'

/** A lakehouse in a temporary folder, seen from outside: the command runs on it, and the test looks at its files. */
export interface FaultLake extends AsyncDisposable {
  /** The temporary folder; files to import go here, beside the lakehouse. */
  readonly folder: TemporaryFolder
  readonly path: string
  run(args: readonly string[], options?: RunOptions): Promise<Ran>
  /** Runs a command that must succeed, and gives its document. */
  json(args: readonly string[]): Promise<unknown>
  /** The first row of a query. */
  row(sql: string): Promise<unknown[]>
  /** Files and folders of writes that are under way or died, below the lakehouse. */
  remains(): Promise<string[]>
}

export async function faultLake(init: readonly string[] = []): Promise<FaultLake> {
  const folder = await temporaryFolder()
  const path = folder.in('lake')
  await iceboxJson(['init', path, ...init])
  return lakeAt(folder, path)
}

export function lakeAt(folder: TemporaryFolder, path: string): FaultLake {
  const lake: FaultLake = {
    folder,
    path,
    run: (args, options = {}) => icebox(args, { cwd: path, ...options }),
    json: (args) => iceboxJson(args, { cwd: path }),
    row: async (sql) => {
      const document = await iceboxJson(['sql', sql], { cwd: path })
      return (document as { rows: unknown[][] }).rows[0] ?? []
    },
    remains: () => remainsOf(path),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
  return lake
}

/**
 * Journal entries, spilled and spooled files, temporaries, staged files, and data files that no snapshot of any table names;
 * on the way every file that a table names is looked for.
 */
async function remainsOf(path: string): Promise<string[]> {
  const io = createStore()
  const warehouse = join(path, 'warehouse')
  const catalog = await openSqliteCatalog({ path: join(path, 'catalog.sqlite'), io, warehouse: fileUri(warehouse) })
  try {
    const named = new Set<string>()
    for (const metadata of await allMetadata(catalog)) for (const file of await filesOf(io, metadata)) named.add(file)
    const inWarehouse = (await filesBelow(warehouse)).filter(
      (file) =>
        file.includes('/.icebox-') || file.endsWith('.icebox-tmp') || (file.endsWith('.parquet') && !named.has(file)),
    )
    const state = (await filesBelow(join(path, '.icebox'))).filter((file) => !file.includes('/rejects/'))
    return [...inWarehouse, ...state].map((file) => relative(path, file)).sort()
  } finally {
    await catalog.close()
  }
}

async function allMetadata(catalog: Catalog): Promise<TableMetadata[]> {
  const all: TableMetadata[] = []
  for (const namespace of await catalog.listNamespaces()) {
    for (const table of await catalog.listTables(namespace)) all.push((await catalog.loadTable(table)).metadata)
  }
  return all
}

/** Every data file that a snapshot names, each there in its size; so are manifest lists, manifests and older metadata. */
async function filesOf(io: ObjectStore, metadata: TableMetadata): Promise<Set<string>> {
  const files = new Set<string>()
  for (const entry of metadata.metadataLog) await io.head(entry.metadataFile)
  for (const snapshot of metadata.snapshots) {
    let rows = 0n
    for (const manifest of snapshot.manifestList === undefined
      ? []
      : await readManifestList(io, snapshot.manifestList)) {
      for await (const entry of readManifest(io, manifest, metadata.partitionSpecs, schemaOf(metadata))) {
        if (entry.status === 'deleted') continue
        const file = localPath(entry.dataFile.filePath)
        expect((await stat(file)).size, file).toBe(Number(entry.dataFile.fileSizeInBytes))
        files.add(file)
        rows += entry.dataFile.recordCount
      }
    }
    expect(rows, 'rows of the files of a snapshot').toBe(BigInt(snapshot.summary['total-records'] ?? '0'))
  }
  return files
}

/** Files below a folder, absolute; empty where it is not there. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))
}

/** The error of a command that failed with `--json`. */
export function errorOf(ran: Ran): { code: string; message: string; remedy: string; context: Record<string, unknown> } {
  const document = JSON.parse(ran.out.trim().split('\n').at(-1) ?? '') as { error: ReturnType<typeof errorOf> }
  return document.error
}

/** `/proc/<pid>/status` figure in bytes; undefined once the process is gone. */
export async function procStatus(pid: number, name: 'VmHWM' | 'VmRSS'): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)
  return match === null ? undefined : Number(match[1]) * 1024
}

/** CSV of `rows` rows from `first` on: id, k (97 values), amount, note, d (12 months). */
export function ordersCsv(rows: number, first = 0): string {
  const lines = ['id,k,amount,note,d']
  for (let id = first; id < first + rows; id++) {
    const month = String(1 + (id % 12)).padStart(2, '0')
    const day = String(1 + (id % 28)).padStart(2, '0')
    lines.push(`${id},${id % 97},${id % 1000}.25,note number ${id},2024-${month}-${day}`)
  }
  return `${lines.join('\n')}\n`
}
