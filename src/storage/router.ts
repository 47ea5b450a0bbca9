import { IceboxError, throwIfCancelled } from '../base/index.ts'
import { LocalStore } from './local.ts'
import { MemoryStore } from './memory.ts'
import type { ObjectInfo, ObjectStore, UnflushedObject } from './port.ts'
import { schemeOf } from './uri.ts'

/** One store for every location that this build serves: each call goes to the store of its scheme. */
class RoutingStore implements ObjectStore {
  private readonly stores: ReadonlyMap<string, ObjectStore>

  constructor(stores: ReadonlyMap<string, ObjectStore>) {
    this.stores = stores
  }

  async head(uri: string, signal?: AbortSignal): Promise<ObjectInfo> {
    return this.storeFor(uri).head(uri, signal)
  }

  async read(uri: string, options?: { maxBytes?: number; signal?: AbortSignal }): Promise<Uint8Array> {
    return this.storeFor(uri).read(uri, options)
  }

  async readRange(uri: string, offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
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

/** A store that serves `file:` (and bare absolute paths) and `memory:`, the latter as a world of its own or the one given. */
export function createStore(options: { memory?: ObjectStore; local?: ObjectStore } = {}): ObjectStore {
  return new RoutingStore(
    new Map<string, ObjectStore>([
      ['file', options.local ?? new LocalStore()],
      ['memory', options.memory ?? new MemoryStore()],
    ]),
  )
}
