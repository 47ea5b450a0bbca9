import { freeSpaceBytes, IceboxError } from '../../base/index.ts'
import type { Catalog, TableIdentifier } from '../../catalog/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import { isUnpartitioned, type LoadedTable, type Schema } from '../../iceberg/index.ts'
import { advised, planImportMemory, VECTOR_ROWS } from '../../memory/index.ts'
import { checkFormats } from '../inspect/asked-formats.ts'
import { inspectArrow } from '../inspect/arrow.ts'
import { type CsvOptions, emptySource, inspectCsv, type InspectScene } from '../inspect/csv.ts'
import { inspectJson } from '../inspect/json.ts'
import { inspectParquet } from '../inspect/parquet.ts'
import type { Inspection } from '../read/description.ts'
import { noRejects } from '../read/no-rejects.ts'
import { fittedSource } from '../read/json-exact.ts'
import type { SourceFormat } from '../source/format.ts'
import { fromStart, ofStandardInput } from '../source/pipe-errors.ts'
import { type JsonDocuments, spoolDocuments } from '../source/json-documents.ts'
import { type PreparedFile, type PreparedSource, prepareSource } from '../source/prepare.ts'
import { readSchemaFile } from '../types/schema-file.ts'
import { firstRung } from '../write/first-rung.ts'
import { rowGroupLimit, targetSize } from '../write/table-properties.ts'
import { refuseTooManyColumns } from './column-limit.ts'
import { planColumns } from './columns.ts'
import { applyAskedFormats } from './asked-formats.ts'
import { binaryNotes } from './binary-notes.ts'
import { countPartitions } from './count-partitions.ts'
import { declaredFolders } from './declared-folders.ts'
import { headerOnly } from './header-only.ts'
import type { ImportPlan } from './import-plan.ts'
import { importedBefore } from './import-key.ts'
import { currentSchema, layoutOf } from './layout.ts'
import { pieceBytes, TEXT_TO_PARQUET } from './piece-size.ts'
import type { IngestServices } from './services.ts'
import { planTextDivision } from './text-division.ts'
import { checkZstd } from '../source/zstd.ts'

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

/** Footers that take more than this are worth giving back what reading them left. */
const LARGE_FOOTERS = 4_000_000

/**
 * Decides everything about an import without changing anything: reads heads, footers and a bounded sample. Standard input
 * is spooled, and the spool is the caller's to remove, by `executeImport` or by hand. Rejects `source/*`, `schema/*`,
 * `table/exists`, `ingest/*`, `usage/invalid`.
 */
export async function planImport(request: ImportRequest, services: IngestServices): Promise<ImportPlan> {
  checkRequest(request)
  const { signal } = request
  const existing = await existingTable(services.catalog, request)
  const piece = mayCut(request, existing)
    ? pieceBytes(targetSize(existing?.metadata.properties ?? {}, services.settings.targetFileSizeBytes))
    : undefined
  const prepared = await prepareSource(request.sources, {
    spoolDirectory: services.settings.spoolDirectory,
    journal: services.journal,
    ...(request.format === undefined ? {} : { format: request.format }),
    ...(request.standardInput === undefined ? {} : { standardInput: request.standardInput }),
    ...(piece !== undefined && {
      cut: {
        dialect: {
          delimiter: request.csv?.delimiter,
          quote: request.csv?.quote,
          escape: request.csv?.escape,
          hasHeader: request.csv?.header,
        },
        maxLineSizeBytes: services.settings.maxLineSizeBytes,
        pieceBytes: piece,
      },
    }),
    ...(signal === undefined ? {} : { signal }),
  })
  try {
    return await planPrepared(request, existing, prepared, piece, services)
  } catch (error) {
    await prepared.spooled?.remove()
    throw prepared.spooled === undefined ? error : ofStandardInput(error, [fromStart(prepared.spooled.path)])
  }
}

