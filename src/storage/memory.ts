import { formatBytes, IceboxError, throwIfCancelled } from '../base/index.ts'
import { existsError, shortReadError, storageError, tooLargeError } from './errors.ts'
import { plainReads } from './plain-reads.ts'
import type { ObjectBytes, ObjectInfo, ObjectStore, ReadMemory, UnflushedObject } from './port.ts'
import { joinUri, normalizeLocation, schemeOf } from './uri.ts'

const DEFAULT_MAX_BYTES = 1024 ** 3
const DEFAULT_CHUNK_BYTES = 256 * 1024

interface StoredObject {
  readonly bytes: Uint8Array
  readonly lastModifiedMs: number
}

/** Objects in this process (`memory:`), up to `maxBytes` (default 1 GiB) in all. Each store is a world of its own. */
export class MemoryStore implements ObjectStore {
  readonly reads: ReadMemory
  private readonly objects = new Map<string, StoredObject>()
  private readonly maxBytes: number
  private heldBytes = 0

  constructor(options: { maxBytes?: number; reads?: ReadMemory } = {}) {
    this.reads = options.reads ?? plainReads
    this.maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES
  }

  async head(uri: string, signal?: AbortSignal): Promise<ObjectInfo> {
    throwIfCancelled(signal)
    return infoOf(uri, this.get(uri))
  }

  async read(uri: string, options: { maxBytes?: number; signal?: AbortSignal } = {}): Promise<ObjectBytes> {
    throwIfCancelled(options.signal)
    const { bytes } = this.get(uri)
    const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES
    if (bytes.byteLength > maxBytes) throw tooLargeError(uri, bytes.byteLength, maxBytes)
    return this.copy(bytes, options.signal)
  }

  async readRange(uri: string, offset: number, length: number, signal?: AbortSignal): Promise<ObjectBytes> {
    throwIfCancelled(signal)
    const { bytes } = this.get(uri)
    if (offset + length > bytes.byteLength) throw shortReadError(uri, offset, length, bytes.byteLength)
    return this.copy(bytes.subarray(offset, offset + length), signal)
  }

  async *readStream(
    uri: string,
    options: { chunkBytes?: number; signal?: AbortSignal } = {},
  ): AsyncIterable<Uint8Array> {
    const { bytes } = this.get(uri)
    const chunkBytes = options.chunkBytes ?? DEFAULT_CHUNK_BYTES
    for (let at = 0; at < bytes.byteLength; at += chunkBytes) {
      throwIfCancelled(options.signal)
      yield bytes.slice(at, at + chunkBytes)
    }
  }

  async create(uri: string, body: Uint8Array | AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<ObjectInfo> {
    throwIfCancelled(signal)
    const key = keyOf(uri)
    if (this.objects.has(key)) throw existsError(uri)
    const bytes = await this.gather(uri, body, signal)
    throwIfCancelled(signal)
    if (this.objects.has(key)) throw existsError(uri)
    const object = { bytes, lastModifiedMs: Date.now() }
    this.objects.set(key, object)
    this.heldBytes += bytes.byteLength
    return infoOf(uri, object)
  }

  async createUnflushed(
    uri: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<UnflushedObject> {
    return { ...(await this.create(uri, body, signal)), durable: Promise.resolve() }
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo> {
    const below = `${keyOf(prefix).replace(/\/$/, '')}/`
    for (const [key, object] of this.objects) {
      throwIfCancelled(signal)
      if (key.startsWith(below)) yield infoOf(joinUri(prefix, key.slice(below.length)), object)
    }
  }

  async delete(uris: readonly string[], signal?: AbortSignal): Promise<void> {
    throwIfCancelled(signal)
    for (const uri of uris) {
      const key = keyOf(uri)
      this.heldBytes -= this.objects.get(key)?.bytes.byteLength ?? 0
      this.objects.delete(key)
    }
  }

  private async copy(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<ObjectBytes> {
    const buffer = await this.reads.buffer(bytes.byteLength, signal)
    buffer.bytes.set(bytes)
    return buffer
  }

  private get(uri: string): StoredObject {
    const object = this.objects.get(keyOf(uri))
    if (object === undefined) throw storageError(Object.assign(new Error('missing'), { code: 'ENOENT' }), uri, 'read')
    return object
  }

  private async gather(
    uri: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const chunks: Uint8Array[] = []
    let sizeBytes = 0
    for await (const chunk of body instanceof Uint8Array ? [body] : body) {
      throwIfCancelled(signal)
      sizeBytes += chunk.byteLength
      if (this.heldBytes + sizeBytes > this.maxBytes) {
        throw new IceboxError('storage/full', {
          message: `cannot create ${uri}: the memory store holds ${formatBytes(this.heldBytes)} of ${formatBytes(this.maxBytes)}`,
          context: { uri, heldBytes: this.heldBytes, maxBytes: this.maxBytes },
        })
      }
      chunks.push(chunk)
    }
    const bytes = new Uint8Array(sizeBytes)
    let at = 0
    for (const chunk of chunks) {
      bytes.set(chunk, at)
      at += chunk.byteLength
    }
    return bytes
  }
}

function keyOf(uri: string): string {
  if (schemeOf(uri) !== 'memory') {
    throw new IceboxError('storage/unsupported', {
      message: `the memory store does not serve ${uri}`,
      context: { uri },
    })
  }
  return normalizeLocation(uri)
}

function infoOf(uri: string, object: StoredObject): ObjectInfo {
  return { uri, sizeBytes: object.bytes.byteLength, lastModifiedMs: object.lastModifiedMs }
}
