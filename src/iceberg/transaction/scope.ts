import { IceboxError } from '../../base/index.ts'
import { isSpent, partitionIdentity, type Predicate, schemaOf, TableFilter } from '../scan/index.ts'
import type { DataFile, ManifestFile } from '../spec/manifest.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'

/** The part of a table that an action replaces or removes, in whole files. */
export interface FileScope {
  /** For messages. */
  readonly name: string
  manifestMightMatch(manifest: ManifestFile): boolean
  /** True when rows of the scope may lie in the file: another writer's change of it is a conflict (I6). */
  mightMatch(file: DataFile): boolean
  /** True when the file goes. Throws `iceberg/unsupported` for a data file of which only some rows may be in the scope. */
  removes(file: DataFile): boolean
}

export const EVERYTHING: FileScope = {
  name: 'the whole table',
  manifestMightMatch: () => true,
  mightMatch: () => true,
  removes: () => true,
}

/** Files all of whose rows match. A file that matches in part is refused by name: rows are not deleted from within files. */
export function filterScope(metadata: TableMetadata, predicate: Predicate): FileScope {
  const filter = new TableFilter(predicate, schemaOf(metadata), metadata.partitionSpecs)
  return {
    name: 'the rows of the filter',
    manifestMightMatch: (manifest) => filter.manifestMightMatch(manifest),
    mightMatch: (file) => (file.content === 'data' ? filter.fileMightMatch(file) : filter.partitionMightMatch(file)),
    removes: (file) => {
      // Statistics of a delete file are not those of the rows it deletes: only its partition can show that all of them go.
      if (file.content !== 'data') return filter.partitionMustMatch(file)
      const match = filter.classify(file)
      if (match !== 'some') return match === 'all'
      throw new IceboxError('iceberg/unsupported', {
        message: `data file ${file.filePath} may hold rows that match the filter and rows that do not; only whole files are deleted`,
        remedy: 'filter by partition columns, or by bounds that fall between files',
        context: { dataFile: file.filePath },
      })
    },
  }
}

/** The partitions of the given files. They must all be of the default spec, and the table must hold no live files of others. */
export function partitionScope(metadata: TableMetadata, added: readonly DataFile[]): FileScope {
  const { defaultSpecId } = metadata
  const foreign = added.find((file) => file.specId !== defaultSpecId)
  if (foreign !== undefined) throw otherSpec(defaultSpecId, foreign.specId)
  const partitions = new Set(added.map((file) => partitionIdentity(file.partition)))
  const contains = (file: DataFile) =>
    file.specId === defaultSpecId && partitions.has(partitionIdentity(file.partition))
  return {
    name: `${partitions.size} partition${partitions.size === 1 ? '' : 's'}`,
    manifestMightMatch: (manifest) => {
      if (manifest.partitionSpecId === defaultSpecId) return true
      if (isSpent(manifest)) return false
      // Rows of the same partition may lie in files of an older spec, which whole-file replacement cannot tell apart.
      throw otherSpec(defaultSpecId, manifest.partitionSpecId)
    },
    mightMatch: contains,
    removes: contains,
  }
}

function otherSpec(defaultSpecId: number, specId: number): IceboxError {
  return new IceboxError('iceberg/unsupported', {
    message: `partitions cannot be replaced: files of partition spec ${specId} stand beside the default spec ${defaultSpecId}`,
    remedy: 'overwrite by a filter, or rewrite the older files with the default spec first',
    context: { defaultSpecId, specId },
  })
}
