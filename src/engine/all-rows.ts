import { IceboxError } from '../base/index.ts'
import type { ResultStream, SqlValue } from './port.ts'

/** `all` is for small results; a larger one belongs into `stream`. */
const MOST_ROWS = 100_000

/** The whole of a result as objects. Rejects where it has more than 100,000 rows. */
export async function allRows(stream: ResultStream): Promise<Record<string, SqlValue>[]> {
  const rows: Record<string, SqlValue>[] = []
  for await (const batch of stream) {
    if (rows.length + batch.rowCount > MOST_ROWS) {
      throw new IceboxError('internal/unreachable', {
        message: `a result of more than ${MOST_ROWS} rows was read as a whole`,
        remedy: 'read it with stream()',
      })
    }
    for (const row of batch.rows()) rows.push(row)
  }
  return rows
}
