import { randomBytes } from 'node:crypto'
import type { TableMetadata } from '../spec/table-metadata.ts'

/**
 * A snapshot id that the table does not have: 53 random bits, the highest set. Larger ones are allowed, but these survive
 * readers that hold JSON numbers as doubles, and are three digits shorter in each of the places that repeat them.
 */
export function newSnapshotId(metadata: TableMetadata): bigint {
  for (;;) {
    const id = (1n << 52n) | (randomBytes(8).readBigUInt64BE() >> 12n)
    if (!metadata.snapshots.some((snapshot) => snapshot.snapshotId === id)) return id
  }
}
