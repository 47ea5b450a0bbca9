import { open } from 'node:fs/promises'
import type { DataType, RecordBatch, RecordBatchReader, Schema } from 'apache-arrow'
import { IceboxError, isIceboxError, messageOf } from '../../base/index.ts'
import { arrowSqlType } from '../../engine/index.ts'
import type { Inspection } from '../read/description.ts'
import type { SourceFile } from '../source/locate.ts'
import { checkNames } from './names.ts'

/** Columns of Arrow IPC files or streams from their schema message. */
export async function inspectArrow(files: readonly SourceFile[]): Promise<Inspection> {
  const first = files[0]
  if (first === undefined) throw new IceboxError('source/empty', { message: 'no Arrow file', remedy: 'name one' })
  let columns: ArrowColumn[] | undefined
  for (const file of files) {
    const here = columnsOf(await schemaOf(file.path))
    checkNames(
      here.map((column) => column.name),
      file.path,
    )
    if (columns !== undefined && !isSame(columns, here)) {
      throw new IceboxError('schema/mismatch', {
        message: `${file.path} has other columns than ${first.path}`,
        remedy: 'import the files apart',
        context: { file: file.path },
      })
    }
    columns = here
  }
  const found = columns ?? []
  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  const width = found.reduce((sum, column) => sum + (column.type === 'VARCHAR' ? 24 : 8), 0)
  return {
    description: { format: 'arrow', paths: files.map((file) => file.path), columns: found },
    columns: found.map((column) => ({ name: column.name, sourceType: column.type, why: 'the type in the file' })),
    sampledRows: 0,
    estimatedRows: Math.round(totalBytes / Math.max(1, width)),
    rowWidthBytes: Math.max(8, width),
    notes: [],
  }
}

async function schemaOf(path: string): Promise<Schema> {
  try {
    await using source = await openArrow(path)
    const { reader } = source
    await reader.open()
    await checkOneFile(path, reader)
    return reader.schema
  } catch (error) {
    throw arrowError(path, error)
  }
}

interface ArrowSource extends AsyncDisposable {
  readonly reader: RecordBatchReader
}

/**
 * By a handle, and not by a stream of Node's: a file in the file format would be held in memory as a whole (320 MB took 750
 * at 512MB), and streams leave more garbage.
 */
