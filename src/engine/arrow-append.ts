import { IceboxError, isIceboxError, throwIfCancelled } from '../base/index.ts'
import { VECTOR_ROWS } from '../memory/index.ts'
import type { ArrowData } from './arrow-data.ts'
import { writeArrow } from './arrow-vector.ts'
import type { Appender, Binding, Connection } from './binding.ts'
import { engineError } from './errors.ts'
import { type EngineType, readType } from './types.ts'

/** What is read of an apache-arrow `RecordBatch`. */
interface ArrowBatch {
  readonly numRows: number
  readonly data: { readonly children: readonly ArrowData[] }
  readonly schema: { readonly fields: readonly { readonly name: string }[] }
}

/** Errors that are told with the column's name. */
const OF_A_COLUMN = ['schema/unsupported-type', 'source/row', 'source/encoding']

export interface AppendScene {
  readonly binding: Binding
  readonly connection: Connection
  readonly memoryLimitBytes: number
}

/**
 * Appends Arrow record batches to a table of the session whose columns have the batches' order and types
 * ({@link arrowSqlType}). Answers with the rows appended. Rejects `schema/unsupported-type` with the column's name.
 */
export async function appendArrowBatches(
  scene: AppendScene,
  table: string,
  batches: AsyncIterable<unknown>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { binding, connection } = scene
  let opened: Appender | undefined
  try {
    const appender = binding.appender_create(connection, null, table)
    opened = appender
    const count = binding.appender_column_count(appender)
    const handles = Array.from({ length: count }, (_, at) => binding.appender_column_type(appender, at))
    const types = handles.map((handle) => readType(binding, handle))
    // One for all: its memory is freed with its handle, by a collection that nothing here asks for.
    const chunk = binding.create_data_chunk(handles)
    let rows = 0
    for await (const batch of batches) {
      throwIfCancelled(signal)
      const known = asBatch(batch, count)
      for (let from = 0; from < known.numRows; from += VECTOR_ROWS) {
        const length = Math.min(VECTOR_ROWS, known.numRows - from)
        binding.data_chunk_reset(chunk)
        writeColumns(binding, known, types, from, length, (at) => binding.data_chunk_get_vector(chunk, at))
        binding.data_chunk_set_size(chunk, length)
        binding.append_data_chunk(appender, chunk)
      }
      rows += known.numRows
    }
    binding.appender_close_sync(appender)
    return rows
  } catch (error) {
    // What is not flushed yet must not be when the handle is collected.
    if (opened !== undefined) binding.appender_clear(opened)
    throw engineError(error, { signal, memoryLimitBytes: scene.memoryLimitBytes })
  }
}

function writeColumns(
  binding: Binding,
  batch: ArrowBatch,
  types: readonly EngineType[],
  from: number,
  length: number,
  vectorAt: (at: number) => Parameters<typeof writeArrow>[1],
): void {
  types.forEach((type, at) => {
    const column = batch.data.children[at]
    if (column === undefined) return
    try {
      writeArrow(binding, vectorAt(at), type, column.slice(from, length))
    } catch (error) {
      if (!isIceboxError(error) || !OF_A_COLUMN.includes(error.code)) throw error
      const name = batch.schema.fields[at]?.name ?? String(at)
      throw new IceboxError(error.code, {
        message: `column ${name}: ${error.message}`,
        ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
        context: { ...error.context, column: name },
      })
    }
  })
}

function asBatch(batch: unknown, columns: number): ArrowBatch {
  if (isBatch(batch) && batch.data.children.length === columns) return batch
  throw new IceboxError('internal/unreachable', {
    message: isBatch(batch)
      ? `a record batch of ${batch.data.children.length} columns for a table of ${columns}`
      : 'what is appended is not a record batch of apache-arrow',
  })
}

function isBatch(batch: unknown): batch is ArrowBatch {
  if (typeof batch !== 'object' || batch === null) return false
  return 'numRows' in batch && 'schema' in batch && 'data' in batch && hasChildren(batch.data)
}

function hasChildren(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'children' in data && Array.isArray(data.children)
}
