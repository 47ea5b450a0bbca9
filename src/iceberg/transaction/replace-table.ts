import { IceboxError } from '../../base/index.ts'
import { type Replacement, replacementUpdates } from '../metadata/index.ts'
import { schemaOf } from '../scan/index.ts'
import type { DataFile } from '../spec/manifest.ts'
import type { TableAction } from './action.ts'
import { checkAddedFiles } from './added-files.ts'
import { produceSnapshot } from './snapshot-producer.ts'
import { nameMappingUpdates } from './update-schema.ts'

/**
 * Makes another table of the one that is there: schema, partitioning, order, properties, location. The rows follow with
 * {@link beginAnewAction}. Another writer's snapshot of main since the transaction began is `table/conflict`: the reference
 * implementation would bury it in the history, unseen, also where the new rows were made from the old ones.
 */
export function replaceTableAction(replacement: Replacement): TableAction {
  return {
    apply: (attempt) => {
      const { base, metadata, startSnapshotId } = attempt
      if (base.currentSnapshotId !== startSnapshotId) throw changedMeanwhile(base.currentSnapshotId, startSnapshotId)
      const updates = replacementUpdates(metadata, replacement)
      const schema = updates.find((update) => update.action === 'add-schema')?.schema ?? schemaOf(metadata)
      return {
        updates: [...updates, ...nameMappingUpdates(metadata, schema)],
        guards: ['main-snapshot', 'schema', 'spec'],
      }
    },
  }
}

/**
 * Main begins anew with a snapshot without a parent, of these files; without files it is empty, so that the history shows
 * when the rows before went. Older snapshots, other branches and tags stay.
 */
export function beginAnewAction(files: readonly DataFile[]): TableAction {
  return {
    apply: (attempt) => {
      const { metadata } = attempt
      const other = files.find((file) => file.specId !== metadata.defaultSpecId)
      if (other !== undefined) {
        throw new IceboxError('table/conflict', {
          message: `another writer changed the partition specs meanwhile: ${other.filePath} was written for spec ${other.specId}, which is ${metadata.defaultSpecId} by now`,
          remedy: 'run the statement again',
          context: { dataFile: other.filePath },
        })
      }
      checkAddedFiles(metadata, files)
      return produceSnapshot(attempt, { added: files, beginsAnew: true, summary: {}, allowsEmpty: true })
    },
  }
}

function changedMeanwhile(now: bigint | undefined, start: bigint | undefined): IceboxError {
  return new IceboxError('table/conflict', {
    message: `another writer changed the table while it was replaced: its snapshot was ${start ?? 'none'} and is ${now ?? 'none'}`,
    remedy: 'run the statement again',
    context: { startSnapshotId: start ?? null, currentSnapshotId: now ?? null },
  })
}
