import { IceboxError } from '../../base/index.ts'
import type { Predicate } from '../scan/index.ts'
import type { DataFile } from '../spec/manifest.ts'
import { isUnpartitioned } from '../spec/partition.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import type { TableAction } from './action.ts'
import { checkAddedFiles } from './added-files.ts'
import { checkConcurrentChanges, isolationLevel } from './conflicts.ts'
import { specOf } from './manifest-writes.ts'
import { EVERYTHING, type FileScope, filterScope, partitionScope } from './scope.ts'
import { produceSnapshot } from './snapshot-producer.ts'

/** Data files that take the place of others. Exactly one of `deleteWhere`, `dynamicPartitions`, `replaceAll`. */
export interface OverwriteOptions {
  readonly added: readonly DataFile[]
  /** Whole files whose rows all match go; a file that matches in part is refused by name. */
  readonly deleteWhere?: Predicate
  /** The partitions that `added` touches are replaced. An unpartitioned table is replaced whole. */
  readonly dynamicPartitions?: boolean
  readonly replaceAll?: boolean
  readonly summary?: Readonly<Record<string, string>>
}

/**
 * Replaces files in one snapshot. Another writer's rows in the replaced part, its removal of files there or its row deletes
 * there since the transaction began are `table/conflict` (I6; under `write.update.isolation-level` = snapshot only the last two).
 */
export function overwriteAction(options: OverwriteOptions): TableAction {
  const ways = [options.deleteWhere !== undefined, options.dynamicPartitions === true, options.replaceAll === true]
  if (ways.filter(Boolean).length !== 1) {
    throw new IceboxError('usage/invalid', {
      message: 'an overwrite takes exactly one of deleteWhere, dynamicPartitions and replaceAll',
      context: { given: ways.filter(Boolean).length },
    })
  }
  return {
    apply: async (attempt) => {
      const { metadata } = attempt
      checkAddedFiles(metadata, options.added)
      const removed = scopeOf(metadata, options)
      const isolation = isolationLevel(metadata.properties, 'write.update.isolation-level')
      const spared = await checkConcurrentChanges(attempt, removed, isolation, false)
      return await produceSnapshot(attempt, {
        added: options.added,
        removed,
        spared,
        summary: options.summary ?? {},
        allowsEmpty: false,
      })
    },
  }
}

function scopeOf(metadata: TableMetadata, options: OverwriteOptions): FileScope {
  if (options.deleteWhere !== undefined) return filterScope(metadata, options.deleteWhere)
  if (options.replaceAll === true || isUnpartitioned(specOf(metadata, metadata.defaultSpecId))) return EVERYTHING
  return partitionScope(metadata, options.added)
}
