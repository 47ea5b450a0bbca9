import { freeSpaceBytes } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import { checkSchema, isUnpartitioned, type LoadedTable, type Schema } from '../../iceberg/index.ts'
import { advised, planImportMemory, VECTOR_ROWS } from '../../memory/index.ts'
import { checkFormats } from '../inspect/asked-formats.ts'
import type { InspectScene } from '../inspect/csv.ts'
import { fittedSource } from '../read/json-exact.ts'
import { takesObjects } from '../read/json-maps.ts'
import type { JsonDocuments } from '../source/json-documents.ts'
import type { PreparedSource } from '../source/prepare.ts'
import { refuseNamesakes } from '../types/namesakes.ts'
import { readSchemaFile } from '../types/schema-file.ts'
import { firstRung } from '../write/first-rung.ts'
import { rowGroupLimit } from '../write/table-properties.ts'
import { refuseTooManyColumns } from './column-limit.ts'
import { planColumns } from './columns.ts'
import { applyAskedFormats } from './asked-formats.ts'
import { binaryNotes } from './binary-notes.ts'
import { countPartitions } from './count-partitions.ts'
import { declaredFolders } from './declared-folders.ts'
import { headerOnly } from './header-only.ts'
import type { ImportPlan } from './import-plan.ts'
import type { ImportRequest } from './import-request.ts'
import { inspectSource } from './inspect-source.ts'
import { currentSchema, layoutOf } from './layout.ts'
import { TEXT_TO_PARQUET } from './piece-size.ts'
import type { IngestServices } from './services.ts'
import { planTextDivision } from './text-division.ts'

/** Footers that take more than this are worth giving back what reading them left. */
const LARGE_FOOTERS = 4_000_000

/** Decides columns, layout, strategy and memory of an import from what its files hold. */
export async function planSource(
  request: ImportRequest,
  existing: LoadedTable | undefined,
  prepared: PreparedSource,
  documents: JsonDocuments | undefined,
  session: EngineSession,
  services: IngestServices,
): Promise<ImportPlan> {
  const { signal } = request
  const schema = existing === undefined ? await givenSchema(request, session) : currentSchema(existing)
  if (schema !== undefined) refuseNamesakes(schema)
  const scene: InspectScene = {
    session,
    mapColumns: new Set(schema?.fields.filter(({ type }) => takesObjects(type)).map(({ name }) => name.toLowerCase())),
    sampleRows: services.settings.sampleRows,
    maxLineSizeBytes: services.settings.maxLineSizeBytes,
    memoryLimitBytes: services.engine.memoryLimitBytes,
    csv: request.csv ?? {},
    isTolerant: request.onError === 'reject',
    ...(signal === undefined ? {} : { signal }),
  }
  await checkFormats(scene.csv, session)
  const inspected = await inspectSource(prepared, documents, scene)
  // Each look into a large footer leaves as much free in the C library's heap: 60 MB of the 256 were gone before the copy.
  if ((inspected.footerBytes ?? 0) > LARGE_FOOTERS) await services.engine.giveBack()
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
  // What the commit would refuse is refused before rows are read. An append adds no schema.
  if (existing === undefined || request.mode === 'replace' || columns.changes.length > 0)
    checkSchema(fields, existing?.metadata.formatVersion ?? 2)
  const layout = layoutOf(request, existing, fields)
  const notes = [...repeatedNotes(prepared.files), ...inspection.notes, ...columns.notes]
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
    isWidthMeasured: true,
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
      areRowsCounted: prepared.spooled?.pipe === undefined && inspection.areRowsCounted,
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

async function givenSchema(request: ImportRequest, session: EngineSession): Promise<Schema | undefined> {
  return request.schemaFile === undefined ? undefined : readSchemaFile(request.schemaFile, session)
}

/** So many files are named. */
const MOST_NAMED = 5

function repeatedNotes(files: PreparedSource['files']): string[] {
  const paths = files.filter((file) => file.isRepeated === true).map((file) => file.path)
  if (paths.length === 0) return []
  const more = paths.length > MOST_NAMED ? ` and ${paths.length - MOST_NAMED} more` : ''
  return [`named more than once and imported once: ${paths.slice(0, MOST_NAMED).join(', ')}${more}`]
}
