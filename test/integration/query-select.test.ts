import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openQueryLake, type QueryLake } from './query-lake.ts'

let lake: QueryLake
beforeAll(async () => {
  lake = await openQueryLake()
  await lake.createTable(
    'sales.orders',
    {
      schemaId: 0,
      identifierFieldIds: [],
      fields: [
        { id: 1, name: 'id', type: { kind: 'long' }, required: false },
        { id: 2, name: 'name', type: { kind: 'string' }, required: false },
        { id: 3, name: 'day', type: { kind: 'date' }, required: false },
      ],
    },
    [{ fieldId: 1000, sourceIds: [3], name: 'day_month', transform: { kind: 'month' } }],
  )
  await lake.append(
    'sales.orders',
    "SELECT range AS id, 'n' || range AS name, DATE '2020-01-01' + CAST(range AS INTEGER) AS day FROM range(1000)",
  )
})
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
})

describe('SELECT over tables', () => {
  it('reads a table by its name', async () => {
    expect(await lake.rows('SELECT count(*), sum(id) FROM sales.orders')).toEqual([[1000n, 499500n]])
  })
  it('reads only the files that a filter needs', async () => {
    const [result] = await lake.run("SELECT name FROM sales.orders WHERE day = DATE '2020-03-01'")
    expect(result?.scans[0]).toMatchObject({ filesTotal: 33, filesRead: 1 })
  })
})
