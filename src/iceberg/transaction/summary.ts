import { partitionIdentity } from '../scan/index.ts'
import type { DataFile, ManifestFile } from '../spec/manifest.ts'
import { isUnpartitioned } from '../spec/partition.ts'
import type { Snapshot, SnapshotOperation } from '../spec/snapshot.ts'
import type { PartitionSpec } from '../spec/types.ts'

interface Counters {
  dataFiles: bigint
  records: bigint
  sizeBytes: bigint
  deleteFiles: bigint
  positionDeleteFiles: bigint
  equalityDeleteFiles: bigint
  positionDeletes: bigint
  equalityDeletes: bigint
}

/** Adds up what a snapshot adds and removes, for its summary (Iceberg spec, Appendix F). */
export class SummaryBuilder {
  readonly #added = zero()
  readonly #removed = zero()
  readonly #partitions = new Set<string>()
  readonly #partitionedSpecs: ReadonlySet<number>

  constructor(specs: readonly PartitionSpec[]) {
    this.#partitionedSpecs = new Set(specs.filter((spec) => !isUnpartitioned(spec)).map((spec) => spec.specId))
  }

  added(file: DataFile): void {
    this.#count(this.#added, file)
  }

  removed(file: DataFile): void {
    this.#count(this.#removed, file)
  }

  get addsFiles(): boolean {
    return this.#added.dataFiles + this.#added.deleteFiles > 0n
  }

  get removesFiles(): boolean {
    return this.#removed.dataFiles + this.#removed.deleteFiles > 0n
  }

  #count(counters: Counters, file: DataFile): void {
    counters.sizeBytes += file.fileSizeInBytes
    if (file.content === 'data') {
      counters.dataFiles++
      counters.records += file.recordCount
    } else {
      counters.deleteFiles++
      if (file.content === 'position-deletes') {
        counters.positionDeleteFiles++
        counters.positionDeletes += file.recordCount
      } else {
        counters.equalityDeleteFiles++
        counters.equalityDeletes += file.recordCount
      }
    }
    if (this.#partitionedSpecs.has(file.specId)) {
      this.#partitions.add(`${file.specId}/${partitionIdentity(file.partition)}`)
    }
  }

  /**
   * The summary: operation, what changed (only what is not zero), totals. A total follows from the parent's; where the parent
   * has none, files and rows are counted from `manifests`, and the rest is left out rather than guessed. `extra` cannot
   * replace a counter.
   */
  build(
    operation: SnapshotOperation,
    parent: Snapshot | undefined,
    manifests: readonly ManifestFile[],
    extra: Readonly<Record<string, string>>,
  ): Record<string, string> {
    const summary: Record<string, string> = { ...extra, operation }
    const put = (key: string, value: bigint) => {
      if (value > 0n) summary[key] = String(value)
    }
    const added = this.#added
    const removed = this.#removed
    put('added-data-files', added.dataFiles)
    put('deleted-data-files', removed.dataFiles)
    put('added-delete-files', added.deleteFiles)
    put('removed-delete-files', removed.deleteFiles)
    put('added-position-delete-files', added.positionDeleteFiles)
    put('removed-position-delete-files', removed.positionDeleteFiles)
    put('added-equality-delete-files', added.equalityDeleteFiles)
    put('removed-equality-delete-files', removed.equalityDeleteFiles)
    put('added-records', added.records)
    put('deleted-records', removed.records)
    put('added-files-size', added.sizeBytes)
    put('removed-files-size', removed.sizeBytes)
    put('added-position-deletes', added.positionDeletes)
    put('removed-position-deletes', removed.positionDeletes)
    put('added-equality-deletes', added.equalityDeletes)
    put('removed-equality-deletes', removed.equalityDeletes)
    put('changed-partition-count', BigInt(this.#partitions.size))

    const total = (key: string, plus: bigint, minus: bigint, counted?: bigint) => {
      const before = parent === undefined ? 0n : parseCount(parent.summary[key])
      const after = before === undefined ? counted : before + plus - minus
      if (after !== undefined && after >= 0n) summary[key] = String(after)
    }
    total('total-records', added.records, removed.records, countRows(manifests))
    total('total-files-size', added.sizeBytes, removed.sizeBytes)
    total('total-data-files', added.dataFiles, removed.dataFiles, countFiles(manifests))
    total('total-delete-files', added.deleteFiles, removed.deleteFiles)
    total('total-position-deletes', added.positionDeletes, removed.positionDeletes)
    total('total-equality-deletes', added.equalityDeletes, removed.equalityDeletes)
    return summary
  }
}

function zero(): Counters {
  return {
    dataFiles: 0n,
    records: 0n,
    sizeBytes: 0n,
    deleteFiles: 0n,
    positionDeleteFiles: 0n,
    equalityDeleteFiles: 0n,
    positionDeletes: 0n,
    equalityDeletes: 0n,
  }
}

function parseCount(text: string | undefined): bigint | undefined {
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : undefined
}

function countFiles(manifests: readonly ManifestFile[]): bigint | undefined {
  return sum(manifests, ({ addedFilesCount: added, existingFilesCount: existing }) =>
    added === undefined || existing === undefined ? undefined : BigInt(added + existing),
  )
}

function countRows(manifests: readonly ManifestFile[]): bigint | undefined {
  return sum(manifests, ({ addedRowsCount: added, existingRowsCount: existing }) =>
    added === undefined || existing === undefined ? undefined : added + existing,
  )
}

function sum(
  manifests: readonly ManifestFile[],
  of: (manifest: ManifestFile) => bigint | undefined,
): bigint | undefined {
  let total = 0n
  for (const manifest of manifests) {
    const count = manifest.content === 'data' ? of(manifest) : 0n
    if (count === undefined) return undefined
    total += count
  }
  return total
}
