import type { TableRequirement, TableUpdate } from '../metadata/index.ts'
import type { LoadedTable } from '../table.ts'

/** The table of a catalog, as a transaction needs it. The catalog room makes one from a catalog and a name. */
export interface CommitTarget {
  /** The table as it is now. */
  load(): Promise<LoadedTable>
  /**
   * Checks the requirements, applies the updates and sets the table to the result, in one step, once `durable` says that
   * the files that the updates name are on the disk. Rejects as `durable` does, `catalog/commit-conflict` when another
   * writer was first, `catalog/commit-unknown` when the answer was lost.
   */
  commit(
    base: LoadedTable,
    requirements: readonly TableRequirement[],
    updates: readonly TableUpdate[],
    durable: Promise<void>,
  ): Promise<LoadedTable>
}
