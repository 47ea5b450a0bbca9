export { CountingStore } from './counting.ts'
export { LocalStore } from './local.ts'
export { MemoryStore } from './memory.ts'
export type { ObjectInfo, ObjectStore, StorageCounters, UnflushedObject } from './port.ts'
export { createStore } from './router.ts'
export { removeStaleTemporaries } from './stale-temporaries.ts'
export {
  baseName,
  fileUri,
  isBelow,
  joinUri,
  localPath,
  normalizeLocation,
  parentUri,
  sameLocation,
  schemeOf,
} from './uri.ts'
