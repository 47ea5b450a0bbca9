import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type ErrorCode, IceboxError, messageOf, systemCode } from '../../base/index.ts'
import type { ByteSink } from './writer.ts'

/** A file that appears whole or not at all: written under another name beside it, renamed by `commit`. */
export interface FileSink extends ByteSink {
  /** Where the bytes go until `commit`: for a writer that wants a path instead of a sink. */
  readonly writingTo: string
  /** Size of the file. */
  commit(): Promise<number>
  /** Removes what was written; a file that was there before is as it was. */
  discard(): Promise<void>
}

/** Opens `path` for writing; what is not a regular file (a pipe, /dev/null) is written in place. */
export async function openFileSink(path: string, cwd: string): Promise<FileSink> {
  const target = resolve(cwd, path)
  const inPlace = await isSpecial(target)
  const writingTo = inPlace ? target : `${target}.${process.pid}.partial`
  let handle: FileHandle | undefined
  try {
    handle = await open(writingTo, 'w')
  } catch (error) {
    throw fileError(error, target)
  }
  const file = handle
  return {
    writingTo,
    async write(chunk) {
      try {
        await writeAll(file, typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
      } catch (error) {
        throw fileError(error, target)
      }
    },
    async commit() {
      try {
        await file.close()
        const { size } = await stat(writingTo)
        if (!inPlace) await rename(writingTo, target)
        return size
      } catch (error) {
        throw fileError(error, target)
      }
    },
    async discard() {
      await file.close()
      if (!inPlace) await unlink(writingTo)
    },
  }
}

/** A write may take less than it was given. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) at += (await file.write(bytes, at)).bytesWritten
}

async function isSpecial(path: string): Promise<boolean> {
  try {
    const info = await stat(path)
    if (info.isDirectory()) {
      throw new IceboxError('usage/invalid', {
        message: `${path} is a folder`,
        remedy: 'name a file',
        context: { path },
      })
    }
    return !info.isFile()
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    if (error instanceof IceboxError) throw error
    throw fileError(error, path)
  }
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'storage/not-found',
  ENOTDIR: 'storage/not-found',
  EACCES: 'storage/denied',
  EPERM: 'storage/denied',
  EROFS: 'storage/denied',
  ENOSPC: 'storage/full',
  EDQUOT: 'storage/full',
}

function fileError(error: unknown, path: string): IceboxError {
  const code = CODES[systemCode(error) ?? ''] ?? 'storage/io'
  const what = code === 'storage/not-found' ? `the folder ${dirname(path)} does not exist` : messageOf(error)
  return new IceboxError(code, {
    message: `cannot write ${path}: ${what}`,
    remedy:
      code === 'storage/full'
        ? 'free space, or write to another device'
        : 'choose a file in a folder that exists and that you may write to',
    context: { path },
    cause: error,
  })
}
