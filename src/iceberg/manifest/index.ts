export {
  readManifestList,
  UNASSIGNED_SEQUENCE_NUMBER,
  type WriteManifestListOptions,
  type WrittenManifestList,
  writeManifestList,
} from './manifest-list.ts'
export { type ReadManifestOptions, readManifest, readManifestBlocks } from './read-manifest.ts'
export { readSnapshotManifests } from './snapshot-manifests.ts'
export { type WriteManifestOptions, writeManifest } from './write-manifest.ts'