/**
 * Whether standard input, or lines of JSON documents, can be imported piece by piece. Not where pieces would be worse or wrong: a partitioned table would
 * get small files for each, rows set aside are numbered as a whole, and a key that was used asks for the whole fingerprint.
 */
function mayCut(request: ImportRequest, existing: LoadedTable | undefined): boolean {
  const spec = existing?.metadata.partitionSpecs.find((some) => some.specId === existing.metadata.defaultSpecId)
  const isPartitioned = request.partitionBy !== undefined || (spec !== undefined && !isUnpartitioned(spec))
  const isUsed = request.key !== undefined && existing !== undefined && hasKey(existing, request.key)
  const encoding = request.csv?.encoding
  const isUtf8 = encoding === undefined || /^utf-?8$/i.test(encoding)
  return request.sources.length === 1 && request.onError !== 'reject' && !isPartitioned && !isUsed && isUtf8
}

async function planPrepared(
  request: ImportRequest,
  existing: LoadedTable | undefined,
  prepared: PreparedSource,
  piece: number | undefined,
  services: IngestServices,
): Promise<ImportPlan> {
  const { signal } = request
  await using session = await services.engine.session(signal)
  using _lease = await services.governor.reserve({
    consumer: `${services.operation}/sample`,
    bytes: 4_000_000,
    ...(signal === undefined ? {} : { signal }),
  })
  if (
    request.key !== undefined &&
    existing !== undefined &&
    importedBefore(existing, request.key, prepared.fingerprint)
  ) {
    return skipPlan(request, prepared)
  }
  for (const file of prepared.files) if (file.compression === 'zstd') await checkZstd(file.path)
  if (prepared.format !== 'json') return await planSource(request, existing, prepared, undefined, session, services)
  if (request.onError === 'reject') throw noRejects('json')
  const documents = await spoolDocuments(prepared.files, {
    session,
    spoolDirectory: services.settings.spoolDirectory,
    journal: services.journal,
    maxLineSizeBytes: services.settings.maxLineSizeBytes,
    pieceBytes: piece,
    signal,
  })
  try {
    return await planSource(request, existing, prepared, documents, session, services)
  } catch (error) {
    const named = await documents.named(error)
    await documents.remove()
    throw named
  }
}

