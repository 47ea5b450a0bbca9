import { throwIfCancelled } from '../../base/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import type { DataFile, ManifestEntry, ManifestFile } from '../spec/manifest.ts'
import type { Snapshot } from '../spec/snapshot.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import type { Schema } from '../spec/types.ts'
import { type ApplicableDeletes, DeleteIndex } from './delete-index.ts'
import { TableFilter } from './filter.ts'
import type { ManifestCache } from './manifest-cache.ts'
import { ManifestSource } from './manifest-source.ts'
import type { EntryBlock } from './packed-entries.ts'
import type { Predicate } from './predicate.ts'
import { currentSnapshot, schemaOf, snapshotAt } from './snapshot-at.ts'

/** A data file to be read, and the deletes that apply to it. */
export interface FileScanTask extends ApplicableDeletes {
  readonly dataFile: DataFile
  /** The data sequence number; 0 in v1 tables. */
  readonly sequenceNumber: bigint
}

/** What planning did; grows while tasks are taken, final when they end or the consumer stops. */
export interface ScanReport {
  /** Data and delete manifests of the snapshot. */
  readonly manifestsTotal: number
  /** Manifests opened, from the store or the cache; the others cannot match. */
  readonly manifestsRead: number
  /** Live data files of the snapshot by its manifest list; undefined where a v1 writer left the counts out. */
  readonly filesTotal: number | undefined
  readonly filesMatched: number
  /** Live data files left out by partition or statistics, as far as planning got. */
  readonly filesPruned: number
  /** Delete files that may apply. */
  readonly deleteFiles: number
  /** Bytes of manifests read from the store; those of the cache cost none. */
  readonly bytesRead: number
}

export interface PlanFilesOptions {
  readonly metadata: TableMetadata
  readonly io: ObjectStore
  readonly filter: Predicate
  /** Default: the current snapshot; a table without one has no files. */
  readonly snapshotId?: bigint
  /** What the filter's field ids mean. Default: the snapshot's schema where `snapshotId` is given, else the current one. */
  readonly schema?: Schema
  readonly cache?: ManifestCache
  readonly signal?: AbortSignal
  /** Stops after so many files. */
  readonly limitFiles?: number
}

type Counts = { -readonly [K in keyof ScanReport]: ScanReport[K] }

/**
 * The files that may hold rows of the filter (Iceberg spec, "Scan Planning"). Delete manifests are read first; data
 * manifests follow one by one, only those whose partition summaries can match, and only as far as the consumer goes (I13).
 * Memory: the matching delete files, and one block of a manifest (or what the cache keeps).
 */
export function planFiles(options: PlanFilesOptions): { tasks: AsyncIterable<FileScanTask>; report: ScanReport } {
  const report: Counts = {
    manifestsTotal: 0,
    manifestsRead: 0,
    filesTotal: undefined,
    filesMatched: 0,
    filesPruned: 0,
    deleteFiles: 0,
    bytesRead: 0,
  }
  return { tasks: plan(options, report), report }
}

async function* plan(options: PlanFilesOptions, report: Counts): AsyncGenerator<FileScanTask, void, undefined> {
  const { metadata, limitFiles = Number.POSITIVE_INFINITY } = options
  const snapshot = chosenSnapshot(options)
  if (snapshot === undefined) {
    report.filesTotal = 0
    return
  }
  const schema = options.schema ?? schemaOf(metadata, options.snapshotId === undefined ? undefined : snapshot)
  const source = new ManifestSource({ ...options, schema })
  const filter = new TableFilter(options.filter, schema, metadata.partitionSpecs)
  const manifests = await source.manifests(snapshot)
  report.manifestsTotal = manifests.length
  report.filesTotal = liveDataFiles(manifests)
  const deletes = await readDeletes(source, manifests, filter, new DeleteIndex(schema, metadata.partitionSpecs), report)

  for (const manifest of manifests) {
    if (manifest.content !== 'data') continue
    if (report.filesMatched >= limitFiles) return
    throwIfCancelled(options.signal)
    if (isSpent(manifest)) continue
    if (!filter.manifestMightMatch(manifest)) {
      report.filesPruned += liveFiles(manifest) ?? 0
      continue
    }
    report.manifestsRead++
    for await (const block of source.blocks(manifest)) {
      report.bytesRead = source.bytesRead
      for (let at = 0; at < block.length; at++) {
        if (!isTask(block, at, filter, report)) continue
        yield task(block.entry(at), deletes)
        if (report.filesMatched >= limitFiles) return
      }
    }
  }
}

function chosenSnapshot(options: PlanFilesOptions): Snapshot | undefined {
  const { metadata, snapshotId } = options
  return snapshotId === undefined ? currentSnapshot(metadata) : snapshotAt(metadata, { snapshotId })
}

/** A delete file applies only within its partition, so the partition alone may rule it out, and never its statistics. */
async function readDeletes(
  source: ManifestSource,
  manifests: readonly ManifestFile[],
  filter: TableFilter,
  index: DeleteIndex,
  report: Counts,
): Promise<DeleteIndex> {
  for (const manifest of manifests) {
    if (manifest.content !== 'deletes' || isSpent(manifest) || !filter.manifestMightMatch(manifest)) continue
    report.manifestsRead++
    for await (const entry of source.entries(manifest)) {
      if (entry.status !== 'deleted' && filter.partitionMightMatch(entry.dataFile)) index.add(entry)
    }
    report.bytesRead = source.bytesRead
  }
  report.deleteFiles = index.size
  return index
}

function isTask(block: EntryBlock, at: number, filter: TableFilter, report: Counts): boolean {
  const { status, dataFile } = block.head(at)
  if (status === 'deleted') return false
  if (!filter.fileMightMatch(dataFile, (fieldId, type) => block.facts(at, fieldId, type))) {
    report.filesPruned++
    return false
  }
  report.filesMatched++
  return true
}

function task(entry: ManifestEntry, deletes: DeleteIndex): FileScanTask {
  const sequenceNumber = entry.sequenceNumber ?? 0n
  return { dataFile: entry.dataFile, sequenceNumber, ...deletes.forFile(entry.dataFile, sequenceNumber) }
}

/** True when the manifest holds only files deleted in its own snapshot. */
export function isSpent(manifest: ManifestFile): boolean {
  return manifest.addedFilesCount === 0 && manifest.existingFilesCount === 0
}

function liveFiles(manifest: ManifestFile): number | undefined {
  const { addedFilesCount, existingFilesCount } = manifest
  return addedFilesCount === undefined || existingFilesCount === undefined
    ? undefined
    : addedFilesCount + existingFilesCount
}

function liveDataFiles(manifests: readonly ManifestFile[]): number | undefined {
  return manifests
    .filter((manifest) => manifest.content === 'data')
    .reduce<number | undefined>((sum, manifest) => {
      const live = liveFiles(manifest)
      return sum === undefined || live === undefined ? undefined : sum + live
    }, 0)
}
