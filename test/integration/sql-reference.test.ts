import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SqlValue } from '../../src/engine/index.ts'
import { localPath } from '../../src/storage/index.ts'
import { SETTINGS } from '../../src/query/run/show.ts'
import { splitStatements } from '../../src/query/text/statements.ts'
import { openQueryLake, type QueryLake } from './query-lake.ts'

interface Example {
  readonly sql: string
  readonly isRefused: boolean
}

const reference = await readFile(new URL('../../docs/reference/sql.md', import.meta.url), 'utf8')

function examples(): Example[] {
  return [...reference.matchAll(/^```sql( refused)?\n([\s\S]*?)^```$/gm)].flatMap(([, refused, block = '']) =>
    splitStatements(block).map(({ sql }) => ({ sql, isRefused: refused !== undefined })),
  )
}

function text(value: SqlValue | undefined): string {
  if (typeof value !== 'string') throw new TypeError('no text')
  return value
}

/** Rows of the table whose heading row begins so, as cells. */
function tableUnder(heading: string): string[][] {
  const [, after = ''] = reference.split(`\n${heading}\n`)
  const rows = after.split('\n').slice(1)
  const end = rows.findIndex((row) => !row.startsWith('|'))
  return rows.slice(0, end).map((row) => row.split('|').map((cell) => cell.trim()))
}

describe('docs/reference/sql.md', () => {
  let lake: QueryLake
  beforeAll(async () => {
    lake = await openQueryLake()
  })
  afterAll(async () => {
    await lake[Symbol.asyncDispose]()
  })

  /** What only this lake knows stands for what the page writes. */
  async function here(sql: string): Promise<string> {
    if (!/3055729675574597004|\/data\/other|orders\.csv/.test(sql)) return sql
    const { metadata } = await lake.catalog.loadTable({ namespace: ['sales'], name: 'orders' })
    const csv = join(lake.folder, 'orders.csv')
    await writeFile(csv, 'id,region\n1,eu\n')
    return sql
      .replaceAll('3055729675574597004', String(metadata.snapshots[0]?.snapshotId))
      .replaceAll('/data/other/orders', localPath(metadata.location))
      .replaceAll("'orders.csv'", `'${csv}'`)
  }

  it('every example works in the order of the page, and what is said to be refused is refused', async () => {
    const all = examples()
    expect(all.filter(({ isRefused }) => isRefused).length).toBeGreaterThan(15)
    expect(all.length).toBeGreaterThan(60)
    const wrong: string[] = []
    for (const { sql, isRefused } of all) {
      const code = await lake.run(await here(sql)).then(
        () => undefined,
        (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
      )
      const isExpected = isRefused ? /^(sql|schema|iceberg)\/unsupported/.test(code ?? '') : code === undefined
      if (!isExpected) wrong.push(`${sql}\n  ${code ?? 'was done'}`)
    }
    expect(wrong).toEqual([])
  })

  it('columns of the system tables are those that the page lists', async () => {
    await lake.run('CREATE SCHEMA columns; CREATE TABLE columns.t (a INTEGER)')
    const listed = tableUnder('| table | columns |')
    expect(listed.map(([, name]) => name)).toHaveLength(7)
    for (const [, name = '', columns = ''] of listed) {
      const rows = await lake.rows(`DESCRIBE SELECT * FROM columns.t.${name.replaceAll('`', '')}`)
      expect(columns).toBe(rows.map(([column, type]) => `\`${text(column)}\` ${text(type)}`).join(', '))
    }
  })

  it('settings that may be changed are those that the page lists', () => {
    const [, after = ''] = reference.split('\n| setting | |\n')
    const listed = after
      .split('\n')
      .filter((row) => row.startsWith('| `'))
      .map((row) => row.split('`')[1])
    expect(listed.slice(0, SETTINGS.length)).toEqual(SETTINGS)
  })
})
