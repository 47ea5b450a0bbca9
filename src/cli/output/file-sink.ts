import { type FileHandle, open, realpath, rename, stat, unlink } from 'node:fs/promises'
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

/** Names of standard output where a file is asked for. */
export function isStandardOutput(path: string): boolean {
  return path === '-' || path === '/dev/stdout'
}

/** Opens `path` for writing; what is not a regular file (a pipe, /dev/null) is written in place. */
export async function openFileSink(path: string, cwd: string): Promise<FileSink> {
  const { target, inPlace, mode } = await placeOf(resolve(cwd, path))
  const writingTo = inPlace ? target : `${target}.${process.pid}.partial`
  let handle: FileHandle | undefined
  try {
    handle = await open(writingTo, 'w', mode)
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

interface Place {
  readonly target: string
  readonly inPlace: boolean
  /** Permissions of the file that is there: one that only its owner may read stays so. */
  readonly mode?: number
}

/** Other names of what is open already (/dev/stderr, /dev/fd/3): a file beside one of them would take its name. */
const OPEN_ALREADY = /^\/(dev\/std|dev\/fd\/|proc\/)/

/** A symbolic link stays what it is, and the file that it names is written. */
async function placeOf(path: string): Promise<Place> {
  try {
    const isOpen = OPEN_ALREADY.test(path)
    const target = isOpen ? path : await realpath(path)
    const info = await stat(target)
    if (info.isDirectory()) {
      throw new IceboxError('usage/invalid', {
        message: `${path} is a folder`,
        remedy: 'name a file',
        context: { path },
      })
    }
    return { target, inPlace: isOpen || !info.isFile(), mode: info.mode & 0o777 }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { target: path, inPlace: false }
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
