import { afterAll, beforeAll, expect, it } from 'vitest'
import { openQueryLake, type QueryLake } from './query-lake.ts'

let lake: QueryLake
beforeAll(async () => {
  lake = await openQueryLake()
  await lake.run(`
    CREATE SCHEMA ns;
    CREATE TABLE ns.t AS SELECT i, CASE WHEN i % 2 = 0 THEN '\\xFF'::BLOB ELSE 'a'::BLOB END AS b,
      CASE WHEN i % 2 = 0 THEN '-0.0'::DOUBLE ELSE 1.0 END AS d, CASE WHEN i % 2 = 0 THEN '-0.0'::FLOAT ELSE 1.0 END AS f
    FROM range(64) AS r(i)
  `)
})
afterAll(() => lake[Symbol.asyncDispose]())

it.each([
  ["b = '\\xFF'::BLOB", 'bytes that do not print'],
  ['d = 0.0', 'a negative zero'],
  ['f = 0.0::FLOAT', 'a negative zero of 32 bits'],
])('finds the rows of %s, where a Bloom filter of the engine hides %s', async (condition) => {
  expect(await lake.rows(`SELECT count(*), min(i) FROM ns.t WHERE ${condition}`)).toEqual([[32n, 0n]])
})
