// 16 loops of small queries beside an import, one library in one process: bench-concurrent.js LAKE SOURCE BUDGET.
// Prints one document as `icebox import --json` does, with the number of queries; ends as the command line would.
import { IceboxError, printJson } from '../../base/index.ts'
import { Lakehouse } from '../../lakehouse/index.ts'

const LOOPS = 16
const SMALL_ROWS = 10_000

async function main(folder: string, source: string, memory: string): Promise<void> {
  await using lake = await Lakehouse.open(folder, { memory })
  await run(lake, 'create schema bench')
  await run(
    lake,
    `create table bench.small as select i as id, i % 100 as part, i / 7 as amount from range(${SMALL_ROWS}) t(i)`,
  )
  // Fires when the import is done, and when anything fails: then all stop.
  const end = new AbortController()
  const counts = Array.from({ length: LOOPS }, (_, loop) => queryUntil(end.signal, lake, loop))
  const importing = lake.import({ table: 'bench.imported', source, signal: end.signal })
  try {
    const first = await Promise.race([importing, ...counts])
    if (typeof first === 'number')
      throw new IceboxError('internal/unreachable', { message: 'a loop ended before the import' })
    end.abort()
    const queries = (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
    console.log(JSON.stringify({ ...first, queries }))
  } finally {
    end.abort()
    await Promise.allSettled([importing, ...counts])
  }
}

/** One small query after another; gives their number. */
async function queryUntil(end: AbortSignal, lake: Lakehouse, loop: number): Promise<number> {
  let queries = 0
  while (!end.aborted) {
    const part = (loop * 7 + queries) % 100
    const [row] = await lake.sql`select count(*) as n, sum(amount) as s from bench.small where part = ${part}`
    if (Number(row?.['n']) !== SMALL_ROWS / 100) {
      throw new IceboxError('bench/failed', {
        message: `a small query counted ${Number(row?.['n'])} rows where ${SMALL_ROWS / 100} are`,
        context: { part },
      })
    }
    queries++
  }
  return queries
}

async function run(lake: Lakehouse, sql: string): Promise<void> {
  for await (const statement of lake.run(sql)) await statement[Symbol.asyncDispose]()
}

const [folder, source, memory] = process.argv.slice(2)
if (folder === undefined || source === undefined || memory === undefined) {
  console.error('usage: bench-concurrent LAKE SOURCE BUDGET')
  process.exitCode = 2
} else {
  try {
    await main(folder, source, memory)
  } catch (error) {
    if (!(error instanceof IceboxError)) throw error
    const { code, message, context } = error
    console.log(printJson({ error: { code, message, context } }))
    process.exitCode = code.startsWith('memory/') ? 3 : 1
  }
}
