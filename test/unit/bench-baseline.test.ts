import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Table } from 'apache-arrow'
import { expect, it } from 'vitest'
import { decodeFile } from '../../bench/baseline/decode.ts'

async function decoded(text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'icebox-baseline-'))
  try {
    await writeFile(join(folder, 'rows.csv'), text)
    return await decodeFile(join(folder, 'rows.csv'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

it('the baseline decodes the values that stand in the file, so that it is compared doing the same work', async () => {
  const file = await decoded(
    'id,amount,day,name\n4294967297,0.5,1970-01-02,"a, ""b"""\n-3,-7,2000-03-01,\n5000000000,1e3,1969-12-31,Genève\n',
  )
  const rows = new Table([...file.batches]).toArray().map((row: { toJSON(): unknown }) => row.toJSON())
  expect(file.columns.map((column) => column.kind)).toEqual(['long', 'double', 'date', 'string'])
  expect(rows).toEqual([
    { id: 4294967297n, amount: 0.5, day: Date.UTC(1970, 0, 2), name: 'a, "b"' },
    { id: -3n, amount: -7, day: Date.UTC(2000, 2, 1), name: null },
    { id: 5000000000n, amount: 1000, day: Date.UTC(1969, 11, 31), name: 'Genève' },
  ])
  expect(file.statistics).toEqual([
    { nulls: 0, low: -3n, high: 5000000000n, isBounded: true },
    { nulls: 0, low: -7, high: 1000, isBounded: true },
    { nulls: 0, low: -1, high: 11017, isBounded: true },
    { nulls: 1, low: 'Genève', high: 'a, "b"', isBounded: true },
  ])
})

it('a column whose order differs between UTF-16 and UTF-8 gets no bounds, which would hide rows from readers', async () => {
  const file = await decoded('name\n\u{1F600}\n\uFF5E\n')
  expect(file.statistics[0]?.isBounded).toBe(false)
})
