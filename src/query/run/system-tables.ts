import { isIceboxError, type Json } from '../../base/index.ts'
import {
  type DataFile,
  fieldById,
  formatLiteral,
  isPrimitive,
  type ManifestCache,
  type ManifestEntry,
  type ManifestFile,
  ManifestSource,
  decodeValue,
  partitionIdentity,
  partitionLabel,
  type PrimitiveType,
  type Schema,
  schemaOfSpec,
  type TableMetadata,
} from '../../iceberg/index.ts'
import type { ResolvedTable } from '../resolve/resolved-table.ts'
import type { SystemTableKind } from '../resolve/system-table-kinds.ts'
import type { ViewRequest } from '../views/space.ts'
import { filledView, type Row, type RowColumns } from './filled-view.ts'
import { tableKey } from './scan-plan.ts'

const TIME = 'TIMESTAMP WITH TIME ZONE'
const COUNTS = 'MAP(INTEGER, BIGINT)'
const BOUNDS = 'MAP(INTEGER, VARCHAR)'

/** Columns and types of each system table; the names are those of Spark's and PyIceberg's metadata tables. */
const COLUMNS: Readonly<Record<SystemTableKind, RowColumns>> = {
  snapshots: {
    committed_at: TIME,
    snapshot_id: 'BIGINT',
    parent_id: 'BIGINT',
    operation: 'VARCHAR',
    manifest_list: 'VARCHAR',
    summary: 'MAP(VARCHAR, VARCHAR)',
  },
  history: { made_current_at: TIME, snapshot_id: 'BIGINT', parent_id: 'BIGINT', is_current_ancestor: 'BOOLEAN' },
  files: {
    content: 'VARCHAR',
    file_path: 'VARCHAR',
    file_format: 'VARCHAR',
    spec_id: 'INTEGER',
    partition: 'VARCHAR',
    record_count: 'BIGINT',
    file_size_in_bytes: 'BIGINT',
    sequence_number: 'BIGINT',
    column_sizes: COUNTS,
    value_counts: COUNTS,
    null_value_counts: COUNTS,
    nan_value_counts: COUNTS,
    lower_bounds: BOUNDS,
    upper_bounds: BOUNDS,
    split_offsets: 'BIGINT[]',
    equality_ids: 'INTEGER[]',
    sort_order_id: 'INTEGER',
  },
  manifests: {
    content: 'VARCHAR',
    path: 'VARCHAR',
    length: 'BIGINT',
    partition_spec_id: 'INTEGER',
    added_snapshot_id: 'BIGINT',
    sequence_number: 'BIGINT',
    min_sequence_number: 'BIGINT',
    added_files_count: 'INTEGER',
    existing_files_count: 'INTEGER',
    deleted_files_count: 'INTEGER',
    added_rows_count: 'BIGINT',
    existing_rows_count: 'BIGINT',
    deleted_rows_count: 'BIGINT',
  },
  partitions: {
    partition: 'VARCHAR',
    spec_id: 'INTEGER',
    record_count: 'BIGINT',
    file_count: 'BIGINT',
    total_data_file_size_in_bytes: 'BIGINT',
    delete_file_count: 'BIGINT',
  },
  refs: {
    name: 'VARCHAR',
    type: 'VARCHAR',
    snapshot_id: 'BIGINT',
    max_reference_age_in_ms: 'BIGINT',
    min_snapshots_to_keep: 'INTEGER',
    max_snapshot_age_in_ms: 'BIGINT',
  },
  metadata_log_entries: { timestamp: TIME, file: 'VARCHAR', latest_snapshot_id: 'BIGINT' },
}

/** A system table as a view over a relation that is filled when the view is made; rows of manifests are streamed into it. */
export function systemView(table: ResolvedTable, manifests: ManifestCache): ViewRequest {
  const kind = table.system ?? 'snapshots'
  return {
    schema: table.schemaName,
    name: table.viewName,
    key: `system ${tableKey(table)}`,
    build: (builder) => filledView(builder, table, COLUMNS[kind], rowsOf(kind, table, manifests, builder.signal)),
  }
}

