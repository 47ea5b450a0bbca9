import type { TableUpdate } from '../metadata/index.ts'
import { currentSnapshot, isSpent, ManifestSource, refuseRolledBack } from '../scan/index.ts'
import type { DataFile, ManifestEntry, ManifestFile } from '../spec/manifest.ts'
import type { Snapshot, SnapshotOperation } from '../spec/snapshot.ts'
import type { ActionResult, Attempt } from './action.ts'
import { groupAddedFiles } from './added-files.ts'
import { ManifestWrites } from './manifest-writes.ts'
import { type MergeCandidate, mergeSettings, planManifestMerges } from './merge-plan.ts'
import type { FileScope } from './scope.ts'
import { newSnapshotId } from './snapshot-id.ts'
import { SummaryBuilder } from './summary.ts'

export interface SnapshotChange {
  readonly added: readonly DataFile[]
  /** What goes, in whole files. */
  readonly removed?: FileScope
  /** Data files that stay although they are in the scope: added by others under snapshot isolation. */
  readonly spared?: ReadonlySet<string>
  /** The snapshot has no parent and holds only what it adds. */
  readonly beginsAnew?: boolean
  /** Further keys of the summary. */
  readonly summary: Readonly<Record<string, string>>
  /** False: a change that adds and removes nothing makes no snapshot. */
  readonly allowsEmpty: boolean
}

/** A manifest of the next snapshot: one that is written already, or entries that are still to be written. */
type Part =
  | { readonly kind: 'written'; readonly manifest: ManifestFile; readonly isMergeable: boolean }
  | {
      readonly kind: 'new'
      readonly specId: number
      readonly entries: readonly ManifestEntry[]
      readonly sizeBytes: number
    }

/**
 * Writes the manifests and the manifest list of the next snapshot of main and returns the updates that add it. New files
 * make their own manifests, manifests with removed files are rewritten, and small ones are merged (I12); a new manifest that
 * would be merged at once is written only in its merged form.
 */
export async function produceSnapshot(attempt: Attempt, change: SnapshotChange): Promise<ActionResult> {
  const { metadata } = attempt
  const parent = change.beginsAnew === true ? undefined : currentSnapshot(metadata)
  if (parent !== undefined) refuseRolledBack(metadata, `the table at ${metadata.location}`)
  const source = new ManifestSource({ metadata, io: attempt.io, cache: attempt.cache, signal: attempt.signal })
  const writes = new ManifestWrites(attempt, newSnapshotId(metadata))
  const counters = new SummaryBuilder(metadata.partitionSpecs)

  const old = parent === undefined ? [] : await source.manifests(parent)
  const parts: Part[] = newParts(change, writes, counters)
  const live = old.filter((manifest) => !isSpent(manifest))
  const kept = new Map<ManifestFile, Part>()
  const removedData = new Set<string>()
  // Data files first: a deletion vector goes with its file (Iceberg spec, "Deletion Vectors").
  for (const content of ['data', 'deletes'] as const) {
    for (const manifest of live.filter((known) => known.content === content)) {
      kept.set(manifest, await withoutRemoved(manifest, change, source, writes, counters, removedData))
    }
  }
  parts.push(...live.flatMap((manifest) => kept.get(manifest) ?? []))
  if (!change.allowsEmpty && !counters.addsFiles && !counters.removesFiles) return { updates: [], guards: [] }

  const manifests = await writeParts(parts, attempt, source, writes)
  const { location: manifestList, manifests: listed, ...lineage } = await writes.list(parent?.snapshotId, manifests)
  attempt.cache.putManifests(manifestList, listed)
  const snapshot: Snapshot = {
    snapshotId: writes.snapshotId,
    ...(parent === undefined ? {} : { parentSnapshotId: parent.snapshotId }),
    sequenceNumber: writes.sequenceNumber,
    // Never before the parent, so that time travel finds the later snapshot later.
    timestampMs: latest(BigInt(attempt.nowMs), metadata.lastUpdatedMs),
    manifestList,
    summary: counters.build(operationOf(counters), parent, manifests, change.summary),
    schemaId: metadata.currentSchemaId,
    ...lineage,
  }
  attempt.snapshotIds.push(snapshot.snapshotId)
  const updates: TableUpdate[] = [
    { action: 'add-snapshot', snapshot },
    {
      action: 'set-snapshot-ref',
      refName: 'main',
      ref: { ...metadata.refs['main'], snapshotId: snapshot.snapshotId, type: 'branch' },
    },
  ]
  // Files are written for a schema: when another writer changed it, the transaction looks again whether they fit.
  return { updates, guards: change.added.length > 0 ? ['main-snapshot', 'schema'] : ['main-snapshot'] }
}

/** Named after what the snapshot does, not after the action: a replacement of nothing is an append. */
function operationOf(counters: SummaryBuilder): SnapshotOperation {
  if (!counters.removesFiles) return 'append'
  return counters.addsFiles ? 'overwrite' : 'delete'
}

