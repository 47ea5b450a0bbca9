import { type CopyPlan, type EnginePlan, passesOfSort, planCopy } from '../../memory/index.ts'
import type { Rung } from './ladder.ts'
import { chooseStrategy } from './strategy.ts'

export interface WriteNeeds {
  readonly engine: EnginePlan
  /** Average bytes of a row in memory, all columns. */
  readonly rowWidthBytes: number
  readonly isWidthMeasured: boolean
  readonly columns: number
  readonly targetFileBytes: number
  /** Rows keep their order, in the file or of a sort. */
  readonly isOrdered: boolean
  readonly isPartitioned: boolean
  /** Distinct partitions where known or estimated. */
  readonly partitions: number | undefined
  /** Of the table's properties. */
  readonly rowGroupLimit: number
  /** The table has a sort order. */
  readonly isSorted: boolean
  /** About, where known. */
  readonly rows: number | undefined
  /** The rows are of a text that can be divided by partition. */
  readonly isDivisible: boolean
}

/** Where row groups of all partitions are open at once: 8,192 rows cost a few percent of bytes and are three times as fast. */
export const PARTITIONED_ROW_GROUP = 8_192

/** How a write is tried first, and the settings of its copies. */
export function firstRung(needs: WriteNeeds): { readonly rung: Rung; readonly copy: CopyPlan } {
  const { engine, rowWidthBytes, isWidthMeasured, columns, isOrdered, isPartitioned, partitions, targetFileBytes } =
    needs
  const planned = planCopy({ engine, rowWidthBytes, isWidthMeasured, targetFileBytes, columns })
  // Order is kept only by one thread.
  const threads = isOrdered ? 1 : planned.threads
  const strategy = chooseStrategy({
    isPartitioned,
    partitions,
    threads,
    columns,
    rowWidthBytes,
    memoryLimitBytes: engine.memoryLimitBytes,
    divisibleRows: needs.isDivisible && !isOrdered ? needs.rows : undefined,
  })
  const opensAll = strategy.kind === 'direct' || strategy.kind === 'staged'
  const rowGroupSize = Math.min(
    opensAll ? PARTITIONED_ROW_GROUP : planned.rowGroupSize,
    planned.rowGroupSize,
    needs.rowGroupLimit,
  )
  const rung: Rung = {
    threads,
    rowGroupSize,
    rowGroupBytes: isOrdered ? undefined : planned.rowGroupBytes,
    // By partition, rows are sorted in parts already.
    sort: needs.isSorted && !isPartitioned ? howToSort(needs) : undefined,
    strategy,
  }
  return { rung, copy: { ...planned, threads, rowGroupSize } }
}

function howToSort({ rows, rowWidthBytes, engine }: WriteNeeds): 'whole' | 'passes' {
  return rows !== undefined && passesOfSort(rows * rowWidthBytes, engine) > 1 ? 'passes' : 'whole'
}
