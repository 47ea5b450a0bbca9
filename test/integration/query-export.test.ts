import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openQueryLake, type QueryLake } from './query-lake.ts'

let lake: QueryLake
let file = ''

beforeAll(async () => {
  lake = await openQueryLake()
  file = join(lake.folder, 'rows.parquet')
  await lake.run('create schema ns')
  await lake.run(`create table ns.t as select i, i % 3 as k,
    case i % 4 when 0 then '-0.0'::double when 1 then 0.0 else i end as d from range(3000) r(i)`)
})
afterAll(() => lake[Symbol.asyncDispose]())

async function exported(sql: string): Promise<void> {
  for await (const result of lake.sql.run(sql, { parquetFile: file })) for await (const _ of result.batches);
}

describe('a query into a Parquet file', () => {
  it.each([
    ['of a column', 'from ns.t'],
    ['in an order', 'from ns.t order by k, i'],
    ['in a list', 'select i, [d] as d from ns.t'],
    ['of two columns of one name', 'select d, i, i from ns.t'],
  ])('keeps the signs of zeros: %s', async (_, sql) => {
    await exported(sql)
    const first = sql.includes('[d]') ? 'd[1]' : 'd'
    const signs = `count(*) filter (${first} = 0 and signbit(${first})), count(*) filter (${first} = 0), count(*)`
    expect(await lake.rows(`select ${signs} from '${file}'`)).toEqual([[750n, 1500n, 3000n]])
  })

  it('keeps dictionaries where no zero is negative', async () => {
    await exported('select k::double as d from ns.t')
    const [row] = await lake.rows(`select distinct encodings from parquet_metadata('${file}')`)
    expect(row?.[0]).toContain('DICTIONARY')
  })

  it('and its order', async () => {
    await exported('from ns.t order by k desc, i')
    expect(await lake.rows(`select i from '${file}' limit 3`)).toEqual([[2n], [5n], [8n]])
  })
})
