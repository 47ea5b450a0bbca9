import type { TableMetadata } from '../../iceberg/index.ts'

const PREFIX = 'icebox.stream.'

/**
 * The table property that says how far a stream is in the table: set by the commit that holds its rows, so that both are
 * there or neither, and kept when snapshots expire or the table is rolled back (invariant N10).
 */
export function markProperty(streamId: string): string {
  return `${PREFIX}${streamId}`
}

/** The last append of the stream that was committed; 0 for none. */
export function markOf(metadata: TableMetadata, streamId: string): number {
  const text = metadata.properties[markProperty(streamId)]
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : 0
}

/** In the summary of a snapshot, for people: the stream, and its first and last append that are in it. */
export const RANGE_PROPERTY = 'icebox.stream-appends'