async function* rowsOf(
  kind: SystemTableKind,
  table: ResolvedTable,
  manifests: ManifestCache,
  signal: AbortSignal | undefined,
): AsyncGenerator<Row, void, undefined> {
  const { metadata, metadataLocation } = table.loaded
  switch (kind) {
    case 'snapshots':
      yield* snapshotRows(metadata)
      return
    case 'history':
      yield* historyRows(metadata)
      return
    case 'refs':
      yield* refRows(metadata)
      return
    case 'metadata_log_entries':
      for (const { timestampMs, metadataFile } of metadata.metadataLog) {
        yield {
          timestamp: time(timestampMs),
          file: metadataFile,
          latest_snapshot_id: snapshotBefore(metadata, timestampMs),
        }
      }
      yield {
        timestamp: time(metadata.lastUpdatedMs),
        file: metadataLocation,
        latest_snapshot_id: metadata.currentSnapshotId ?? null,
      }
      return
    case 'manifests':
      for (const manifest of await manifestsOf(table, manifests, signal)) yield manifestRow(manifest)
      return
    case 'files':
      for await (const entry of entriesOf(table, manifests, signal)) yield fileRow(entry, table)
      return
    case 'partitions':
      yield* partitionRows(table, manifests, signal)
      return
    default:
      kind satisfies never
  }
}

function* snapshotRows(metadata: TableMetadata): Generator<Row> {
  for (const snapshot of metadata.snapshots) {
    yield {
      committed_at: time(snapshot.timestampMs),
      snapshot_id: snapshot.snapshotId,
      parent_id: snapshot.parentSnapshotId ?? null,
      operation: snapshot.summary['operation'] ?? null,
      manifest_list: snapshot.manifestList ?? null,
      summary: { ...snapshot.summary },
    }
  }
}

function* historyRows(metadata: TableMetadata): Generator<Row> {
  const parents = new Map(metadata.snapshots.map((snapshot) => [snapshot.snapshotId, snapshot.parentSnapshotId]))
  const ancestors = new Set<bigint>()
  for (let id = metadata.currentSnapshotId; id !== undefined && !ancestors.has(id); id = parents.get(id))
    ancestors.add(id)
  for (const { timestampMs, snapshotId } of metadata.snapshotLog) {
    yield {
      made_current_at: time(timestampMs),
      snapshot_id: snapshotId,
      parent_id: parents.get(snapshotId) ?? null,
      is_current_ancestor: ancestors.has(snapshotId),
    }
  }
}

function* refRows(metadata: TableMetadata): Generator<Row> {
  for (const [name, ref] of Object.entries(metadata.refs)) {
    yield {
      name,
      type: ref.type.toUpperCase(),
      snapshot_id: ref.snapshotId,
      max_reference_age_in_ms: ref.maxRefAgeMs ?? null,
      min_snapshots_to_keep: ref.minSnapshotsToKeep ?? null,
      max_snapshot_age_in_ms: ref.maxSnapshotAgeMs ?? null,
    }
  }
}

function manifestRow(manifest: ManifestFile): Row {
  return {
    content: manifest.content,
    path: manifest.manifestPath,
    length: manifest.manifestLength,
    partition_spec_id: manifest.partitionSpecId,
    added_snapshot_id: manifest.addedSnapshotId,
    sequence_number: manifest.sequenceNumber,
    min_sequence_number: manifest.minSequenceNumber,
    added_files_count: manifest.addedFilesCount ?? null,
    existing_files_count: manifest.existingFilesCount ?? null,
    deleted_files_count: manifest.deletedFilesCount ?? null,
    added_rows_count: manifest.addedRowsCount ?? null,
    existing_rows_count: manifest.existingRowsCount ?? null,
    deleted_rows_count: manifest.deletedRowsCount ?? null,
  }
}

function fileRow(entry: ManifestEntry, table: ResolvedTable): Row {
  const file = entry.dataFile
  return {
    content: file.content,
    file_path: file.filePath,
    file_format: file.fileFormat,
    spec_id: file.specId,
    partition: partitionText(file, table),
    record_count: file.recordCount,
    file_size_in_bytes: file.fileSizeInBytes,
    sequence_number: entry.sequenceNumber,
    column_sizes: counts(file.columnSizes),
    value_counts: counts(file.valueCounts),
    null_value_counts: counts(file.nullValueCounts),
    nan_value_counts: counts(file.nanValueCounts),
    lower_bounds: bounds(file.lowerBounds, table.schema),
    upper_bounds: bounds(file.upperBounds, table.schema),
    split_offsets: file.splitOffsets === undefined ? null : [...file.splitOffsets],
    equality_ids: file.equalityIds === undefined ? null : [...file.equalityIds],
    sort_order_id: file.sortOrderId ?? null,
  }
}

