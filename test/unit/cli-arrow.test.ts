import { tableFromIPC } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { IceboxError } from '../../src/base/index.ts'
import { parseDuckdbType } from '../../src/cli/output/arrow/duckdb-type.ts'
import { daysOf, instantOf, timeOfDay } from '../../src/cli/output/arrow/temporal.ts'
import { arrowWriter } from '../../src/cli/output/arrow/writer.ts'
import type { SqlValue } from '../../src/lakehouse/api.ts'
import { batchOf, TextSink } from './support/cli-batches.ts'

async function ipc(type: string, batches: readonly (readonly SqlValue[])[]) {
  const columns = [{ name: 'c', type }]
  const sink = new TextSink()
  const writer = arrowWriter(sink)
  await writer.begin(columns)
  for (const values of batches)
    await writer.batch(
      batchOf(
        columns,
        values.map((value) => [value]),
      ),
    )
  await writer.end()
  return tableFromIPC(Buffer.concat(sink.chunks))
}

/** What apache-arrow's own reader makes of the column, as its JSON. */
async function readBack(type: string, values: readonly SqlValue[]): Promise<unknown> {
  const table = await ipc(type, [values])
  return table.getChildAt(0)?.toJSON()
}

describe('DuckDB type text', () => {
  it('reads nested types with quoted names', () => {
    expect(parseDuckdbType('STRUCT(a INTEGER, "b ""c, d" DECIMAL(15,2)[])[3]')).toEqual({
      kind: 'list',
      element: {
        kind: 'struct',
        fields: [
          { name: 'a', type: { kind: 'scalar', name: 'INTEGER' } },
          { name: 'b "c, d', type: { kind: 'list', element: { kind: 'decimal', precision: 15, scale: 2 } } },
        ],
      },
    })
    expect(parseDuckdbType('MAP(VARCHAR, TIMESTAMP WITH TIME ZONE)')).toEqual({
      kind: 'map',
      key: { kind: 'scalar', name: 'VARCHAR' },
      value: { kind: 'scalar', name: 'TIMESTAMP WITH TIME ZONE' },
    })
    expect(parseDuckdbType("ENUM('a, )', 'it''s')")).toEqual({ kind: 'scalar', name: 'ENUM' })
  })

  it.each(['UNION(a INTEGER, b VARCHAR)', 'STRUCT(a INTEGER', 'INTEGER)', ''])('refuses %s by name', (text) => {
    expect(() => parseDuckdbType(text)).toThrow(IceboxError)
  })
})

describe('ISO times', () => {
  it('are exact before 1970, at leap days and outside four digits of year', () => {
    expect(daysOf('1970-01-01')).toBe(0)
    expect(daysOf('1969-12-31')).toBe(-1)
    expect(daysOf('2000-02-29')).toBe(Date.UTC(2000, 1, 29) / 86_400_000)
    expect(daysOf('-000001-03-01')).toBe(Date.parse('-000001-03-01T00:00:00Z') / 86_400_000)
    expect(daysOf('+010000-01-01')).toBe(Date.parse('+010000-01-01T00:00:00Z') / 86_400_000)
    expect(timeOfDay('23:59:59.999999', 6)).toBe(86_399_999_999n)
    expect(instantOf('2024-01-02T03:04:05.678901Z', 6)).toBe(BigInt(Date.UTC(2024, 0, 2, 3, 4, 5)) * 1000n + 678_901n)
    expect(instantOf('1969-12-31T23:59:59.5', 6)).toBe(-500_000n)
    expect(instantOf('9999-12-31T23:59:59.999999', 6)).toBe(253_402_300_799_999_999n)
    expect(instantOf('2024-01-02T03:04:05', 0)).toBe(1_704_164_645n)
    expect(instantOf('2024-01-02T03:04:05.123456789', 9)).toBe(1_704_164_645_123_456_789n)
    expect(instantOf('infinity', 6)).toBe(9_223_372_036_854_775_807n)
    expect(() => instantOf('2024-01-02 03:04:05', 6)).toThrow(IceboxError)
    expect(() => instantOf('2024-01-02T03:0x:05', 6)).toThrow(IceboxError)
  })
})

describe('arrow', () => {
  it('keeps every row over batches, and nulls in their places', async () => {
    const table = await ipc('BIGINT', [[1n, null], [], [9007199254740993n]])
    expect(table.numRows).toBe(3)
    expect(table.getChildAt(0)?.toJSON()).toEqual([1n, null, 9007199254740993n])
  })

  it('has its schema when there are no rows', async () => {
    const table = await ipc('DECIMAL(15,2)', [])
    expect(table.numRows).toBe(0)
    expect(String(table.schema.fields[0])).toBe('c: Decimal[15e+2]')
  })

  it.each<[string, SqlValue[], unknown]>([
    ['BOOLEAN', [true, null, false], [true, null, false]],
    ['TINYINT', [-128, 127], [-128, 127]],
    ['UINTEGER', [4294967295], [4294967295]],
    ['UBIGINT', [18446744073709551615n], [18446744073709551615n]],
    ['DOUBLE', [1.5, null, Number.NEGATIVE_INFINITY], [1.5, null, Number.NEGATIVE_INFINITY]],
    ['VARCHAR', ['é', '', null, '日本'], ['é', '', null, '日本']],
    ['VARCHAR[]', [['a', null], null, []], [['a', null], null, []]],
    ['STRUCT(a INTEGER, b VARCHAR[])', [{ a: 1, b: ['x'] }, null], [{ a: 1, b: ['x'] }, null]],
    ['INTERVAL', ['1 day'], ['1 day']],
    ['"NULL"', [null, null], [null, null]],
  ])('%s', async (type, values, expected) => {
    expect(JSON.stringify(await readBack(type, values), spelled)).toEqual(JSON.stringify(expected, spelled))
  })

  it('writes times and decimals exactly', async () => {
    const stamps = (await ipc('TIMESTAMP', [['2024-01-02T03:04:05.678901', null]])).getChildAt(0)?.data[0]?.values
    expect(stamps).toEqual(BigInt64Array.of(1704164645678901n, 0n))
    const decimals: unknown = (
      await ipc('DECIMAL(38,2)', [['-0.05', '123456789012345678901234567890123456.78']])
    ).getChildAt(0)?.data[0]?.values
    const words = decimals instanceof Uint32Array ? new BigInt64Array(decimals.slice().buffer) : new BigInt64Array()
    expect(words[0]).toBe(-5n)
    expect(words[1]).toBe(-1n)
    expect(((words[3] ?? 0n) << 64n) + BigInt.asUintN(64, words[2] ?? 0n)).toBe(12345678901234567890123456789012345678n)
  })

  it('refuses an integer past 38 digits instead of changing it', async () => {
    await expect(ipc('HUGEINT', [[10n ** 38n]])).rejects.toMatchObject({ code: 'sql/type' })
  })
})

function spelled(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) return String(value)
  return value
}
