import { IceboxError } from '../../base/index.ts'
import type { ArrowStream, ResultColumn, SqlValue } from '../port.ts'
import { TYPE } from '../binding.ts'
import type { EngineType } from '../types.ts'
import { ArrowBody } from './body.ts'
import { HeapBuffers } from './heap-buffers.ts'
import { TextColumn } from './text-column.ts'

/** A small table of texts as one record batch: what SHOW and EXPLAIN answer with, which the engine has not computed. */
export async function arrowOfTexts(
  columns: readonly ResultColumn[],
  rows: readonly (readonly SqlValue[])[],
): Promise<ArrowStream> {
  const { BodyStream } = await import('./arrow-stream.ts')
  const type: EngineType = { kind: 'plain', id: TYPE.VARCHAR }
  const types = columns.map(() => type)
  return new BodyStream(columns, types, bodiesOf(columns.length, rows))
}

async function* bodiesOf(
  width: number,
  rows: readonly (readonly SqlValue[])[],
): AsyncGenerator<ArrowBody, void, undefined> {
  if (rows.length === 0) return
  const filled = Array.from({ length: width }, (_, at) => {
    const column = new TextColumn(() => [])
    column.addTexts(rows.map((row) => asText(row[at] ?? null)))
    return column
  })
  yield ArrowBody.write(filled, rows.length, new HeapBuffers(), 'texts')
}

function asText(value: SqlValue): string | null {
  if (value === null || typeof value === 'string') return value
  throw new IceboxError('internal/unreachable', { message: `a ${typeof value} in a table of texts` })
}
