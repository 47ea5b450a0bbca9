import type { ObjectBytes, ObjectInfo, ObjectStore, ReadMemory, StorageCounters, UnflushedObject } from './port.ts'

/** Counts what passes through to another store: requests, bytes and time, of calls that failed too. */
export class CountingStore implements ObjectStore {
  private readonly inner: ObjectStore
  private readonly totals: StorageCounters = {
    requests: 0,
    readRequests: 0,
    writeRequests: 0,
    bytesRead: 0,
    bytesWritten: 0,
    elapsedMs: 0,
  }

  constructor(inner: ObjectStore) {
    this.inner = inner
  }

  get reads(): ReadMemory {
    return this.inner.reads
  }

  /** A copy of the counters as they are now; the difference of two is what happened between. */
  counters(): Readonly<StorageCounters> {
    return { ...this.totals }
  }

  head(uri: string, signal?: AbortSignal): Promise<ObjectInfo> {
    return this.timed('readRequests', () => this.inner.head(uri, signal))
  }

  async read(uri: string, options?: { maxBytes?: number; signal?: AbortSignal }): Promise<ObjectBytes> {
    return this.countObject(await this.timed('readRequests', () => this.inner.read(uri, options)))
  }

  async readRange(uri: string, offset: number, length: number, signal?: AbortSignal): Promise<ObjectBytes> {
    return this.countObject(await this.timed('readRequests', () => this.inner.readRange(uri, offset, length, signal)))
  }

  readStream(uri: string, options?: { chunkBytes?: number; signal?: AbortSignal }): AsyncIterable<Uint8Array> {
    return this.timedStream(this.inner.readStream(uri, options), (chunk) => this.countRead(chunk))
  }

  async create(uri: string, body: Uint8Array | AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<ObjectInfo> {
    return this.countWritten(await this.timed('writeRequests', () => this.inner.create(uri, body, signal)))
  }

  async createUnflushed(
    uri: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<UnflushedObject> {
    return this.countWritten(await this.timed('writeRequests', () => this.inner.createUnflushed(uri, body, signal)))
  }

  list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo> {
    return this.timedStream(this.inner.list(prefix, signal), (info) => info)
  }

  delete(uris: readonly string[], signal?: AbortSignal): Promise<void> {
    return this.timed('writeRequests', () => this.inner.delete(uris, signal))
  }

  private countObject(object: ObjectBytes): ObjectBytes {
    this.countRead(object.bytes)
    return object
  }

  private countRead(bytes: Uint8Array): Uint8Array {
    this.totals.bytesRead += bytes.byteLength
    return bytes
  }

  private countWritten<Info extends ObjectInfo>(info: Info): Info {
    this.totals.bytesWritten += info.sizeBytes
    return info
  }

  private begin(kind: 'readRequests' | 'writeRequests'): void {
    this.totals.requests++
    this.totals[kind]++
  }

  private async timed<T>(kind: 'readRequests' | 'writeRequests', call: () => Promise<T>): Promise<T> {
    this.begin(kind)
    const startMs = performance.now()
    try {
      return await call()
    } finally {
      this.totals.elapsedMs += performance.now() - startMs
    }
  }

  /** One request, counted when it is first pulled; its time is that spent waiting for the store, not that of the reader. */
  private async *timedStream<T>(inner: AsyncIterable<T>, count: (item: T) => T): AsyncIterable<T> {
    this.begin('readRequests')
    const iterator = inner[Symbol.asyncIterator]()
    let isDone = false
    try {
      while (!isDone) {
        const startMs = performance.now()
        let step: IteratorResult<T>
        try {
          step = await iterator.next()
        } catch (error) {
          isDone = true
          throw error
        } finally {
          this.totals.elapsedMs += performance.now() - startMs
        }
        isDone = step.done === true
        if (step.done !== true) yield count(step.value)
      }
    } finally {
      if (!isDone) await iterator.return?.()
    }
  }
}
