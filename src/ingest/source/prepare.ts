import { stat } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { IceboxError, throwIfCancelled } from '../../base/index.ts'
import type { WriteJournal } from '../write/journal.ts'
import { readGzipHead, readHead } from './bytes.ts'
import { type Compression, compressionOf, detectFormat, type SourceFormat } from './format.ts'
import { locate, type SourceFile } from './locate.ts'
import { fromStart, ofStandardInput } from './pipe-errors.ts'
import { type CutOptions, type Spooled, spoolStandardInput } from './standard-input.ts'
import { standardInput } from './wide-pipe.ts'

export interface PreparedFile extends SourceFile {
  readonly compression: Compression
}

export interface PreparedSource {
  readonly files: readonly PreparedFile[]
  readonly format: SourceFormat
  /** Digest of sizes and heads: the same for the same files under another name. Of a pipe only its end tells. */
  readonly fingerprint: string
  /** Standard input as a file, and what follows it; the caller removes it. */
  readonly spooled: Spooled | undefined
}

export interface PrepareOptions {
  readonly format?: SourceFormat
  readonly standardInput?: AsyncIterable<Uint8Array>
  readonly spoolDirectory: string
  readonly journal: WriteJournal
  /** Standard input may be imported while it is read; undefined: it is written to a file as a whole first. */
  readonly cut?: CutOptions
  readonly signal?: AbortSignal
}

const HEAD_BYTES = 64 * 1024
const FINGERPRINT_FILES = 1_000

/** Finds the files, spools standard input, and tells format and compression. Rejects `source/*`, `usage/invalid`. */
export async function prepareSource(sources: readonly string[], options: PrepareOptions): Promise<PreparedSource> {
  const spooled = sources.includes('-')
    ? await spoolStandardInput({ ...options, standardInput: options.standardInput ?? standardInput() })
    : undefined
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
    return { files, format: format?.name ?? 'csv', fingerprint: spooled?.fingerprint ?? digest.digest('hex'), spooled }
  } catch (error) {
    await spooled?.remove()
    throw spooled === undefined ? error : ofStandardInput(error, [fromStart(spooled.path)])
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
