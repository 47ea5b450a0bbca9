import type { EngineSession } from '../../engine/index.ts'
import type { DataFile } from '../../iceberg/index.ts'
import { localPath } from '../../storage/index.ts'
import type { ImportPlan } from '../plan/import-plan.ts'
import { containsNul, isOfFewTexts, NUL_ERROR } from '../read/csv-select.ts'
import type { ColumnMapping } from '../read/description.ts'
import { quoteIdentifier, quoteList } from '../sql.ts'
import { refusesNul } from './guards.ts'

/** Below, a statement more costs what it saves. */
const WORTH_BYTES = 16_000_000
/** A reader holds a page and a dictionary of each column, 1 to 2 MB, in each thread. */
const COLUMNS_AT_ONCE = 8

/**
 * Whether NUL bytes in columns of few texts are looked for in the files that were written: there they are entries of
 * dictionaries, each looked at once, where every row of the source is 5 to 13 ns a value (0017). Not where there are many files.
 */
export function isFewLookedAtLater(plan: ImportPlan, isPartitioned: boolean): boolean {
  const { details, estimate } = plan
  return !isPartitioned && refusesNul(plan) && estimate.sourceBytes >= WORTH_BYTES && details.mapping.some(isOfFewTexts)
}

/** Rejects with {@link NUL_ERROR} where a text of a column of few texts has a NUL byte. */
export async function refuseWrittenNul(
  session: EngineSession,
  mapping: readonly ColumnMapping[],
  files: readonly DataFile[],
  signal: AbortSignal,
): Promise<void> {
  if (files.length === 0) return
  const paths = quoteList(files.map((file) => localPath(file.filePath)))
  const checks = mapping
    .filter(isOfFewTexts)
    .map(({ name }) => `count(CASE WHEN ${containsNul(quoteIdentifier(name))} THEN ${NUL_ERROR} END)`)
  for (let at = 0; at < checks.length; at += COLUMNS_AT_ONCE) {
    const some = checks.slice(at, at + COLUMNS_AT_ONCE).join(', ')
    await session.run(`SELECT ${some} FROM read_parquet(${paths}, hive_partitioning = false)`, { signal })
  }
}
