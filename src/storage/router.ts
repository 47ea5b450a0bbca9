import { IceboxError, throwIfCancelled } from '../base/index.ts'
import { LocalStore } from './local.ts'
import { MemoryStore } from './memory.ts'
import { plainReads } from './plain-reads.ts'
import type { ObjectBytes, ObjectInfo, ObjectStore, ReadMemory, UnflushedObject } from './port.ts'
import { schemeOf } from './uri.ts'

/** One store for every location that this build serves: each call goes to the store of its scheme. */
class RoutingStore implements ObjectStore {
  readonly reads: ReadMemory
  private readonly stores: ReadonlyMap<string, ObjectStore>

  constructor(stores: ReadonlyMap<string, ObjectStore>, reads: ReadMemory) {
    this.stores = stores
    this.reads = reads
  }

  async head(uri: string, signal?: AbortSignal): Promise<ObjectInfo> {
    return this.storeFor(uri).head(uri, signal)
  }

  async read(uri: string, options?: { maxBytes?: number; signal?: AbortSignal }): Promise<ObjectBytes> {
    return this.storeFor(uri).read(uri, options)
  }

  async readRange(uri: string, offset: number, length: number, signal?: AbortSignal): Promise<ObjectBytes> {
    return this.storeFor(uri).readRange(uri, offset, length, signal)
  }

  async *readStream(uri: string, options?: { chunkBytes?: number; signal?: AbortSignal }): AsyncIterable<Uint8Array> {
    yield* this.storeFor(uri).readStream(uri, options)
  }

  async create(uri: string, body: Uint8Array | AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<ObjectInfo> {
    return this.storeFor(uri).create(uri, body, signal)
  }

  async createUnflushed(
    uri: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<UnflushedObject> {
    return this.storeFor(uri).createUnflushed(uri, body, signal)
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo> {
    yield* this.storeFor(prefix).list(prefix, signal)
  }

  async delete(uris: readonly string[], signal?: AbortSignal): Promise<void> {
    throwIfCancelled(signal)
    const groups = new Map<ObjectStore, string[]>()
    for (const uri of uris) {
      const store = this.storeFor(uri)
      const group = groups.get(store)
      if (group === undefined) groups.set(store, [uri])
      else group.push(uri)
    }
    const settled = await Promise.allSettled([...groups].map(([store, group]) => store.delete(group, signal)))
    const failed = settled.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  private storeFor(uri: string): ObjectStore {
    const scheme = schemeOf(uri)
    const store = this.stores.get(scheme)
    if (store !== undefined) return store
    const known = [...this.stores.keys()].map((each) => `${each}:`).join(' or ')
    throw new IceboxError('storage/unsupported', {
      message: `no storage of this build serves '${scheme}:' (${uri})`,
      remedy: `use ${known}${scheme === 's3' ? '; S3 comes with a later part of Icebox' : ''}`,
      context: { uri, scheme },
    })
  }
}

export interface StoreOptions {
  /** For `memory:`, instead of a world of its own. */
  readonly memory?: ObjectStore
  /** What reading may take; default: as much as is asked for. */
  readonly reads?: ReadMemory
}

/** A store that serves `file:` (and bare absolute paths) and `memory:`. */
export function createStore(options: StoreOptions = {}): ObjectStore {
  const reads = options.reads ?? plainReads
  return new RoutingStore(
    new Map<string, ObjectStore>([
      ['file', new LocalStore({ reads })],
      ['memory', options.memory ?? new MemoryStore({ reads })],
    ]),
    reads,
  )
}
