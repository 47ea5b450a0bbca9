import { open } from 'node:fs/promises'
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { IceboxError, messageOf, systemCode, throwIfCancelled } from '../../base/index.ts'
import type { Compression } from './format.ts'

/** The first bytes of a file as they lie on disk. Rejects `source/not-found`, `source/unreadable`. */
export async function readHead(path: string, bytes: number): Promise<Uint8Array> {
  return readRange(path, 0, bytes)
}

/** The same from `offset` on; fewer where the file ends. */
export async function readRange(path: string, offset: number, bytes: number): Promise<Buffer> {
  try {
    const handle = await open(path, 'r')
    try {
      const buffer = Buffer.alloc(bytes)
      const { bytesRead } = await handle.read(buffer, 0, bytes, offset)
      return buffer.subarray(0, bytesRead)
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw readError(path, error)
  }
}

/** The last bytes of a file; fewer where it has not so many. Rejects `source/not-found`, `source/unreadable`. */
export async function readTail(path: string, bytes: number): Promise<Buffer> {
  try {
    const handle = await open(path, 'r')
    try {
      const { size } = await handle.stat()
      const buffer = Buffer.alloc(Math.min(bytes, size))
      await handle.read(buffer, 0, buffer.length, size - buffer.length)
      return buffer
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw readError(path, error)
  }
}

const CHUNK_BYTES = 1 << 20

/**
 * Chunks of a plain or gzip file, each valid until the next is asked for (one buffer, used again: fresh ones would be
 * garbage faster than it is collected). Rejects `source/truncated` for gzip that ends early or is damaged.
 */
export async function* readChunks(
  path: string,
  compression: Compression,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  if (compression !== 'gzip') {
    yield* readPlain(path, signal)
    return
  }
  const raw = createReadStream(path, { highWaterMark: 1 << 18 })
  const source = raw.pipe(createGunzip({ chunkSize: 1 << 18 }))
  raw.on('error', (error) => source.destroy(error))
  try {
    for await (const chunk of source) {
      throwIfCancelled(signal)
      if (Buffer.isBuffer(chunk)) yield chunk
    }
  } catch (error) {
    throw readError(path, error)
  } finally {
    raw.destroy()
    source.destroy()
  }
}

/** Unpacks all of a gzip file. Rejects as {@link readChunks}. */
export async function checkGzip(path: string, signal?: AbortSignal): Promise<void> {
  for await (const _chunk of readChunks(path, 'gzip', signal));
}

async function* readPlain(path: string, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw readError(path, error)
  })
  try {
    const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    for (;;) {
      throwIfCancelled(signal)
      const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, null)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } catch (error) {
    throw readError(path, error)
  } finally {
    await handle.close()
  }
}

/** The first decompressed bytes of a gzip file; fewer when it ends early: the whole is checked elsewhere. */
export async function readGzipHead(path: string, bytes: number): Promise<Uint8Array> {
  const parts: Buffer[] = []
  let length = 0
  for await (const chunk of readChunks(path, 'gzip')) {
    parts.push(Buffer.from(chunk))
    length += chunk.length
    if (length >= bytes) break
  }
  return Buffer.concat(parts).subarray(0, bytes)
}

export function readError(path: string, error: unknown): IceboxError {
  if (error instanceof IceboxError) return error
  const code = systemCode(error) ?? ''
  if (code === 'ENOENT') {
    return new IceboxError('source/not-found', {
      message: `${path} is not there any more`,
      context: { file: path },
      cause: error,
    })
  }
  if (code.startsWith('Z_')) {
    const isShort = code === 'Z_BUF_ERROR'
    return new IceboxError('source/truncated', {
      message: isShort
        ? `${path} ends in the middle of its gzip data`
        : `${path} holds damaged gzip data: ${messageOf(error)}`,
      remedy: 'get the file again: it was not transferred whole',
      context: { file: path },
      cause: error,
    })
  }
  return new IceboxError('source/unreadable', {
    message: `${path} cannot be read: ${messageOf(error)}`,
    remedy: 'check its permissions',
    context: { file: path },
    cause: error,
  })
}
