import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Lakehouse } from '../../src/lakehouse/index.ts'

let folder: string
let lake: Lakehouse
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-zeros-'))
  await Lakehouse.init(join(folder, 'lake'))
  lake = await Lakehouse.open(join(folder, 'lake'))
  await run('create schema a')
})
afterAll(async () => {
  await lake.close()
  await rm(folder, { recursive: true, force: true })
})

const run = async (sql: string) => {
  for await (const { batches } of lake.run(sql)) for await (const batch of batches) expect(batch.rowCount).toBe(0)
}
const shown = (value: unknown) => (Object.is(value, -0) ? '-0' : value)
const zeros = async (rows: ReturnType<Lakehouse['sql']>) => new Set((await rows).map(({ d }) => shown(d)))

it.each([
  ['double', ''],
  ['double', 'sorted by (d)'],
  ['float', 'sorted by (d desc)'],
  ['double', 'sorted by (how, d)'],
  ['double', 'partitioned by (how) sorted by (d)'],
])('a negative zero keeps its sign in a column of %s, %s, however it is written', async (type, order) => {
  await run(`create or replace table a.t (how varchar, d ${type}, s struct(d ${type})) ${order}`)
  {
    await using writer = await lake.appender('a.t')
    await writer.append([-0, 0, 1].map((d) => ({ how: 'append', d, s: { d } })))
  }
  await run("insert into a.t select 'insert', d, {d: d} from (values ('-0'::double), (0), (1)) v(d)")
  await writeFile(join(folder, 'zeros.csv'), 'how,d\nimport,-0.0\nimport,0.0\nimport,1\n')
  await lake.import({ source: join(folder, 'zeros.csv'), table: 'a.t', mode: 'append' })
  const found = await lake.sql`select how, d, s.d as inner from a.t order by how, d + 0, signbit(d) desc`
  expect(found.map(({ how, d }) => [how, shown(d)])).toEqual(
    ['append', 'import', 'insert'].flatMap((how) => [
      [how, '-0'],
      [how, 0],
      [how, 1],
    ]),
  )
  expect(found.map(({ inner }) => shown(inner))).toEqual(['-0', 0, 1, null, null, null, '-0', 0, 1])
})

it('a negative zero keeps its sign where the table is sorted by a field of a struct, and by an import', async () => {
  await run('create or replace table a.t (s struct(d double)) sorted by (s.d)')
  await run("insert into a.t select {d: d} from (values (1), ('-0'::double), (0)) v(d)")
  expect(await zeros(lake.sql`select s.d as d from a.t where s.d = 0`)).toEqual(new Set(['-0', 0]))
  await writeFile(join(folder, 'sorted.csv'), 'd\n1\n-0.0\n0.0\n')
  await lake.import({ source: join(folder, 'sorted.csv'), table: 'a.sorted', sortBy: 'd' })
  expect(await zeros(lake.sql`select d from a.sorted where d = 0`)).toEqual(new Set(['-0', 0]))
})
