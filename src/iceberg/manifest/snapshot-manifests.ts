import type { ObjectStore } from '../../storage/index.ts'
import { invalidAvro, readAvroContainer } from '../avro/index.ts'
import type { ManifestFile } from '../spec/manifest.ts'
import type { Snapshot } from '../spec/snapshot.ts'
import { readManifestList } from './manifest-list.ts'
import { firstOf, located } from './read-manifest.ts'

/**
 * The manifests of a snapshot: those of its manifest list; in format version 1 the metadata may name them itself (Iceberg
 * spec, "Snapshots"), and then each says in its header what a list would say of it. Rejects `iceberg/invalid-manifest` and
 * `storage/*`.
 */
export async function readSnapshotManifests(
  io: ObjectStore,
  snapshot: Snapshot,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ManifestFile[]> {
  if (snapshot.manifestList !== undefined) return readManifestList(io, snapshot.manifestList, options)
  const manifests: ManifestFile[] = []
  for (const path of snapshot.manifests ?? []) manifests.push(await fromHeader(io, path, snapshot, options))
  return manifests
}

async function fromHeader(
  io: ObjectStore,
  manifestPath: string,
  snapshot: Snapshot,
  options: { readonly signal?: AbortSignal },
): Promise<ManifestFile> {
  const { sizeBytes } = await io.head(manifestPath, options.signal)
  return {
    manifestPath,
    manifestLength: BigInt(sizeBytes),
    partitionSpecId: await specIdOf(io, manifestPath, options),
    content: 'data',
    sequenceNumber: 0n,
    minSequenceNumber: 0n,
    addedSnapshotId: snapshot.snapshotId,
  }
}

async function specIdOf(io: ObjectStore, path: string, options: { readonly signal?: AbortSignal }): Promise<number> {
  try {
    const blocks = readAvroContainer(io.readStream(path, options))
    const { metadata } = await firstOf(blocks)
    await blocks.return()
    // Writers from before specs could change leave it out.
    const text = metadata.get('partition-spec-id') ?? '0'
    if (!/^\d{1,9}$/.test(text)) throw invalidAvro(`its header has the partition-spec-id ${text}`)
    return Number(text)
  } catch (error) {
    throw located(error, path)
  }
}
