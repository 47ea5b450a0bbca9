import { isIceboxError } from '../../base/index.ts'
import { commitTarget } from '../../catalog/index.ts'
import { Transaction } from '../../iceberg/index.ts'
import type { IngestServices } from '../plan/services.ts'
import { findTable } from './find-table.ts'
import { markOf, markProperty } from './mark.ts'
import { removeSegments, removeStream, type StreamFolder } from './stream-folder.ts'

/**
 * Ends a stream that is in the table as a whole. Its segments go first, for good: without the mark in the table they would
 * be new rows.
 */
export async function finishStream(
  stream: StreamFolder,
  { catalog, io }: Pick<IngestServices, 'catalog' | 'io'>,
): Promise<void> {
  const found = await findTable(catalog, stream.table).catch((error: unknown) => {
    // Dropped, with all that the stream brought.
    if (isIceboxError(error, 'table/gone')) return undefined
    throw error
  })
  const mark = found === undefined ? Number.POSITIVE_INFINITY : markOf(found.table.metadata, stream.id)
  await removeSegments(stream, mark)
  if (found !== undefined && mark > 0) {
    const { identifier, table } = found
    const transaction = new Transaction({ target: commitTarget(catalog, identifier), io, base: table })
    await transaction.removeProperties([markProperty(stream.id)]).commit()
  }
  await removeStream(stream)
}
