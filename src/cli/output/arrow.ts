import type { StatementResult } from '../../lakehouse/api.ts'
import type { ByteSink } from './writer.ts'

/** Writes a result as an Arrow IPC stream, the engine's own buffers as they are. Answers with the rows written. */
export async function writeArrow(
  statement: StatementResult,
  sink: ByteSink,
  onRows: (rows: number) => void,
): Promise<number> {
  const stream = await statement.arrow()
  let rows = 0
  await sink.write(stream.begin())
  for await (const batch of stream) {
    for (const piece of batch.message()) await sink.write(piece)
    rows += batch.rowCount
    onRows(rows)
  }
  await sink.write(stream.end())
  return rows
}
