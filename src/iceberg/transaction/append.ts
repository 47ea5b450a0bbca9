import type { DataFile } from '../spec/manifest.ts'
import type { TableAction } from './action.ts'
import { checkAddedFiles } from './added-files.ts'
import { produceSnapshot } from './snapshot-producer.ts'

export interface AppendOptions {
  /** Further keys of the snapshot's summary. */
  readonly summary?: Readonly<Record<string, string>>
}

/** Adds data files. Never conflicts with another writer's change of rows (I6). */
export function appendAction(files: readonly DataFile[], options: AppendOptions = {}): TableAction {
  return {
    apply: (attempt) => {
      checkAddedFiles(attempt.metadata, files)
      return produceSnapshot(attempt, { added: files, summary: options.summary ?? {}, allowsEmpty: true })
    },
  }
}
