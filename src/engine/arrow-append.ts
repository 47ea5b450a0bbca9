import { IceboxError } from '../base/index.ts'
import type { SessionHost } from './session.ts'

/** Appends Arrow record batches to a table by raw chunks; answers with the rows appended. */
export async function appendArrowBatches(
  _host: SessionHost,
  table: string,
  _batches: AsyncIterable<unknown>,
  _signal: AbortSignal | undefined,
): Promise<number> {
  throw new IceboxError('engine/failed', { message: `Arrow input to ${table} is not wired yet` })
}
