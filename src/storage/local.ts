import { type Dirent, type Stats } from 'node:fs'
import { type FileHandle, open, opendir, stat, unlink } from 'node:fs/promises'
import { type IceboxError, throwIfCancelled } from '../base/index.ts'
import { existsError, shortReadError, storageError, tooLargeError } from './errors.ts'
import { FolderSync } from './folder-sync.ts'
import { isTemporaryName, writeNewFile } from './local-write.ts'
import { plainReads } from './plain-reads.ts'
import type { ObjectBytes, ObjectInfo, ObjectStore, ReadMemory, UnflushedObject } from './port.ts'
import { joinUri, localPath } from './uri.ts'

const DEFAULT_MAX_BYTES = 1024 ** 3
const DEFAULT_CHUNK_BYTES = 256 * 1024
/** Deletes under way at once: the thread pool of Node has four threads. */
const DELETE_WIDTH = 8

/** Files of this machine (`file:` and bare absolute paths). Safe to use from several calls and processes at once. */
export class LocalStore implements ObjectStore {
  readonly reads: ReadMemory
  private readonly folders = new FolderSync()

  constructor(options: { reads?: ReadMemory } = {}) {
    this.reads = options.reads ?? plainReads
  }

  async head(uri: string, signal?: AbortSignal): Promise<ObjectInfo> {
    throwIfCancelled(signal)
    const path = localPath(uri)
    try {
      const stats = await stat(path)
      // A folder is not an object.
      if (!stats.isFile()) throw storageError(Object.assign(new Error('not a file'), { code: 'ENOENT' }), uri, 'read')
      return infoOf(uri, stats)
    } catch (error) {
      throw storageError(error, uri, 'read')
    }
  }

  async read(uri: string, options: { maxBytes?: number; signal?: AbortSignal } = {}): Promise<ObjectBytes> {
    const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES
    return this.withFile(uri, options.signal, async (handle) => {
      const { size } = await handle.stat()
      if (size > maxBytes) throw tooLargeError(uri, size, maxBytes)
      return this.readExactly(handle, uri, 0, size, options.signal)
    })
  }

  readRange(uri: string, offset: number, length: number, signal?: AbortSignal): Promise<ObjectBytes> {
    return this.withFile(uri, signal, (handle) => this.readExactly(handle, uri, offset, length, signal))
  }

  async *readStream(
    uri: string,
    options: { chunkBytes?: number; signal?: AbortSignal } = {},
  ): AsyncIterable<Uint8Array> {
    const chunkBytes = options.chunkBytes ?? DEFAULT_CHUNK_BYTES
    throwIfCancelled(options.signal)
    const handle = await openForReading(uri)
    try {
      for (;;) {
        throwIfCancelled(options.signal)
        // A fresh chunk each time: the reader may keep the one before.
        const chunk = new Uint8Array(chunkBytes)
        const { bytesRead } = await handle.read(chunk, 0, chunkBytes, null)
        if (bytesRead === 0) return
        yield bytesRead === chunkBytes ? chunk : chunk.subarray(0, bytesRead)
      }
    } catch (error) {
      throw storageError(error, uri, 'read')
    } finally {
      await handle.close()
    }
  }

