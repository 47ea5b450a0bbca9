export interface ObjectInfo {
  readonly uri: string
  readonly sizeBytes: number
  readonly lastModifiedMs: number
}

/** An object that readers see whole, and that is on its way to the disk. */
export interface UnflushedObject extends ObjectInfo {
  /** Settles when the object survives a crash; rejects as `create` does. To be awaited before anything durable names it. */
  readonly durable: Promise<void>
}

/** Bytes of an object that are the reader's until they are disposed of, and not to be looked at afterwards. */
export interface ObjectBytes extends Disposable {
  readonly bytes: Uint8Array
}

/** Room in the heap for what is made of objects; given back when it is disposed of. */
export interface Room extends Disposable {
  /** Asks for so many bytes more. Rejects `memory/refused`, `cancelled`; what was given before stays. */
  grow(byteLength: number): Promise<void>
}

/**
 * What reading may take of the memory. A lakehouse gives its buffer pool and its governor; a store by itself takes what is
 * asked for.
 */
export interface ReadMemory {
  /** A buffer for bytes of an object; holds anything at first. Rejects `memory/refused`, `cancelled`. */
  buffer(byteLength: number, signal?: AbortSignal): Promise<ObjectBytes>
  /** Room that is asked for before it is taken. `what` is told to who is refused: `the manifest file:///…`. */
  room(what: string, signal?: AbortSignal): Room
}

/**
 * Where the bytes of tables live. Paths are URIs (`file:///…`, `memory:///…`; a bare absolute path means `file:`; later `s3:`),
 * taken as raw strings: never URL-decoded. Every method rejects with an IceboxError of kind `storage/`;
 * `retryable` says whether to try again. Methods take an AbortSignal and reject `cancelled` when it fires.
 */
export interface ObjectStore {
  /** What reading from it may take. */
  readonly reads: ReadMemory
  /** Size and time of an object. Rejects `storage/not-found`. */
  head(uri: string, signal?: AbortSignal): Promise<ObjectInfo>
  /** The whole object, refused with `storage/io` above `maxBytes` (default 1 GiB). Rejects `storage/not-found`, `memory/refused`. */
  read(uri: string, options?: { maxBytes?: number; signal?: AbortSignal }): Promise<ObjectBytes>
  /** Reads exactly `length` bytes from `offset`. Rejects `storage/not-found`, `storage/short-read`, `memory/refused`. */
  readRange(uri: string, offset: number, length: number, signal?: AbortSignal): Promise<ObjectBytes>
  /** The object in chunks, in order; memory is that of one chunk. Rejects `storage/not-found`. */
  readStream(uri: string, options?: { chunkBytes?: number; signal?: AbortSignal }): AsyncIterable<Uint8Array>
  /**
   * Writes a whole object that must not exist yet; atomic and durable: readers see all of it or nothing, and when the
   * promise resolves it survives a crash. Makes missing folders. Rejects `storage/exists`, `storage/full`, `storage/denied`.
   */
  create(uri: string, body: Uint8Array | AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<ObjectInfo>
  /**
   * `create` for one of several objects that must be durable together: resolves when readers see it, so that the next can be
   * written while the disk flushes this one. After a crash before `durable` there may be a name with a part of the bytes.
   */
  createUnflushed(
    uri: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<UnflushedObject>
  /** Objects below a prefix that ends at a path segment, in no promised order; nothing for a prefix that is not there. */
  list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo>
  /** Removes objects; one that is not there is no error. Rejects after trying all, naming the first that failed. */
  delete(uris: readonly string[], signal?: AbortSignal): Promise<void>
}

/** What a store did since it was made; the counting decorator keeps it. */
export interface StorageCounters {
  requests: number
  readRequests: number
  writeRequests: number
  bytesRead: number
  bytesWritten: number
  /** Sum over requests of the time from call to settlement. */
  elapsedMs: number
}
