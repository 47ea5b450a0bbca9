import { createWriteStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createHash } from 'node:crypto'
import { IceboxError, makeFolders, throwIfCancelled } from '../../base/index.ts'
import { fileError } from '../write/files.ts'
import type { WriteJournal } from '../write/journal.ts'
import { readGzipHead, readHead } from './bytes.ts'
import { type Compression, compressionOf, detectFormat, type SourceFormat } from './format.ts'
import { locate, type SourceFile } from './locate.ts'

export interface PreparedFile extends SourceFile {
  readonly compression: Compression
}

/** Standard input, written to a file since it can be read once. */
export interface Spooled {
  readonly path: string
  /** Removes the file; a second call does nothing. */
  remove(): Promise<void>
}

export interface PreparedSource {
  readonly files: readonly PreparedFile[]
  readonly format: SourceFormat
  /** Digest of sizes, heads and tails: the same for the same files under another name. */
  readonly fingerprint: string
  /** Standard input as a file; the caller removes it. */
  readonly spooled: Spooled | undefined
}

export interface PrepareOptions {
  readonly format?: SourceFormat
  readonly standardInput?: AsyncIterable<Uint8Array>
  readonly spoolDirectory: string
  readonly journal: WriteJournal
  readonly signal?: AbortSignal
}

const HEAD_BYTES = 64 * 1024
const FINGERPRINT_FILES = 1_000

/** Finds the files, spools standard input, and tells format and compression. Rejects `source/*`, `usage/invalid`. */
export async function prepareSource(sources: readonly string[], options: PrepareOptions): Promise<PreparedSource> {
  const spooled = sources.includes('-') ? await spool(options) : undefined
  try {
    const named = sources.filter((source) => source !== '-')
    const located = named.length > 0 ? await locate(named, options.signal) : []
    if (spooled !== undefined) {
      const info = await stat(spooled.path)
      located.push({ path: spooled.path, sizeBytes: info.size, modifiedMs: info.mtimeMs, hive: new Map() })
    }
    if (located.length === 0)
      throw new IceboxError('usage/invalid', {
        message: 'no source was named',
        remedy: 'name files, folders, globs, or - for standard input',
      })
    if (located.every((file) => file.sizeBytes === 0)) {
      throw new IceboxError('source/empty', {
        message: `${spooled === undefined ? (located[0]?.path ?? '') : 'standard input'}${located.length > 1 ? ` and ${located.length - 1} more` : ''} holds no bytes`,
        remedy: 'check that the file was written whole',
        context: { files: located.slice(0, 10).map((file) => file.path) },
      })
    }
    const files: PreparedFile[] = []
    let format: { name: SourceFormat; path: string } | undefined
    const digest = createHash('sha256')
    for (const [at, file] of located.entries()) {
      throwIfCancelled(options.signal)
      const raw = await readHead(file.path, HEAD_BYTES)
      const compression = compressionOf(raw)
      if (at < FINGERPRINT_FILES) digest.update(`${file.sizeBytes};`).update(raw)
      else digest.update(`${file.sizeBytes};`)
      files.push({ ...file, compression })
      if (file.sizeBytes === 0) continue
      // zstd needs the engine; its name must say what is inside.
      const head =
        compression === 'gzip' ? await readGzipHead(file.path, 4096) : compression === 'zstd' ? new Uint8Array() : raw
      const found = detectFormat({ path: file.path, head, asked: options.format })
      refuseOtherCompression(file.path, compression)
      if (compression !== 'none' && (found === 'parquet' || found === 'arrow')) {
        throw new IceboxError('source/format', {
          message: `${file.path} is a compressed ${found} file`,
          remedy: 'decompress it first: these formats compress inside',
          context: { file: file.path },
        })
      }
      format ??= { name: found, path: file.path }
      if (format.name !== found) {
        throw new IceboxError('source/format', {
          message: `${format.path} is ${format.name}, ${file.path} is ${found}`,
          remedy: 'import them apart, or name the format with --format',
          context: { file: file.path },
        })
      }
    }
    return { files, format: format?.name ?? 'csv', fingerprint: digest.digest('hex'), spooled }
  } catch (error) {
    await spooled?.remove()
    throw error
  }
}

/** Readers go by the name, too: what is inside must be what it says. */
function refuseOtherCompression(path: string, compression: Compression): void {
  const ending = /\.(gz|zst)$/i.exec(path)?.[1]?.toLowerCase()
  if (ending === undefined || compression === (ending === 'gz' ? 'gzip' : 'zstd')) return
  throw new IceboxError('source/format', {
    message: `${path} is named .${ending}, but its first bytes are not those of ${ending === 'gz' ? 'gzip' : 'zstd'}`,
    remedy: 'rename the file, or get it again',
    context: { file: path },
  })
}

/** Standard input can be read once: it is written to the spool first, so that sampling and retries see all of it. */
async function spool(options: PrepareOptions): Promise<Spooled> {
  const { journal } = options
  const pathOf = (id: string) => join(options.spoolDirectory, `stdin-${id}`)
  const entry = await journal.begin({ folders: (id) => [pathOf(id)] })
  const path = pathOf(entry.writeId)
  const remove = async () => {
    await rm(path, { force: true })
    await journal.end(entry)
  }
  try {
    await makeFolders(options.spoolDirectory)
    const target = createWriteStream(path, { flags: 'wx' })
    await pipeline(
      Readable.from(options.standardInput ?? process.stdin),
      target,
      options.signal === undefined ? {} : { signal: options.signal },
    )
    return { path, remove }
  } catch (error) {
    await remove()
    throwIfCancelled(options.signal)
    throw error instanceof IceboxError ? error : fileError('standard input cannot be spooled', error)
  }
}
