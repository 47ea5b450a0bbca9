import { formatBytes, IceboxError } from '../../base/index.ts'
import { readChunks } from './bytes.ts'
import type { Compression } from './format.ts'
import { JsonSplitter, type SplitFault } from './json-splitter.ts'
import type { RawBytes } from './pipe.ts'

/** A document, and where its bytes are read. */
export interface SplitFile {
  /** As the person knows it. */
  readonly name: string
  readonly path: string
  readonly compression: Compression
  /** False where the bytes are not those of the document, whose lines are other ones. */
  readonly hasLines: boolean
}

const LINE_END = Buffer.from('\n')
/** Of {@link readChunks}, whose buffers are used again. */
const WHOLE_BYTES = 1 << 20

/**
 * The objects of JSON documents, each on a line that ends. Parts of 1 MiB are valid until the next is asked for, shorter ones for
 * good. Rejects `source/row`, `source/format`, `source/truncated`, `source/encoding`, `source/line-too-long`, each with
 * the number of the object and its line.
 */
export async function* documentLines(
  files: readonly SplitFile[],
  maxObjectBytes: number,
  raw?: RawBytes,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  for (const file of files) {
    const splitter = new JsonSplitter(maxObjectBytes)
    for await (const chunk of readChunks(file.path, file.compression, signal)) {
      if (raw !== undefined) raw.bytes += chunk.length
      splitter.split(chunk)
      if (splitter.fault !== undefined) throw faultError(splitter.fault, file, maxObjectBytes)
      const part = withBreaks(chunk, splitter.first, splitter.breaks)
      if (part.length > 0) yield part.length < WHOLE_BYTES ? Buffer.from(part) : part
    }
    splitter.end()
    if (splitter.fault !== undefined) throw faultError(splitter.fault, file, maxObjectBytes)
    if (splitter.objects > 0) yield LINE_END
  }
}

function withBreaks(chunk: Buffer, first: number, breaks: readonly number[]): Buffer {
  if (breaks.length === 0) return chunk.subarray(first)
  const ends = [...breaks, chunk.length]
  return Buffer.concat(
    ends.flatMap((end, at) => [chunk.subarray(at === 0 ? first : breaks[at - 1], end), LINE_END]).slice(0, -1),
  )
}

/** Where an object stands among documents. */
export interface DocumentPlace {
  readonly file: SplitFile
  /** From 1, in its document. */
  readonly object: number
  /** That it begins in. */
  readonly line: number | undefined
}

/** The place of the object with a number among those of all documents, from 1: found by splitting them again. */
export async function documentPlace(
  files: readonly SplitFile[],
  number: number,
  signal?: AbortSignal,
): Promise<DocumentPlace | undefined> {
  let before = 0
  for (const file of files) {
    const splitter = new JsonSplitter(Number.POSITIVE_INFINITY, number - before)
    for await (const chunk of readChunks(file.path, file.compression, signal)) {
      splitter.split(chunk)
      const line = splitter.wantedLine
      if (line !== undefined) return { file, object: number - before, line: file.hasLines ? line : undefined }
      if (splitter.fault !== undefined) return undefined
    }
    before += splitter.objects
  }
  return undefined
}

/** How an object of a document is named in messages. */
export function shownObject({ object, line }: DocumentPlace): string {
  return line === undefined ? `object ${object}` : `object ${object} (line ${line})`
}

function faultError(fault: SplitFault, file: SplitFile, limitBytes: number): IceboxError {
  const place: DocumentPlace = { file, object: fault.object, line: file.hasLines ? fault.line : undefined }
  const where = `${file.name}, ${shownObject(place)}`
  const context = {
    file: file.name,
    object: place.object,
    ...(place.line !== undefined && { line: place.line }),
  }
  switch (fault.kind) {
    case 'encoding':
      return new IceboxError('source/encoding', {
        message: `${where} ${fault.what}`,
        remedy: 'the file is damaged or is UTF-16: convert it to UTF-8',
        context,
      })
    case 'kind':
      return new IceboxError('source/format', {
        message: `${file.name} holds JSON values that are not objects: ${shownObject(place)}`,
        remedy: 'a row must be an object: {"name": value, …}',
        context,
      })
    case 'row':
      return new IceboxError('source/row', {
        message: `${where} ${fault.what}`,
        remedy: 'get the file again, or mend it',
        context,
      })
    case 'truncated':
      return new IceboxError('source/truncated', {
        message: `${file.name} ends early: object ${fault.object}${place.line === undefined ? '' : `, which begins in line ${place.line},`} ${fault.what}`,
        remedy: 'get the file again: it was not transferred whole, or a bracket or quote is not closed',
        context,
      })
    case 'long':
      return new IceboxError('source/line-too-long', {
        message: `${where} is longer than ${formatBytes(limitBytes)}`,
        remedy: 'raise ingest.max_line_size, or check that every object ends',
        context: { ...context, limitBytes },
      })
  }
}
