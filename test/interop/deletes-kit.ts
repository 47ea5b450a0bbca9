import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import {
  type DataFile,
  type ManifestFile,
  printTableMetadata,
  readManifestList,
  readTableMetadata,
  type Snapshot,
  type TableMetadata,
  writeManifest,
  writeManifestList,
} from '../../src/iceberg/index.ts'
import type { LocalStore } from '../../src/storage/index.ts'

/** Delete files that Python wrote, and the spec that they belong to. */
export interface ForeignDeletes {
  readonly specId: number
  readonly files: readonly DataFile[]
}

/**
 * A snapshot on top of a table's that adds delete files, as metadata beside the table's own: PyIceberg has no writer for them.
 * Version 3 keeps the manifests of version 2 and gives their rows ids. Returns the location of the new metadata file.
 */
export async function addDeletes(
  io: LocalStore,
  metadataLocation: string,
  formatVersion: 2 | 3,
  deletes: readonly ForeignDeletes[],
): Promise<string> {
  const metadata = await readTableMetadata(io, metadataLocation)
  const parent = currentOf(metadata)
  const schema = metadata.schemas.find((known) => known.schemaId === metadata.currentSchemaId)
  if (schema === undefined) throw new TypeError('no schema')
  const snapshotId = 42n
  const sequenceNumber = metadata.lastSequenceNumber + 1n
  const folder = `${metadata.location}/metadata`
  const name = randomUUID()
  const manifests: ManifestFile[] = [...(await readManifestList(io, parent.manifestList ?? ''))]
  for (const { specId, files } of deletes) {
    const spec = metadata.partitionSpecs.find((known) => known.specId === specId)
    if (spec === undefined) throw new TypeError(`no spec ${specId}`)
    manifests.push(
      await writeManifest(io, `${folder}/${name}-${specId}.avro`, {
        formatVersion,
        spec,
        schema,
        snapshotId,
        content: 'deletes',
        sequenceNumber,
        entries: files.map((dataFile) => ({
          status: 'added',
          snapshotId: null,
          sequenceNumber: null,
          fileSequenceNumber: null,
          dataFile,
        })),
      }),
    )
  }
  const rows = manifests.reduce(
    (sum, one) => sum + (one.content === 'data' ? (one.addedRowsCount ?? 0n) + (one.existingRowsCount ?? 0n) : 0n),
    0n,
  )
  const manifestList = `${folder}/snap-42-${name}.avro`
  await writeManifestList(io, manifestList, {
    formatVersion,
    snapshotId,
    parentSnapshotId: parent.snapshotId,
    sequenceNumber,
    manifests,
    ...(formatVersion === 3 && { firstRowId: 0n }),
  })
  const snapshot: Snapshot = {
    ...parent,
    snapshotId,
    parentSnapshotId: parent.snapshotId,
    sequenceNumber,
    manifestList,
    timestampMs: parent.timestampMs + 1n,
    summary: { operation: 'delete' },
    ...(formatVersion === 3 && { firstRowId: 0n, addedRows: rows }),
  }
  const path = `${folder}/00099-${name}.metadata.json`
  const next: TableMetadata = {
    ...metadata,
    formatVersion,
    lastSequenceNumber: sequenceNumber,
    lastUpdatedMs: snapshot.timestampMs,
    currentSnapshotId: snapshotId,
    snapshots: [...metadata.snapshots, snapshot],
    refs: { main: { snapshotId, type: 'branch' } },
    ...(formatVersion === 3 && { nextRowId: rows }),
  }
  await writeFile(path.replace('file://', ''), printTableMetadata(next))
  return path
}

function currentOf(metadata: TableMetadata): Snapshot {
  const current = metadata.snapshots.find((one) => one.snapshotId === metadata.currentSnapshotId)
  if (current === undefined) throw new TypeError('no snapshot')
  return current
}
