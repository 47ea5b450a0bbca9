import { halfPairAt, IceboxError } from '../../base/index.ts'
import type { Catalog, TableIdentifier } from '../../catalog/index.ts'
import { isUnpartitioned, type LoadedTable, refuseRolledBack } from '../../iceberg/index.ts'
import type { CsvOptions } from '../inspect/csv.ts'
import { noRejects } from '../read/no-rejects.ts'
import type { SourceFormat } from '../source/format.ts'

export interface ImportRequest {
  readonly table: TableIdentifier
  /** `namespace.table` for messages. */
  readonly tableName: string
  readonly sources: readonly string[]
  readonly format?: SourceFormat | undefined
  readonly mode: 'create' | 'append' | 'replace'
  readonly partitionBy?: string | undefined
  readonly sortBy?: string | undefined
  readonly schemaFile?: string | undefined
  readonly onError?: 'abort' | 'reject' | undefined
  readonly newColumns?: 'add' | 'refuse' | undefined
  readonly key?: string | undefined
  readonly preserveOrder?: boolean | undefined
  readonly csv?: CsvOptions | undefined
  /** Properties of a table that is made. */
  readonly properties?: Readonly<Record<string, string>> | undefined
  readonly standardInput?: AsyncIterable<Uint8Array> | undefined
  readonly signal?: AbortSignal | undefined
}

/** `\t` as it comes from a shell, which DuckDB takes for a tab too. */
export function withTab(request: ImportRequest): ImportRequest {
  return request.csv?.delimiter === String.raw`\t` ? { ...request, csv: { ...request.csv, delimiter: '\t' } } : request
}

/** Refuses what cannot be meant. Throws `usage/invalid`. */
export function checkRequest(request: ImportRequest): void {
  const reject = request.onError === 'reject'
  if (reject && request.format !== undefined && ['parquet', 'arrow', 'json'].includes(request.format))
    throw noRejects(request.format)
  checkCsv(request.csv ?? {})
  const { key } = request
  if (key === undefined) return
  if (key === '' || key.length > 512) {
    throw new IceboxError('usage/invalid', {
      message: 'a key has 1 to 512 characters',
      remedy: 'choose another key',
      context: { key: key.slice(0, 80) },
    })
  }
  if (halfPairAt(key) >= 0) {
    throw new IceboxError('usage/invalid', {
      message: 'the key holds half of a surrogate pair',
      remedy: 'choose another key',
    })
  }
}

const MOST_DELIMITER_BYTES = 4

function checkCsv({ delimiter, quote, escape, nullText }: CsvOptions): void {
  const refuse = (what: string, value: string, remedy: string, context: Readonly<Record<string, string>>) => {
    const shown = value.length > 20 ? `${value.slice(0, 20)}…` : value
    return new IceboxError('usage/invalid', { message: `'${shown}' is no ${what}`, remedy, context })
  }
  if (delimiter !== undefined && (!isDelimiter(delimiter) || delimiter === (quote ?? '"'))) {
    const remedy = `give 1 to ${MOST_DELIMITER_BYTES} bytes that are no line end and not the quote, or leave it out to have it found`
    throw refuse('delimiter', delimiter, remedy, { delimiter })
  }
  if (quote !== undefined && quote !== '' && !isOneByte(quote))
    throw refuse('quote: it is one character of ASCII', quote, 'give one, or an empty text for none', { quote })
  if (escape !== undefined && !isOneByte(escape)) {
    const remedy = 'give a backslash, or the quote itself for quotes that are doubled'
    throw refuse('escape: it is one character of ASCII', escape, remedy, { escape })
  }
  if (nullText?.includes('\0') === true)
    throw refuse('text that means NULL: it holds a NUL character', nullText, 'give another', { nullText })
}

/** What the engine's reader takes as a quote or an escape. */
function isOneByte(text: string): boolean {
  return text.length === 1 && Buffer.byteLength(text) === 1 && !/[\0\r\n]/.test(text)
}

function isDelimiter(text: string): boolean {
  const bytes = Buffer.byteLength(text)
  return bytes > 0 && bytes <= MOST_DELIMITER_BYTES && !/[\0\r\n]/.test(text) && halfPairAt(text) < 0
}

/** The table that is asked for; undefined where there is none. Rejects `table/exists` where a new one is asked for. */
export async function existingTable(catalog: Catalog, request: ImportRequest): Promise<LoadedTable | undefined> {
  const exists = (await catalog.namespaceExists(request.table.namespace)) && (await catalog.tableExists(request.table))
  if (!exists) {
    await catalog.requireFree(request.table)
    return undefined
  }
  const loaded = await catalog.loadTable(request.table)
  // The key tells a repeated import from a name that is taken.
  if (request.mode === 'create' && !(request.key !== undefined && hasKey(loaded, request.key))) {
    throw new IceboxError('table/exists', {
      message: `the table ${request.tableName} exists`,
      remedy: 'add to it with --append, replace its rows with --replace, or choose another name',
      context: { table: request.tableName },
    })
  }
  refuseRolledBack(loaded.metadata, request.tableName)
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