function newParts(change: SnapshotChange, writes: ManifestWrites, counters: SummaryBuilder): Part[] {
  return groupAddedFiles(change.added).map(({ specId, files, sizeBytes }) => {
    const entries = files.map((dataFile): ManifestEntry => {
      counters.added(dataFile)
      return {
        status: 'added',
        snapshotId: writes.snapshotId,
        sequenceNumber: null,
        fileSequenceNumber: null,
        dataFile,
      }
    })
    return { kind: 'new', specId, entries, sizeBytes }
  })
}

/** The manifest as it is, or rewritten with the removed files marked deleted. Adds the data files among them to `removedData`. */
async function withoutRemoved(
  manifest: ManifestFile,
  change: SnapshotChange,
  source: ManifestSource,
  writes: ManifestWrites,
  counters: SummaryBuilder,
  removedData: Set<string>,
): Promise<Part> {
  const { removed, spared } = change
  const kept: Part = { kind: 'written', manifest, isMergeable: true }
  if (removed === undefined) return kept
  const mightMatch = removed.manifestMightMatch(manifest)
  if (!mightMatch && (manifest.content === 'data' || removedData.size === 0)) return kept
  const goes = (file: DataFile): boolean =>
    isVectorOf(file, removedData) || (mightMatch && !(spared?.has(file.filePath) ?? false) && removed.removes(file))
  const gone = new Set<string>()
  for await (const { status, dataFile } of source.entries(manifest)) {
    if (status === 'deleted' || !goes(dataFile)) continue
    gone.add(fileKey(dataFile))
    if (dataFile.content === 'data') removedData.add(dataFile.filePath)
    counters.removed(dataFile)
  }
  if (gone.size === 0) return kept
  const rewritten = await writes.manifest(
    manifest.partitionSpecId,
    manifest.content,
    survivors(source.entries(manifest), gone, writes.snapshotId),
  )
  return { kind: 'written', manifest: rewritten, isMergeable: false }
}

/** True for a deletion vector of one of the files; position delete files may be left without what they delete from. */
function isVectorOf(file: DataFile, dataFiles: ReadonlySet<string>): boolean {
  return (
    file.contentOffset !== undefined && file.referencedDataFile !== undefined && dataFiles.has(file.referencedDataFile)
  )
}

/** Several deletion vectors share one Puffin file, so the path alone does not name a delete file. */
function fileKey(file: DataFile): string {
  return file.contentOffset === undefined ? file.filePath : `${file.contentOffset}@${file.filePath}`
}

async function* survivors(
  entries: AsyncIterable<ManifestEntry>,
  gone: ReadonlySet<string>,
  snapshotId: bigint,
): AsyncGenerator<ManifestEntry> {
  for await (const entry of entries) {
    if (entry.status === 'deleted') continue
    if (gone.has(fileKey(entry.dataFile))) yield { ...entry, status: 'deleted', snapshotId }
    else yield { ...entry, status: 'existing' }
  }
}

async function writeParts(
  parts: readonly Part[],
  attempt: Attempt,
  source: ManifestSource,
  writes: ManifestWrites,
): Promise<ManifestFile[]> {
  const mergeable = parts.filter((part) => part.kind === 'new' || part.isMergeable)
  const groups = planManifestMerges(mergeable.map(candidate), mergeSettings(attempt.metadata.properties))
  const merged = new Map<Part, Part[]>()
  for (const group of groups) {
    const members = group.flatMap((at) => mergeable[at] ?? [])
    for (const member of members) merged.set(member, members)
  }
  const manifests: ManifestFile[] = []
  for (const part of parts) {
    const members = merged.get(part)
    // A group is written where its first member stands: the newest files come first.
    if (members !== undefined && members[0] !== part) continue
    const { specId, content } = candidate(part)
    if (members !== undefined) manifests.push(await writes.manifest(specId, content, mergedEntries(members, source)))
    else if (part.kind === 'written') manifests.push(part.manifest)
    else manifests.push(await writes.manifest(specId, content, part.entries))
  }
  return manifests
}

/** New entries stay as they are; old ones keep their numbers and snapshot; what was deleted before is dropped. */
async function* mergedEntries(members: readonly Part[], source: ManifestSource): AsyncGenerator<ManifestEntry> {
  for (const member of members) {
    if (member.kind === 'new') {
      yield* member.entries
      continue
    }
    for await (const entry of source.entries(member.manifest)) {
      if (entry.status !== 'deleted') yield { ...entry, status: 'existing' }
    }
  }
}

function candidate(part: Part): MergeCandidate {
  if (part.kind === 'new') {
    return { specId: part.specId, content: 'data', files: part.entries.length, sizeBytes: part.sizeBytes }
  }
  const { partitionSpecId, content, manifestLength, addedFilesCount, existingFilesCount } = part.manifest
  const files = (addedFilesCount ?? 0) + (existingFilesCount ?? 0)
  return { specId: partitionSpecId, content, files, sizeBytes: Number(manifestLength) }
}

function latest(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