async function planSource(
  request: ImportRequest,
  existing: LoadedTable | undefined,
  prepared: PreparedSource,
  documents: JsonDocuments | undefined,
  session: EngineSession,
  services: IngestServices,
): Promise<ImportPlan> {
  const { signal } = request
  const scene: InspectScene = {
    session,
    sampleRows: services.settings.sampleRows,
    maxLineSizeBytes: services.settings.maxLineSizeBytes,
    memoryLimitBytes: services.engine.memoryLimitBytes,
    csv: request.csv ?? {},
    isTolerant: request.onError === 'reject',
    ...(signal === undefined ? {} : { signal }),
  }
  await checkFormats(scene.csv, session)
  const inspected = await inspect(prepared, documents, scene)
  // Each look into a large footer leaves as much free in the C library's heap: 60 MB of the 256 were gone before the copy.
  if ((inspected.footerBytes ?? 0) > LARGE_FOOTERS) await services.engine.giveBack()
  const schema = existing === undefined ? await givenSchema(request, session) : currentSchema(existing)
  const found = await declaredFolders(inspected, schema, prepared.files, session)
  if (found.sampledRows === 0 && prepared.format !== 'parquet' && prepared.format !== 'arrow')
    throw await headerOnly(prepared)
  const planned = planColumns({
    found: found.columns,
    format: prepared.format,
    schema,
    isTable: existing !== undefined,
    newColumns: request.newColumns ?? (existing === undefined && schema === undefined ? 'add' : 'refuse'),
    formatVersion: existing?.metadata.formatVersion ?? 2,
  })
  const folders = prepared.files[0]?.hive ?? new Map<string, unknown>()
  const asked = applyAskedFormats(scene.csv, planned.mapping, (column) => !folders.has(column.source))
  const columns = {
    ...planned,
    mapping: asked.mapping,
    notes: [...planned.notes, ...asked.notes, ...binaryNotes(prepared.format, planned.mapping)],
  }
  const inspection = { ...found, description: fittedSource(found.description, columns.mapping) }
  refuseTooManyColumns(prepared.format, columns.mapping, services.engine.memoryLimitBytes)
  const fields: Schema = { schemaId: 0, fields: columns.fields, identifierFieldIds: [] }
  const layout = layoutOf(request, existing, fields)
  const notes = [...inspection.notes, ...columns.notes]
  const partitions =
    layout.spec === undefined || isUnpartitioned(layout.spec)
      ? undefined
      : await countPartitions(inspection, columns.mapping, fields, layout.spec, session, notes)
  const isOrdered = request.preserveOrder === true || layout.sortBy.length > 0
  // A vector of rows is one piece to the engine, and stays in order.
  const isSmall = (inspection.estimatedRows ?? Number.POSITIVE_INFINITY) <= VECTOR_ROWS
  if (prepared.spooled?.pipe !== undefined)
    notes.push('standard input is imported while it is read: types and sizes are told from its beginning')
  if (!isOrdered && !isSmall && prepared.format !== 'arrow')
    notes.push(
      'rows are written by several threads: the order of the file is not kept (ask for it with --preserve-order)',
    )
  const sourceBytes = prepared.files.reduce((sum, file) => sum + file.sizeBytes, 0)
  const tableBytes = Math.round(
    prepared.format === 'parquet' || prepared.format === 'arrow'
      ? sourceBytes
      : sourceBytes * (prepared.files[0]?.compression === 'none' ? TEXT_TO_PARQUET : 1),
  )
  const division =
    layout.spec === undefined || request.onError === 'reject' || prepared.spooled?.pipe !== undefined
      ? undefined
      : planTextDivision(inspection.description, columns.mapping, fields, layout.spec)
  const { rung, copy } = firstRung({
    engine: advised(services.engine.plan, services.governor.advice),
    rowWidthBytes: inspection.rowWidthBytes,
    columns: columns.columns.length,
    targetFileBytes: services.settings.targetFileSizeBytes,
    isOrdered,
    isPartitioned: layout.spec !== undefined && !isUnpartitioned(layout.spec),
    partitions,
    rowGroupLimit: rowGroupLimit(existing?.metadata.properties ?? {}),
    isSorted: layout.sortBy.length > 0,
    rows: inspection.estimatedRows,
    isDivisible:
      division !== undefined && (await hasSpace(services.settings.stagingDirectory, sourceBytes + tableBytes)),
  })
  const { strategy } = rung
  const stagedBytes = strategy.kind === 'staged' ? tableBytes : strategy.kind === 'divided' ? sourceBytes : 0
  const memory = planImportMemory({
    copy: strategy.kind === 'divided' ? { ...copy, threads: strategy.atOnce } : copy,
    rowWidthBytes: inspection.rowWidthBytes,
    sortedBytes:
      layout.sortBy.length > 0 && inspection.estimatedRows !== undefined
        ? inspection.estimatedRows * inspection.rowWidthBytes
        : undefined,
    openPartitions: strategy.kind === 'direct' ? partitions : strategy.kind === 'staged' ? strategy.buckets : undefined,
    stagedBytes,
    footerBytes: inspection.footerBytes ?? 0,
  })
  return {
    table: request.tableName,
    mode: request.mode,
    action: existing === undefined ? 'create' : request.mode,
    format: prepared.format,
    files: prepared.files.map(({ path, sizeBytes, compression }) => ({ path, sizeBytes, compression })),
    columns: columns.columns,
    partitionBy: layout.partitionBy,
    sortBy: layout.sortBy,
    onError: request.onError ?? 'abort',
    preserveOrder: request.preserveOrder ?? false,
    estimate: {
      rows: prepared.spooled?.pipe === undefined ? inspection.estimatedRows : undefined,
      partitions,
      sourceBytes,
      tableBytes,
      dataFiles: Math.max(1, partitions ?? 1, Math.round(tableBytes / services.settings.targetFileSizeBytes)),
      memoryBytes: Math.min(memory.limitBytes, memory.wantedBytes),
      diskBytes: tableBytes + stagedBytes,
      rowWidthBytes: inspection.rowWidthBytes,
    },
    strategy,
    memory,
    key: request.key,
    notes: [...new Set(notes)],
    details: {
      source: inspection.description,
      mapping: columns.mapping,
      fields: columns.fields,
      changes: columns.changes,
      spec: layout.spec,
      sortOrder: layout.sortOrder,
      division: strategy.kind === 'divided' ? division : undefined,
      fingerprint: prepared.fingerprint,
      sampledRows: inspection.sampledRows,
      spooled: prepared.spooled,
      documents,
    },
  }
}

