import { DuckDBInstance } from '@duckdb/node-api'
import { describe, expect, it } from 'vitest'
import { parseTableName, quotedForShell, sqlName, tableSql } from '../../src/base/index.ts'

describe('names in remedies and hints', () => {
  it('are quoted where DuckDB would read a keyword, of every kind that it reserves somewhere', async () => {
    const instance = await DuckDBInstance.create()
    const connection = await instance.connect()
    const rows = await connection.runAndReadAll(
      "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'",
    )
    const bare = rows.getRows().flatMap(([word]) => (sqlName(String(word)) === word ? [word] : []))
    connection.closeSync()
    instance.closeSync()
    expect(bare).toEqual([])
  })

  it.each([
    ['orders', 'orders'],
    ['Orders_2', 'Orders_2'],
    ['ORDER', '"ORDER"'],
    ['my table', '"my table"'],
    ['2024', '"2024"'],
    ['a.b', '"a.b"'],
    ['say "hi"', '"say ""hi"""'],
    ['größe', '"größe"'],
    ['', '""'],
  ])('%s is written %s', (name, written) => {
    expect(sqlName(name)).toBe(written)
  })

  it('a table as it is written is read as that table again, whatever its names hold', () => {
    for (const [namespace, name] of [
      [['sales'], 'orders'],
      [['a', 'b'], 't'],
      [['my ns'], 'Order'],
      [['x'], 'a.b "c"'],
    ] as const)
      expect(parseTableName(tableSql(namespace, name))).toEqual({ namespace, name })
  })

  it.each([
    ['sales.orders', 'sales.orders'],
    ['"my ns".t', `'"my ns".t'`],
    ["it's", `'it'\\''s'`],
    ['', "''"],
  ])('%s is one word of a shell: %s', (text, word) => {
    expect(quotedForShell(text)).toBe(word)
  })
})