async function openArrow(path: string): Promise<ArrowSource> {
  const { RecordBatchReader: Reader } = await import('apache-arrow')
  const handle = await open(path, 'r')
  try {
    return { reader: await Reader.from(handle), [Symbol.asyncDispose]: () => handle.close() }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/**
 * The record batches of files, one after another; memory is that of one batch. Streams that follow each other in a file
 * (`cat`) are read to the last; one with other columns than the first is `schema/mismatch`.
 */
export async function* arrowBatches(paths: readonly string[]): AsyncGenerator<RecordBatch> {
  for (const path of paths) {
    try {
      await using source = await openArrow(path)
      const { reader } = source
      await reader.open({ autoDestroy: false })
      const first = columnsOf(reader.schema)
      for (let count = 1; ; count++) {
        if (!isSame(first, columnsOf(reader.schema))) throw otherStream(path, count)
        let schema = reader.schema
        for await (const batch of reader) {
          // A stream without its end marker: the next one's schema is a message among the others.
          if (batch.schema !== schema && !isSame(first, columnsOf(batch.schema))) throw otherStream(path, count + 1)
          schema = batch.schema
          yield batch
        }
        if (reader.isFile() || (await reader.reset().open()).closed) break
      }
      await checkEnd(path)
    } catch (error) {
      throw arrowError(path, error)
    }
  }
}

interface ArrowColumn {
  readonly name: string
  readonly type: string
}

function columnsOf(schema: Schema): ArrowColumn[] {
  return schema.fields.map((field) => ({ name: field.name, type: duckDbType(field.type, field.name) }))
}

function isSame(some: readonly ArrowColumn[], others: readonly ArrowColumn[]): boolean {
  return JSON.stringify(some) === JSON.stringify(others)
}

function otherStream(path: string, count: number): IceboxError {
  return new IceboxError('schema/mismatch', {
    message: `${path} holds several Arrow streams, and number ${count} has other columns than the first`,
    remedy: 'write each to a file of its own, and import the files apart',
    context: { file: path, stream: count },
  })
}

/** EOS marker (8 bytes) and padding between the last batch and the footer. */
const MOST_BEFORE_FOOTER = 64

/**
 * Files in the file format cannot be put one behind the other: the last footer is the one that is read, and counts from
 * the beginning. Between what it names and itself is then at least one file that nobody would read.
 */
async function checkOneFile(path: string, { footer }: RecordBatchReader): Promise<void> {
  if (footer === null) return
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const int32At = async (at: number) => (await handle.read(Buffer.alloc(4), 0, 4, at)).buffer.readInt32LE()
    // Arrow format, "IPC File Format": magic and padding (8), the stream, the footer, its length (4), magic (6).
    const footerStart = size - 10 - (await int32At(size - 10))
    // The schema's message: a mark and its length (4 each), before Arrow 0.15 the length alone.
    const hasMark = (await int32At(8)) === -1
    let end = hasMark ? 16 + (await int32At(12)) : 12 + (await int32At(8))
    const ends = [...footer.recordBatches(), ...footer.dictionaryBatches()].map(
      (block) => block.offset + block.metaDataLength + block.bodyLength,
    )
    for (const blockEnd of ends) end = Math.max(end, blockEnd)
    if (footerStart - end <= MOST_BEFORE_FOOTER) return
  } finally {
    await handle.close()
  }
  throw new IceboxError('source/format', {
    message: `${path} holds more than one Arrow file, one behind the other, and only the last could be read`,
    remedy: 'import the files apart; what is written as a stream may be concatenated',
    context: { file: path },
  })
}

/** A stream that was cut between two messages reads as a shorter one: its end marker (or the file's magic) must be there. */
export async function checkEnd(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    const { size } = await handle.stat()
    const tail = Buffer.alloc(Math.min(8, size))
    const head = Buffer.alloc(Math.min(6, size))
    await handle.read(head, 0, head.length, 0)
    await handle.read(tail, 0, tail.length, size - tail.length)
    const isFile = head.toString('latin1') === 'ARROW1'
    // Before Arrow 0.15 messages, and the end, had no mark. Of newer ones bodies end in zeros, too.
    const isOld = head.length >= 4 && head.readInt32LE(0) !== -1
    const isWhole = isFile
      ? tail.toString('latin1').endsWith('ARROW1')
      : tail.equals(Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])) ||
        (isOld && tail.subarray(4).equals(Buffer.alloc(4)))
    if (!isWhole) throw truncated(path, 'its end is missing')
  } finally {
    await handle.close()
  }
}

function arrowError(path: string, error: unknown): IceboxError {
  if (error instanceof IceboxError) return error
  const text = messageOf(error)
  if (/unsupported|not implemented|unrecognized|codec/i.test(text)) {
    return new IceboxError('source/format', {
      message: `${path} cannot be read as Arrow: ${text}`,
      remedy: 'write it without compression of buffers, or as Parquet',
      context: { file: path },
      cause: error,
    })
  }
  // The reader of a file without a whole footer stumbles over what is not there.
  return truncated(path, error instanceof TypeError ? 'its footer is missing or damaged' : text, error)
}

function truncated(path: string, why: string, cause?: unknown): IceboxError {
  return new IceboxError('source/truncated', {
    message: `${path} is not a whole Arrow file: ${why}`,
    remedy: 'get the file again: it was not transferred whole',
    context: { file: path },
    cause,
  })
}

/** What an Arrow column is loaded as; tables have neither arrays nor nanoseconds of a day. */
function duckDbType(type: DataType, column: string): string {
  try {
    return arrowSqlType(type, { ofNull: 'VARCHAR', ofTimeNs: 'TIME', hasArrays: false })
  } catch (error) {
    if (!isIceboxError(error, 'schema/unsupported-type')) throw error
    throw new IceboxError(error.code, {
      message: `column '${column}' cannot be imported: ${error.message}`,
      remedy: 'cast it where the file is written, or leave the column out',
      context: { column },
      cause: error,
    })
  }
}