async function* partitionRows(
  table: ResolvedTable,
  manifests: ManifestCache,
  signal: AbortSignal | undefined,
): AsyncGenerator<Row, void, undefined> {
  const sums = new Map<
    string,
    { partition: string | null; spec: number; rows: bigint; files: bigint; bytes: bigint; deletes: bigint }
  >()
  for await (const { dataFile } of entriesOf(table, manifests, signal)) {
    const partition = partitionText(dataFile, table)
    const key = `${dataFile.specId} ${partitionIdentity(dataFile.partition)}`
    const sum = sums.get(key) ?? { partition, spec: dataFile.specId, rows: 0n, files: 0n, bytes: 0n, deletes: 0n }
    sums.set(key, sum)
    if (dataFile.content === 'data') {
      sum.rows += dataFile.recordCount
      sum.files++
      sum.bytes += dataFile.fileSizeInBytes
    } else sum.deletes++
  }
  for (const { partition, spec, rows, files, bytes, deletes } of sums.values()) {
    yield {
      partition,
      spec_id: spec,
      record_count: rows,
      file_count: files,
      total_data_file_size_in_bytes: bytes,
      delete_file_count: deletes,
    }
  }
}

function source(table: ResolvedTable, cache: ManifestCache, signal: AbortSignal | undefined): ManifestSource {
  return new ManifestSource({ metadata: table.loaded.metadata, schema: table.schema, io: table.io, cache, signal })
}

async function manifestsOf(
  table: ResolvedTable,
  cache: ManifestCache,
  signal: AbortSignal | undefined,
): Promise<readonly ManifestFile[]> {
  return table.snapshot === undefined ? [] : source(table, cache, signal).manifests(table.snapshot)
}

async function* entriesOf(
  table: ResolvedTable,
  cache: ManifestCache,
  signal: AbortSignal | undefined,
): AsyncGenerator<ManifestEntry, void, undefined> {
  if (table.snapshot === undefined) return
  const from = source(table, cache, signal)
  for (const manifest of await from.manifests(table.snapshot)) {
    for await (const entry of from.entries(manifest)) if (entry.status !== 'deleted') yield entry
  }
}

/** `day=2024-01-02/region=eu`, other for other partitions; null in an unpartitioned spec. */
function partitionText(file: DataFile, table: ResolvedTable): string | null {
  const spec = table.loaded.metadata.partitionSpecs.find((known) => known.specId === file.specId)
  if (spec === undefined || spec.fields.length === 0) return null
  return partitionLabel(spec, schemaOfSpec(table.loaded.metadata, spec.specId, table.schema), file.partition)
}

function counts(map: ReadonlyMap<number, bigint> | undefined): Json {
  return map === undefined ? null : Object.fromEntries([...map].map(([id, count]) => [String(id), count]))
}

function bounds(map: ReadonlyMap<number, Uint8Array> | undefined, schema: Schema): Json {
  if (map === undefined) return null
  const shown: [string, string][] = []
  for (const [id, bytes] of map) {
    const type = fieldById(schema, id)?.type
    if (type === undefined || !isPrimitive(type)) continue
    shown.push([String(id), boundText(type, bytes)])
  }
  return Object.fromEntries(shown)
}

/** The value, or the bytes where they are none of the type: those of a damaged bound, which does not hide the file. */
function boundText(type: PrimitiveType, bytes: Uint8Array): string {
  try {
    return formatLiteral(type, decodeValue(type, bytes))
  } catch (error) {
    if (!isIceboxError(error, 'iceberg/')) throw error
    return `0x${Buffer.from(bytes).toString('hex')}`
  }
}

function snapshotBefore(metadata: TableMetadata, timestampMs: bigint): bigint | null {
  return metadata.snapshotLog.findLast((entry) => entry.timestampMs <= timestampMs)?.snapshotId ?? null
}

/** As the engine reads it, which takes no sign; null for a moment beyond the year 275760 (a writer that took another unit). */
function time(ms: bigint): string | null {
  const date = new Date(Number(ms))
  return Number.isNaN(date.getTime()) ? null : date.toISOString().replace('+', '')
}
