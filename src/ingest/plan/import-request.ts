import { IceboxError } from '../../base/index.ts'
import type { Catalog, TableIdentifier } from '../../catalog/index.ts'
import { isUnpartitioned, type LoadedTable } from '../../iceberg/index.ts'
import type { CsvOptions } from '../inspect/csv.ts'
import { noRejects } from '../read/no-rejects.ts'
import type { SourceFormat } from '../source/format.ts'

export interface ImportRequest {
  readonly table: TableIdentifier
  /** `namespace.table` for messages. */
  readonly tableName: string
  readonly sources: readonly string[]
  readonly format?: SourceFormat
  readonly mode: 'create' | 'append' | 'replace'
  readonly partitionBy?: string
  readonly sortBy?: string
  readonly schemaFile?: string
  readonly onError?: 'abort' | 'reject'
  readonly newColumns?: 'add' | 'refuse'
  readonly key?: string
  readonly preserveOrder?: boolean
  readonly csv?: CsvOptions
  /** Properties of a table that is made. */
  readonly properties?: Readonly<Record<string, string>>
  readonly standardInput?: AsyncIterable<Uint8Array>
  readonly signal?: AbortSignal
}

/** Refuses what cannot be meant. Throws `usage/invalid`. */
export function checkRequest(request: ImportRequest): void {
  const reject = request.onError === 'reject'
  if (reject && request.format !== undefined && ['parquet', 'arrow', 'json'].includes(request.format))
    throw noRejects(request.format)
  const escape = request.csv?.escape
  if (escape !== undefined && escape.length !== 1) {
    throw new IceboxError('usage/invalid', {
      message: `'${escape}' is no escape: it is one character`,
      remedy: 'give a backslash, or the quote itself for quotes that are doubled',
      context: { escape },
    })
  }
  if (request.key !== undefined && (request.key === '' || request.key.length > 512)) {
    throw new IceboxError('usage/invalid', {
      message: 'a key has 1 to 512 characters',
      remedy: 'choose another key',
      context: { key: request.key.slice(0, 80) },
    })
  }
}

/** The table that is asked for; undefined where there is none. Rejects `table/exists` where a new one is asked for. */
export async function existingTable(catalog: Catalog, request: ImportRequest): Promise<LoadedTable | undefined> {
  const exists = (await catalog.namespaceExists(request.table.namespace)) && (await catalog.tableExists(request.table))
  if (!exists) return undefined
  const loaded = await catalog.loadTable(request.table)
  // The key tells a repeated import from a name that is taken.
  if (request.mode === 'create' && !(request.key !== undefined && hasKey(loaded, request.key))) {
    throw new IceboxError('table/exists', {
      message: `the table ${request.tableName} exists`,
      remedy: 'add to it with --append, replace its rows with --replace, or choose another name',
      context: { table: request.tableName },
    })
  }
  return loaded
}

/**
 * Whether standard input, or lines of JSON documents, can be imported piece by piece. Not where pieces would be worse or
 * wrong: a partitioned table would get small files for each, rows set aside are numbered as a whole, and a key that was used
 * asks for the whole fingerprint.
 */
export function mayCut(request: ImportRequest, existing: LoadedTable | undefined): boolean {
  const spec = existing?.metadata.partitionSpecs.find((some) => some.specId === existing.metadata.defaultSpecId)
  const isPartitioned = request.partitionBy !== undefined || (spec !== undefined && !isUnpartitioned(spec))
  const isUsed = request.key !== undefined && existing !== undefined && hasKey(existing, request.key)
  const encoding = request.csv?.encoding
  const isUtf8 = encoding === undefined || /^utf-?8$/i.test(encoding)
  return request.sources.length === 1 && request.onError !== 'reject' && !isPartitioned && !isUsed && isUtf8
}

function hasKey(table: LoadedTable, key: string): boolean {
  return table.metadata.snapshots.some((snapshot) => snapshot.summary['icebox.import-key'] === key)
}
