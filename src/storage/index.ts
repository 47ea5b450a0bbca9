export { CountingStore } from './counting.ts'
export { LocalStore } from './local.ts'
export { MemoryStore } from './memory.ts'
export { plainReads } from './plain-reads.ts'
export type {
  ObjectBytes,
  ObjectInfo,
  ObjectStore,
  ReadMemory,
  Room,
  StorageCounters,
  UnflushedObject,
} from './port.ts'
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
