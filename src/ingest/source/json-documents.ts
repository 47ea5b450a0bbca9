import { createWriteStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { IceboxError, isIceboxError, makeFolders, throwIfCancelled } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import { quoteText } from '../sql.ts'
import { needDiskSpace } from '../write/disk-space.ts'
import { fileError } from '../write/files.ts'
import type { WriteJournal } from '../write/journal.ts'
import { documentLines, documentPlace, shownObject, type SplitFile } from './document-lines.ts'
import { Pipe } from './pipe.ts'
import type { PreparedFile } from './prepare.ts'
import { LineCutter } from './record-cutter.ts'

/** JSON documents as NDJSON: their objects, each on a line of files of our own. */
export interface JsonDocuments {
  /** The files, or the first of what {@link pipe} gives. Documents without objects have none. */
  readonly files: readonly PreparedFile[]
  /** Bytes of all lines, as far as can be told. */
  readonly estimatedBytes: number
  /** What follows the first file; undefined where the files are all. */
  readonly pipe: Pipe | undefined
  /** An error about a line of the files as one about an object of a document. */
  named(error: unknown): Promise<unknown>
  /** Stops reading, and removes the files; a second call does nothing. */
  remove(): Promise<void>
}

export interface DocumentOptions {
  readonly session: EngineSession
  readonly spoolDirectory: string
  readonly journal: WriteJournal
  /** `ingest.max_line_size` */
  readonly maxLineSizeBytes: number
  /** What is imported at once; undefined: a file is made of each document before. */
  readonly pieceBytes: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Text of a byte of gzip or zstd, roughly. */
const COMPRESSED = 8

/**
 * Writes documents as lines. Where pieces may be imported they are read as a pipe, and two pieces at most are on disk; else
 * each is written as a whole, below the hive folders that it lies in. Rejects `storage/*`, `source/*`, `cancelled`.
 */
export async function spoolDocuments(all: readonly PreparedFile[], options: DocumentOptions): Promise<JsonDocuments> {
  const { journal, signal } = options
  const documents = all.filter((file) => file.sizeBytes > 0)
  const entry = await journal.begin({ folders: (id) => [join(options.spoolDirectory, `json-${id}`)] })
  const folder = entry.folders[0] ?? ''
  let lines: Lines | undefined
  const remove = async () => {
    await lines?.close()
    await rm(folder, { recursive: true, force: true })
    await journal.end(entry)
  }
  try {
    await makeFolders(folder)
    const sources: SplitFile[] = []
    for (const [at, file] of documents.entries())
      sources.push(await splitFile(file, join(folder, `unpacked-${at}`), options))
    lines =
      options.pieceBytes === undefined || documents.some((file) => file.hive.size > 0)
        ? await wholeLines(documents, sources, folder, options)
        : await pipedLines(sources, folder, { ...options, pieceBytes: options.pieceBytes })
    const spooled = lines
    const { files, pipe } = spooled
    const bytes = documents.reduce(
      (sum, file) => sum + file.sizeBytes * (file.compression === 'none' ? 1 : COMPRESSED),
      0,
    )
    const estimatedBytes = pipe === undefined ? files.reduce((sum, file) => sum + file.sizeBytes, 0) : bytes
    return { files, pipe, estimatedBytes, named: (error) => named(error, spooled, signal), remove }
  } catch (error) {
    await remove()
    throwIfCancelled(signal)
    throw isIceboxError(error) ? error : fileError('JSON documents cannot be written as lines', error)
  }
}

interface Lines {
  readonly files: readonly PreparedFile[]
  readonly pipe: Pipe | undefined
  /** Files and names in errors, and the documents whose lines are meant. */
  readonly all: readonly { readonly path: string; readonly sources: readonly SplitFile[] }[]
  close(): Promise<void>
}

async function pipedLines(
  sources: readonly SplitFile[],
  folder: string,
  options: DocumentOptions & { readonly pieceBytes: number },
): Promise<Lines> {
  const { maxLineSizeBytes, pieceBytes, signal } = options
  const raw = { bytes: 0, head: Buffer.alloc(0) }
  const chunks = documentLines(sources, maxLineSizeBytes, raw, signal)
  const pipe = new Pipe({
    name: nameOf(sources),
    chunks,
    raw,
    folder,
    shape: { cutter: new LineCutter(), header: new Uint8Array() },
    maxLineSizeBytes,
    pieceBytes,
    ...(signal === undefined ? {} : { signal }),
  })
  const close = async () => {
    await pipe.close()
    await chunks.return(undefined)
  }
  try {
    const first = await pipe.next()
    const files = first === undefined ? [] : [await lineFile(first.path, new Map())]
    const all = [...files.map(({ path }) => ({ path, sources })), { path: pipe.name, sources }]
    return { files, pipe: pipe.isEnded ? undefined : pipe, all, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function wholeLines(
  documents: readonly PreparedFile[],
  sources: readonly SplitFile[],
  folder: string,
  { maxLineSizeBytes, spoolDirectory, signal }: DocumentOptions,
): Promise<Lines> {
  // Of compressed text it is more; how much is not known.
  await needDiskSpace(
    spoolDirectory,
    documents.reduce((sum, file) => sum + file.sizeBytes, 0),
  )
  const files: PreparedFile[] = []
  const all: { path: string; sources: SplitFile[] }[] = []
  for (const [at, source] of sources.entries()) {
    const { path, hive } = documents[at] ?? { path: '', hive: new Map<string, string | null>() }
    const folders =
      hive.size === 0
        ? []
        : dirname(path)
            .split('/')
            .filter((segment) => segment.indexOf('=') > 0)
    const target = join(folder, String(at), ...folders, 'lines')
    await makeFolders(dirname(target))
    const lines = documentLines([source], maxLineSizeBytes, undefined, signal)
    await pipeline(ownChunks(lines), createWriteStream(target, { flags: 'wx' }), signal === undefined ? {} : { signal })
    const file = await lineFile(target, hive)
    if (file.sizeBytes > 0) files.push(file)
    all.push({ path: target, sources: [source] })
  }
  return { files, pipe: undefined, all, close: () => Promise.resolve() }
}

/** A stream holds chunks beyond the next. */
async function* ownChunks(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield Buffer.from(chunk)
}

async function lineFile(path: string, hive: PreparedFile['hive']): Promise<PreparedFile> {
  const { size, mtimeMs } = await stat(path)
  return { path, sizeBytes: size, modifiedMs: mtimeMs, hive, compression: 'none' }
}

/** Node 20 has no zstd: the engine unpacks such a document, its objects one after another. */
async function splitFile(
  file: PreparedFile,
  path: string,
  { session, maxLineSizeBytes, signal }: DocumentOptions,
): Promise<SplitFile> {
  if (file.compression !== 'zstd')
    return { name: file.path, path: file.path, compression: file.compression, hasLines: true }
  const read = `read_json_objects(${quoteText(file.path)}, format = 'auto', compression = 'zstd', maximum_object_size = ${maxLineSizeBytes}, hive_partitioning = false)`
  // A line end is no part of a string.
  const text = `translate(CAST(json AS VARCHAR), chr(10) || chr(13), '  ')`
  try {
    await session.run(
      `COPY (SELECT ${text} FROM ${read}) TO ${quoteText(path)} (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')`,
      signal === undefined ? {} : { signal },
    )
  } catch (error) {
    if (!isIceboxError(error) || !/Malformed JSON/.test(error.message)) throw error
    throw new IceboxError('source/row', {
      message: `${file.path} is not JSON: ${error.message.split('\n')[0]}`,
      remedy: 'get the file again, or mend it',
      context: { file: file.path },
      cause: error,
    })
  }
  return { name: file.path, path, compression: 'none', hasLines: false }
}

function nameOf(sources: readonly SplitFile[]): string {
  const more = sources.length > 1 ? ` and ${sources.length - 1} more` : ''
  return `${sources[0]?.name ?? ''}${more}`
}

/** The splitter names the document itself. */
async function named(error: unknown, lines: Lines, signal: AbortSignal | undefined): Promise<unknown> {
  if (!isIceboxError(error) || error.context['object'] !== undefined) return error
  const isAbout = ({ path }: { path: string }) => error.context['file'] === path || error.message.includes(path)
  const about = lines.all.find(isAbout)
  if (about === undefined) return error
  const line = error.context['line']
  const place = typeof line === 'number' ? await documentPlace(about.sources, line, signal) : undefined
  const name = place?.file.name ?? nameOf(about.sources)
  const shown = place === undefined ? error.message : error.message.replace(/\bline \d+/, shownObject(place))
  const { file, line: _line, ...context } = error.context
  return new IceboxError(error.code, {
    message: shown.replaceAll(about.path, name),
    ...(error.remedy !== undefined && { remedy: error.remedy }),
    context: {
      ...context,
      ...(file !== undefined && { file: name }),
      ...(place !== undefined && { object: place.object }),
      ...(place?.line !== undefined && { line: place.line }),
    },
    retryable: error.retryable,
    cause: error.cause,
  })
}