  async create(uri: string, body: Uint8Array | AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<ObjectInfo> {
    const { durable, ...info } = await this.write(uri, body, 'flushed', signal)
    await durable
    return info
  }

  createUnflushed(
    uri: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<UnflushedObject> {
    return this.write(uri, body, 'unflushed', signal)
  }

  private async write(
    uri: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    named: 'flushed' | 'unflushed',
    signal: AbortSignal | undefined,
  ): Promise<UnflushedObject> {
    throwIfCancelled(signal)
    const path = localPath(uri)
    const source = new BodySource(body)
    try {
      // Spares the writing of a whole stream; the name is claimed atomically all the same.
      if (!(body instanceof Uint8Array) && (await exists(path))) throw existsError(uri)
      const { sizeBytes, durable } = await writeNewFile(path, source.body, { folders: this.folders, named, signal })
      const flushed = durable.catch((error: unknown) => {
        throw storageError(error, uri, 'create')
      })
      // Whoever awaits it is told; until then a failure is nobody's.
      flushed.catch(() => undefined)
      return { uri, sizeBytes, lastModifiedMs: Date.now(), durable: flushed }
    } catch (error) {
      if (source.failed(error)) throw error
      throw storageError(error, uri, 'create')
    }
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncIterable<ObjectInfo> {
    // Folders still to visit; depth first, so that it holds the siblings of one path at most.
    const folders = [prefix]
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      throwIfCancelled(signal)
      for await (const entry of entriesOf(folder)) {
        throwIfCancelled(signal)
        const uri = joinUri(folder, entry.name)
        if (entry.isDirectory()) folders.push(uri)
        else if (!isTemporaryName(entry.name)) {
          // Links to folders are not followed: they may lead in a circle or out of the table.
          const stats = await statIfThere(uri)
          if (stats?.isFile() === true) yield infoOf(uri, stats)
        }
      }
    }
  }

  async delete(uris: readonly string[], signal?: AbortSignal): Promise<void> {
    let failure: IceboxError | undefined
    for (let at = 0; at < uris.length; at += DELETE_WIDTH) {
      throwIfCancelled(signal)
      const settled = await Promise.allSettled(uris.slice(at, at + DELETE_WIDTH).map((uri) => deleteFile(uri)))
      for (const [index, result] of settled.entries()) {
        if (result.status === 'rejected') failure ??= storageError(result.reason, uris[at + index] ?? '', 'delete')
      }
    }
    if (failure !== undefined) throw failure
  }

  private async readExactly(
    handle: FileHandle,
    uri: string,
    offset: number,
    length: number,
    signal: AbortSignal | undefined,
  ): Promise<ObjectBytes> {
    const buffer = await this.reads.buffer(length, signal)
    try {
      let done = 0
      while (done < length) {
        throwIfCancelled(signal)
        const { bytesRead } = await handle.read(buffer.bytes, done, length - done, offset + done)
        if (bytesRead === 0) throw shortReadError(uri, offset, length, offset + done)
        done += bytesRead
      }
      return buffer
    } catch (error) {
      buffer[Symbol.dispose]()
      throw error
    }
  }

  private async withFile<T>(
    uri: string,
    signal: AbortSignal | undefined,
    use: (handle: FileHandle) => Promise<T>,
  ): Promise<T> {
    throwIfCancelled(signal)
    const handle = await openForReading(uri)
    try {
      return await use(handle)
    } catch (error) {
      throw storageError(error, uri, 'read')
    } finally {
      await handle.close()
    }
  }
}

/** Tells an error of the caller's body, which passes unchanged, from one of the file system. */
class BodySource {
  readonly body: Uint8Array | AsyncIterable<Uint8Array>
  private failure: { readonly error: unknown } | undefined

  constructor(body: Uint8Array | AsyncIterable<Uint8Array>) {
    this.body = body instanceof Uint8Array ? body : this.watch(body)
  }

  failed(error: unknown): boolean {
    return this.failure !== undefined && this.failure.error === error
  }

  private async *watch(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    try {
      yield* body
    } catch (error) {
      this.failure = { error }
      throw error
    }
  }
}

async function openForReading(uri: string): Promise<FileHandle> {
  const path = localPath(uri)
  try {
    return await open(path, 'r')
  } catch (error) {
    throw storageError(error, uri, 'read')
  }
}

async function deleteFile(uri: string): Promise<void> {
  try {
    await unlink(localPath(uri))
  } catch (error) {
    if (!isMissing(error)) throw storageError(error, uri, 'delete')
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/** Entries of a folder as they are read; nothing when it is not there (or is gone meanwhile). */
async function* entriesOf(folder: string): AsyncIterable<Dirent> {
  try {
    yield* await opendir(localPath(folder))
  } catch (error) {
    if (!isMissing(error)) throw storageError(error, folder, 'list')
  }
}

async function statIfThere(uri: string): Promise<Stats | undefined> {
  try {
    return await stat(localPath(uri))
  } catch (error) {
    if (isMissing(error)) return undefined
    throw storageError(error, uri, 'list')
  }
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function infoOf(uri: string, stats: Stats): ObjectInfo {
  return { uri, sizeBytes: stats.size, lastModifiedMs: stats.mtimeMs }
}
