import type { Predicate } from '../scan/index.ts'
import type { TableAction } from './action.ts'
import { checkConcurrentChanges, isolationLevel } from './conflicts.ts'
import { filterScope } from './scope.ts'
import { produceSnapshot } from './snapshot-producer.ts'

export interface DeleteFilesOptions {
  /** Files all of whose rows match are removed; a file that matches in part is refused by name. */
  readonly where: Predicate
  readonly summary?: Readonly<Record<string, string>>
}

/**
 * Removes whole files. Makes no snapshot when none matches. Rows that another writer added to the filter since the
 * transaction began, or files it removed there, are `table/conflict` (I6; under `write.delete.isolation-level` = snapshot its
 * new rows stay and are no conflict). Its row deletes in these files do not matter, since the files go whole.
 */
export function deleteFilesAction(options: DeleteFilesOptions): TableAction {
  return {
    apply: async (attempt) => {
      const { metadata } = attempt
      const removed = filterScope(metadata, options.where)
      const isolation = isolationLevel(metadata.properties, 'write.delete.isolation-level')
      const spared = await checkConcurrentChanges(attempt, removed, isolation, true)
      return await produceSnapshot(attempt, {
        added: [],
        removed,
        spared,
        summary: options.summary ?? {},
        allowsEmpty: false,
      })
    },
  }
}
