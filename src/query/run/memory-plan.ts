import { isIceboxError } from '../../base/index.ts'
import type { ResultStream } from '../../engine/index.ts'
import {
  advised,
  type EnginePlan,
  heldBytes,
  type MemoryPlan,
  planStatement,
  type RunningOperation,
} from '../../memory/index.ts'
import type { QueryServices, StatementOptions } from '../port.ts'
import { type HoldingReading, readHoldingOperators } from '../pruning/holding-operators.ts'
import { mentionsKeyword } from '../text/names.ts'
import type { StatementText } from '../text/statements.ts'
import { threadsForRows } from './gathering.ts'
import { printsLargePlan } from './parameter-room.ts'
import { openStream, type Prepared, runOptions } from './query.ts'

/** Files of this share of the engine's limit cannot fill it, whatever is done with their rows: columns decode to about 4 times. */
const SMALL_SHARE = 0.25
const TINY_BYTES = 16_000_000
/** A column of a row that is held, at least: a number with its share of pointers and validity. */
const COLUMN_BYTES = 12
/** What writing Parquet takes of the engine, beside what the rows' query holds. */
const WRITER_SHARE = 1 / 2
/** Rows are held in this many times the bytes that they have in a file: 193 bytes a row for 150 of zstd (10M wide strings). */
const HELD_FACTOR = 1.5

/**
 * What a prepared query will take of the engine. A small one is not explained first: that would cost as much as the
 * query. `always`: for EXPLAIN, however small.
 */
export async function planMemory(
  prepared: Prepared,
  query: StatementText,
  services: Pick<QueryServices, 'engine' | 'advice'>,
  options: StatementOptions,
  always = false,
): Promise<MemoryPlan> {
  const now = advised((await services.engine()).plan, services.advice())
  const engine = forRows(prepared, now)
  const scannedBytes = sum(prepared.scans.map((scan) => scan.dataBytes))
  const isSmall = prepared.tables.length > 0 && scannedBytes < engine.memoryLimitBytes * SMALL_SHARE
  const mayHold = mentionsKeyword(query.tokens, 'ORDER', 'GROUP', 'JOIN', 'OVER', 'DISTINCT', 'FROM')
  const isTiny = prepared.tables.length > 0 && scannedBytes < TINY_BYTES
  // Changing the engine's threads for it would cost more than they save.
  if (!always && isTiny)
    return planStatement({ operators: [], scannedBytes }, { ...engine, copyThreads: engine.threads })
  if (!always && (isSmall || !mayHold)) return planStatement({ operators: [], scannedBytes }, engine)
  // PIVOT becomes two statements, the first of which would be run by being explained.
  const isPivot = mentionsKeyword(query.tokens, 'PIVOT', 'PIVOT_WIDER')
  const held = isPivot ? undefined : await explained(prepared, options)
  if (held === undefined) return planStatement({ operators: [], scannedBytes }, engine)
  const { operators, scannedRows, endsInSort } = held
  const columnBytes = Math.max(
    COLUMN_BYTES,
    (HELD_FACTOR * scannedBytes) / Math.max(1, scannedRows * columnsOf(prepared)),
  )
  return planStatement(
    {
      operators: operators.map((operator) => ({
        ...operator,
        rowBytes: Math.round(operator.rowBytes * columnBytes),
      })),
      scannedBytes,
      endsInSort,
    },
    engine,
  )
}

/** A vector of wide rows for each thread is much of the engine's memory, whatever is done with them. */
export function forRows({ wideRowBytes }: Prepared, engine: EnginePlan): EnginePlan {
  if (wideRowBytes === undefined) return engine
  const threads = threadsForRows(wideRowBytes, engine)
  return { ...engine, threads, copyThreads: threads }
}

/**
 * Lets a statement in, by its plan; what it takes of the engine is never more than the engine has. One that holds much waits
 * while others do. Rejects `cancelled`.
 */
export async function admit(
  services: Pick<QueryServices, 'admit'>,
  kind: 'select' | 'write' | 'export',
  plan: MemoryPlan,
  { signal }: StatementOptions,
): Promise<RunningOperation> {
  const { limitBytes } = plan
  const operation = await services.admit(kind, Math.min(limitBytes, plan.wantedBytes), signal)
  try {
    await operation.hold(kind === 'select' ? heldBytes(plan) : heldBytes(plan) + limitBytes * WRITER_SHARE, limitBytes)
    return operation
  } catch (error) {
    operation[Symbol.dispose]()
    throw error
  }
}

/** Opens the rows as planned; where memory ran out before the first row, once more with one thread, gathering nothing. */
export async function openWithin(
  prepared: Prepared,
  plan: MemoryPlan,
  usualThreads: number,
  options: StatementOptions,
): Promise<ResultStream> {
  try {
    return await openStream(prepared, prepared.sql, options, plan.threads === usualThreads ? undefined : plan.threads)
  } catch (error) {
    const { lease } = prepared
    const isLast = plan.threads === 1 && !lease.gathers
    if (isLast || !isIceboxError(error, 'memory/exhausted') || options.signal?.aborted === true) throw error
    await lease.gather(false)
    return await openStream(prepared, prepared.sql, options, 1)
  }
}

/** What DuckDB's plan holds; undefined where the statement cannot be explained: its own error, if any, says why. */
async function explained(prepared: Prepared, options: StatementOptions): Promise<HoldingReading | undefined> {
  if (printsLargePlan(options.parameters)) return undefined
  try {
    const rows = await prepared.lease.session.all(`EXPLAIN (FORMAT json) ${prepared.sql}`, runOptions(options))
    const plan = rows.find((row) => row['explain_key'] === 'physical_plan')?.['explain_value']
    return typeof plan === 'string' ? readHoldingOperators(plan) : undefined
  } catch (error) {
    if (isIceboxError(error, 'engine/') || isIceboxError(error, 'sql/')) return undefined
    throw await prepared.explain(error)
  }
}

/** Columns of a table that is read, on average. */
function columnsOf({ tables }: Prepared): number {
  return tables.length === 0 ? 1 : Math.max(1, sum(tables.map((table) => table.schema.fields.length)) / tables.length)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