async function hasSpace(folder: string, bytes: number): Promise<boolean> {
  // A folder that cannot be looked at is told of when something is written to it.
  return (await freeSpaceBytes(folder).catch(() => 0)) > bytes
}

function checkRequest(request: ImportRequest): void {
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

async function existingTable(catalog: Catalog, request: ImportRequest): Promise<LoadedTable | undefined> {
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

function hasKey(table: LoadedTable, key: string): boolean {
  return table.metadata.snapshots.some((snapshot) => snapshot.summary['icebox.import-key'] === key)
}

async function inspect(
  prepared: PreparedSource,
  documents: JsonDocuments | undefined,
  scene: InspectScene,
): Promise<Inspection> {
  switch (prepared.format) {
    case 'csv':
      return inspectCsv(prepared.files, scene)
    case 'ndjson':
      return inspectJson(prepared.files, prepared.format, scene)
    case 'json':
      return inspectJson(linesToInspect(prepared, documents), prepared.format, scene)
    case 'parquet':
      return inspectParquet(prepared.files, scene)
    case 'arrow':
      return inspectArrow(prepared.files)
  }
}

/** The lines of documents, and documents without a byte, which a note is about. */
function linesToInspect(prepared: PreparedSource, documents: JsonDocuments | undefined): PreparedFile[] {
  const files = documents?.files ?? []
  if (files.length === 0) throw emptySource(prepared.files.map(({ path }) => path))
  const sized =
    documents?.pipe === undefined ? files : files.map((file) => ({ ...file, sizeBytes: documents.estimatedBytes }))
  return [...sized, ...prepared.files.filter(({ sizeBytes }) => sizeBytes === 0)]
}

async function givenSchema(request: ImportRequest, session: EngineSession): Promise<Schema | undefined> {
  return request.schemaFile === undefined ? undefined : readSchemaFile(request.schemaFile, session)
}

function skipPlan(request: ImportRequest, prepared: PreparedSource): ImportPlan {
  return {
    table: request.tableName,
    mode: request.mode,
    action: 'skip',
    format: prepared.format,
    files: prepared.files.map(({ path, sizeBytes, compression }) => ({ path, sizeBytes, compression })),
    columns: [],
    partitionBy: [],
    sortBy: [],
    onError: request.onError ?? 'abort',
    preserveOrder: false,
    estimate: {
      rows: 0,
      partitions: undefined,
      sourceBytes: 0,
      tableBytes: 0,
      dataFiles: 0,
      memoryBytes: 0,
      diskBytes: 0,
      rowWidthBytes: 0,
    },
    strategy: { kind: 'plain' },
    memory: undefined,
    key: request.key,
    notes: [`the key '${request.key}' was imported before: nothing is done`],
    details: {
      source: { format: 'arrow', paths: [], columns: [] },
      mapping: [],
      fields: [],
      changes: [],
      spec: undefined,
      sortOrder: undefined,
      division: undefined,
      fingerprint: prepared.fingerprint,
      sampledRows: 0,
      spooled: prepared.spooled,
      documents: undefined,
    },
  }
}
