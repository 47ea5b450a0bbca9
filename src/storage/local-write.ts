import { randomBytes } from 'node:crypto'
import { type FileHandle, link, open, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeFolders, systemCode, throwIfCancelled } from '../base/index.ts'
import type { FolderSync } from './folder-sync.ts'

const TEMPORARY = /^\.(\d+)-[0-9a-f]{16}\.icebox-tmp$/

/** Whether a file name is that of a write under way (or of one that was killed). */
export function isTemporaryName(name: string): boolean {
  return TEMPORARY.test(name)
}

/** The process that a temporary's name says it is of. */
export function temporaryPid(name: string): number {
  return Number(TEMPORARY.exec(name)?.[1])
}

/** A name beside the final one that no reader looks at; short, so that it fits wherever the final name does. */
function temporaryPath(folder: string): string {
  return join(folder, `.${process.pid}-${randomBytes(8).toString('hex')}.icebox-tmp`)
}

export interface WriteOptions {
  readonly folders: FolderSync
  /** Whether the bytes are on the disk before the name is there: then no crash leaves a name with a part of them. */
  readonly named: 'flushed' | 'unflushed'
  readonly signal: AbortSignal | undefined
}

export interface WrittenFile {
  readonly sizeBytes: number
  /** Bytes and name are on the disk, and the temporary is gone. */
  readonly durable: Promise<void>
}

/**
 * Writes a file that must not exist yet: temporary name in the same folder, data, link to the final name (which fails if it
 * is taken); fsync of the data before the name or beside that of the folder. Resolves when readers see the file. Rejects
 * with the system's error; the temporary is removed in every case that this process lives through.
 */
export async function writeNewFile(
  path: string,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  { folders, named, signal }: WriteOptions,
): Promise<WrittenFile> {
  const folder = dirname(path)
  const temporary = temporaryPath(folder)
  const handle = await openMakingFolders(temporary, folder, folders)
  try {
    const sizeBytes = await writeBody(handle, body, signal)
    if (named === 'flushed') await handle.datasync()
    throwIfCancelled(signal)
    await claimName(temporary, path)
    const flushes = [folders.sync(folder), ...(named === 'unflushed' ? [handle.datasync()] : [])]
    return { sizeBytes, durable: settled(flushes, handle, temporary) }
  } catch (error) {
    await Promise.allSettled([removeTemporary(temporary), handle.close()])
    throw error
  }
}

async function settled(flushes: readonly Promise<void>[], handle: FileHandle, temporary: string): Promise<void> {
  try {
    await Promise.all([...flushes, removeTemporary(temporary)])
  } finally {
    // Whether it can be closed changes nothing any more: what was written is safe, or the error is on its way.
    await handle.close().catch(() => undefined)
  }
}

/** A temporary that cannot be removed is no failure of the write; it is found later as stale. */
async function removeTemporary(temporary: string): Promise<void> {
  await unlink(temporary).catch(() => undefined)
}

async function writeBody(
  handle: FileHandle,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (body instanceof Uint8Array) {
    await writeFully(handle, body)
    return body.byteLength
  }
  let sizeBytes = 0
  for await (const chunk of body) {
    throwIfCancelled(signal)
    await writeFully(handle, chunk)
    sizeBytes += chunk.byteLength
  }
  return sizeBytes
}

/** A write may take less than it was given, as when the disk fills up; the rest then gives the error. */
async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0
  while (done < bytes.byteLength) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done)
    done += bytesWritten
  }
}

/** Gives the finished temporary its final name, refusing with EEXIST where that is taken. */
async function claimName(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path)
  } catch (error) {
    if (!isLinkUnsupported(error)) throw error
    // File systems without hard links (exFAT, some network and FUSE mounts): claim the name with an empty file, which
    // exactly one writer can make, then replace it. A reader may see it empty between the two.
    await (await open(path, 'wx')).close()
    await rename(temporary, path)
  }
}

function isLinkUnsupported(error: unknown): boolean {
  const code = systemCode(error)
  return code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'ENOSYS' || code === 'EMLINK'
}

/** A folder that was just made is missing again where another process made it in vain, and took it away while it was empty. */
const TRIES = 3

/** Opens for writing; makes the folder, durably, only when it is missing, so that the usual write pays nothing for it. */
async function openMakingFolders(path: string, folder: string, folders: FolderSync): Promise<FileHandle> {
  for (let tries = 1; ; tries++) {
    try {
      return await open(path, 'wx')
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' || tries === TRIES) throw error
    }
    for (const grown of await makeFolders(folder)) await folders.sync(grown)
  }
}
