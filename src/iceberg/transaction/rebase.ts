import { IceboxError } from '../../base/index.ts'
import { schemaOf } from '../scan/index.ts'
import { isEvolvedFrom } from '../spec/promotion.ts'
import { allFieldIds, columnName, fieldById } from '../spec/schema.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'

/**
 * Files that a transaction adds were written for the schema that it began with. Throws `table/conflict` when they may not fit
 * what another writer made of it: when the transaction itself changes the schema or the spec, the field ids in its files are
 * those that it was given first; a replaced table may mean other columns by the same ids, and none by the others; and a column
 * that is required by now may hold nulls in them.
 */
export function checkFilesStillFit(began: TableMetadata, now: TableMetadata, changesSchemaOrSpec: boolean): void {
  const isSame =
    began.currentSchemaId === now.currentSchemaId &&
    began.lastColumnId === now.lastColumnId &&
    began.formatVersion === now.formatVersion &&
    began.defaultSpecId === now.defaultSpecId &&
    began.lastPartitionId === now.lastPartitionId
  if (isSame) return
  if (changesSchemaOrSpec) throw conflict('changed the schema or the partitioning', 'that this change also changes')
  const [before, after] = [schemaOf(began), schemaOf(now)]
  if (before.schemaId !== after.schemaId && (!isEvolvedFrom(after, before) || hasBegunAnew(began, now))) {
    throw conflict('replaced the table', 'whose columns are others now')
  }
  const required = allFieldIds(after).find((id) => {
    return fieldById(after, id)?.required === true && fieldById(before, id)?.required !== true
  })
  if (required !== undefined) {
    throw conflict(`made column '${columnName(after, required)}' required`, 'and the new files may hold nulls in it')
  }
}

/** True where main leads to another first snapshot than the one that it led to. */
function hasBegunAnew(began: TableMetadata, now: TableMetadata): boolean {
  const byId = new Map(now.snapshots.map((snapshot) => [snapshot.snapshotId, snapshot]))
  const start = began.currentSnapshotId
  if (start === undefined) return false
  let id = now.currentSnapshotId
  while (id !== start) {
    if (id === undefined) return true
    const snapshot = byId.get(id)
    // Expired meanwhile: nothing says that it is another history.
    if (snapshot === undefined) return false
    id = snapshot.parentSnapshotId
  }
  return false
}

function conflict(what: string, why: string): IceboxError {
  return new IceboxError('table/conflict', {
    message: `another writer ${what} meanwhile, ${why}; the files of this change were written for the schema before`,
    remedy: 'run the statement again',
  })
}
