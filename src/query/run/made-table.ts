import type { MissingFolders } from '../../base/index.ts'
import type { CreateTableRequest, TableIdentifier } from '../../catalog/index.ts'
import {
  applyUpdates,
  type DataFile,
  type LoadedTable,
  type Replacement,
  replacementUpdates,
  type Transaction,
} from '../../iceberg/index.ts'
import { missingTableFolders } from '../../ingest/index.ts'
import type { QueryServices } from '../port.ts'
import { targetOf, type WriteTarget } from './write.ts'

/** A table in the making: what is there, what it will be, and the change from the one to the other. */
export interface MadeTable {
  /** The table that is replaced; a staged one where there is none. */
  readonly base: LoadedTable
  readonly target: WriteTarget
  readonly creates: boolean
  readonly verb: 'created' | 'replaced'
  readonly change: (transaction: Transaction, files: readonly DataFile[]) => void
  /** Those of the table that are not there yet. */
  readonly folders: MissingFolders
}

/** Stages a table, or decides what the one that is there becomes; nothing is written yet. */
export async function madeTable(
  identifier: TableIdentifier,
  replaced: LoadedTable | undefined,
  request: CreateTableRequest,
  services: QueryServices,
): Promise<MadeTable> {
  if (replaced === undefined) {
    const base = await services.catalog.stageTable(identifier, request)
    const change = (transaction: Transaction, files: readonly DataFile[]) => {
      if (files.length > 0) transaction.append(files)
    }
    const folders = await missingTableFolders(base.metadata)
    return { base, target: targetOf(base), creates: true, verb: 'created', change, folders }
  }
  const { partitionSpec: spec, ...rest } = request
  const replacement: Replacement = spec === undefined ? rest : { ...rest, spec }
  const { metadata, metadataLocation } = replaced
  const nowMs = Number(metadata.lastUpdatedMs)
  const becomes = applyUpdates(metadata, replacementUpdates(metadata, replacement), { nowMs })
  return {
    base: replaced,
    target: targetOf({ metadata: becomes, metadataLocation }),
    creates: false,
    verb: 'replaced',
    change: (transaction, files) => transaction.replaceTable(replacement, files),
    folders: await missingTableFolders(becomes),
  }
}
