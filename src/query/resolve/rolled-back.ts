import { IceboxError } from '../../base/index.ts'
import { currentSnapshot, isReadableAs, type LoadedTable, schemaOf } from '../../iceberg/index.ts'

/**
 * Refuses a table that was replaced with columns of other types and then rolled back by another tool, which leaves the new
 * columns: bounds of its files would be read as values of other types, and filters and deletes take the wrong rows. Throws
 * `iceberg/unsupported`.
 */
export function refuseRolledBack({ metadata }: LoadedTable, table: string): void {
  const snapshot = currentSnapshot(metadata)
  const then = metadata.schemas.find((schema) => schema.schemaId === snapshot?.schemaId)
  if (snapshot === undefined || then === undefined || isReadableAs(schemaOf(metadata), then)) return
  throw new IceboxError('iceberg/unsupported', {
    message: `the columns of ${table} are of other types than those of its current snapshot ${snapshot.snapshotId}: the table was replaced, and rolled back by another tool`,
    remedy: `read it with AT (VERSION => ${snapshot.snapshotId}); CREATE OR REPLACE TABLE … AS SELECT * FROM … AT (VERSION => …) goes on from there`,
    context: { table, snapshotId: snapshot.snapshotId, schemaId: then.schemaId },
  })
}
