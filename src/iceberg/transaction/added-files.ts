import { IceboxError } from '../../base/index.ts'
import { compareForFilter } from '../scan/index.ts'
import type { DataFile } from '../spec/manifest.ts'
import { transformToString } from '../spec/partition.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import type { PartitionTuple } from '../spec/types.ts'
import { specOf } from './manifest-writes.ts'

/** A manifest of this size is fast to read and narrow in its partitions; as the default of `commit.manifest.target-size-bytes`. */
const TARGET_BYTES = 8 * 1024 * 1024

/**
 * Checks files that are about to be added. Throws `iceberg/invalid-change` for a file that is not a data file, is named twice,
 * or whose partition does not fit its spec; `iceberg/unsupported` for a spec with a transform that this build does not know (I4).
 */
export function checkAddedFiles(metadata: TableMetadata, files: readonly DataFile[]): void {
  const paths = new Set<string>()
  for (const file of files) {
    const problem = (message: string) =>
      new IceboxError('iceberg/invalid-change', { message, context: { dataFile: file.filePath } })
    if (file.content !== 'data') throw problem(`${file.filePath} is not a data file but holds ${file.content}`)
    if (paths.has(file.filePath)) throw problem(`${file.filePath} is added twice`)
    if (file.recordCount < 0n || file.fileSizeInBytes < 0n) throw problem(`${file.filePath} has a negative size`)
    paths.add(file.filePath)
    const spec = specOf(metadata, file.specId)
    if (file.partition.length !== spec.fields.length) {
      throw problem(
        `${file.filePath} has ${file.partition.length} partition values; spec ${spec.specId} has ${spec.fields.length}`,
      )
    }
    const unknown = spec.fields.find((field) => field.transform.kind === 'unknown')
    if (unknown !== undefined) {
      throw new IceboxError('iceberg/unsupported', {
        message: `partition field '${unknown.name}' has the transform ${transformToString(unknown.transform)}, which this build cannot write`,
        remedy: 'write to the table with the tool that made the transform, or remove the partition field',
        context: { transform: transformToString(unknown.transform) },
      })
    }
  }
}

export interface AddedGroup {
  readonly specId: number
  readonly files: readonly DataFile[]
  /** Estimate of the manifest's size. */
  readonly sizeBytes: number
}

/** The files by spec, each group small enough for one manifest; where there are several, each covers a range of partitions. */
export function groupAddedFiles(files: readonly DataFile[], targetBytes = TARGET_BYTES): AddedGroup[] {
  const bySpec = new Map<number, DataFile[]>()
  for (const file of files) {
    const members = bySpec.get(file.specId)
    if (members === undefined) bySpec.set(file.specId, [file])
    else members.push(file)
  }
  return [...bySpec].flatMap(([specId, members]) => {
    const total = sizeOf(members)
    if (total <= targetBytes) return [{ specId, files: members, sizeBytes: total }]
    return split(
      [...members].sort((a, b) => compareTuples(a.partition, b.partition)),
      targetBytes,
    ).map((part) => ({
      specId,
      files: part,
      sizeBytes: sizeOf(part),
    }))
  })
}

function split(files: readonly DataFile[], targetBytes: number): DataFile[][] {
  const parts: DataFile[][] = []
  let part: DataFile[] = []
  let sizeBytes = 0
  for (const file of files) {
    const bytes = entrySize(file)
    if (part.length > 0 && sizeBytes + bytes > targetBytes) {
      parts.push(part)
      part = []
      sizeBytes = 0
    }
    part.push(file)
    sizeBytes += bytes
  }
  return part.length === 0 ? parts : [...parts, part]
}

/** A manifest is a header of about 4 kB and entries. */
function sizeOf(files: readonly DataFile[]): number {
  return files.reduce((sum, file) => sum + entrySize(file), 4096)
}

/** Bytes of a deflated entry: paths and counts shrink to about a third, bounds hardly. */
function entrySize(file: DataFile): number {
  const counts = (file.columnSizes?.size ?? 0) + (file.valueCounts?.size ?? 0) + (file.nullValueCounts?.size ?? 0)
  let bounds = 0
  for (const bound of file.lowerBounds?.values() ?? []) bounds += bound.length + 2
  for (const bound of file.upperBounds?.values() ?? []) bounds += bound.length + 2
  return 60 + Math.ceil(file.filePath.length / 3) + counts * 2 + bounds
}

/** Null before values; the order only has to be the same for all. */
function compareTuples(a: PartitionTuple, b: PartitionTuple): number {
  for (let at = 0; at < a.length; at++) {
    const left = a[at] ?? null
    const right = b[at] ?? null
    if (left === null || right === null) {
      if (left !== right) return left === null ? -1 : 1
      continue
    }
    const order = compareForFilter(left, right) ?? 0
    if (order !== 0) return order
  }
  return 0
}
