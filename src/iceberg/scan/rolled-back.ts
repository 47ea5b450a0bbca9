import { IceboxError } from '../../base/index.ts'
import { isReadableAs } from '../spec/promotion.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import { currentSnapshot, schemaOf } from './snapshot-at.ts'

/**
 * Refuses a table that was replaced with columns of other types and then rolled back by another tool, which leaves the new
 * columns: bounds of its files would be read as values of other types, filters and deletes take the wrong rows, and a
 * snapshot on top of it would hide that. Throws `iceberg/unsupported`.
 */
export function refuseRolledBack(metadata: TableMetadata, table: string): void {
  const snapshot = currentSnapshot(metadata)
  const then = metadata.schemas.find((schema) => schema.schemaId === snapshot?.schemaId)
  if (snapshot === undefined || then === undefined || isReadableAs(schemaOf(metadata), then)) return
  throw new IceboxError('iceberg/unsupported', {
    message: `the columns of ${table} are of other types than those of its current snapshot ${snapshot.snapshotId}: the table was replaced, and rolled back by another tool`,
    remedy: `read it with AT (VERSION => ${snapshot.snapshotId}) (iceberg_scan: snapshot_from_id); CREATE OR REPLACE TABLE … AS SELECT * FROM … AT (VERSION => …) goes on from there`,
    context: { table, snapshotId: snapshot.snapshotId, schemaId: then.schemaId },
  })
}
