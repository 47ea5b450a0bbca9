import { describe, expect, it } from 'vitest'
import { fieldById, type NestedField, type Predicate, type Schema } from '../../src/iceberg/index.ts'
import { readFilters } from '../../src/query/pruning/filter-text.ts'
import { readPlan } from '../../src/query/pruning/plan.ts'

const primitive = (
  id: number,
  name: string,
  kind: 'int' | 'long' | 'string' | 'date' | 'double' | 'boolean' | 'timestamp' | 'timestamptz' | 'uuid' | 'binary',
): NestedField => ({
  id,
  name,
  type: { kind },
  required: false,
})
const schema: Schema = {
  schemaId: 0,
  identifierFieldIds: [],
  fields: [
    primitive(1, 'i', 'int'),
    primitive(2, 's', 'string'),
    primitive(3, 'd', 'date'),
    {
      id: 4,
      name: 'st',
      required: false,
      type: { kind: 'struct', fields: [primitive(5, 'a', 'int'), primitive(6, 'b c', 'string')] },
    },
    primitive(7, 'f', 'double'),
    { id: 8, name: 'dc', required: false, type: { kind: 'decimal', precision: 10, scale: 2 } },
    primitive(9, 'ts', 'timestamp'),
    primitive(10, 'tz', 'timestamptz'),
    primitive(11, 'u', 'uuid'),
    primitive(12, 'bl', 'binary'),
    primitive(13, 'bo', 'boolean'),
    primitive(14, 'l', 'long'),
  ],
}
const resolve = (column: string, path: readonly string[]): NestedField | undefined => {
  const field = fieldById(schema, Number(/^t1·f(\d+)$/.exec(column)?.[1] ?? 0))
  if (path.length === 0) return field
  return field?.type.kind === 'struct' ? field.type.fields.find((child) => child.name === path[0]) : undefined
}
const read = (...lines: string[]) => readFilters(lines, { resolve, isUtc: true })
const nothing = { predicate: { op: 'true' }, isExact: false }
const exactly = (predicate: Predicate) => ({ predicate, isExact: true })

// The texts on the left are what DuckDB 1.5.5 prints in EXPLAIN (FORMAT json).
describe('filters of a plan', () => {
  it.each<[string, Predicate]>([
    ['t1·f1=5', { op: 'eq', fieldId: 1, value: 5 }],
    ['t1·f1!=5', { op: 'ne', fieldId: 1, value: 5 }],
    ['t1·f14=-5', { op: 'eq', fieldId: 14, value: -5n }],
    ["t1·f2='it''s AND t1·f1=5'", { op: 'eq', fieldId: 2, value: "it's AND t1·f1=5" }],
    ["t1·f3='2020-02-29'::DATE", { op: 'eq', fieldId: 3, value: 18321 }],
    ["t1·f3<'1969-12-31'::DATE", { op: 'lt', fieldId: 3, value: -1 }],
    ['t1·f7>0.1', { op: 'gt', fieldId: 7, value: 0.1 }],
    ['t1·f7=1e+300', { op: 'eq', fieldId: 7, value: 1e300 }],
    ["t1·f7='nan'::DOUBLE", { op: 'eq', fieldId: 7, value: Number.NaN }],
    ['t1·f8=-5.50', { op: 'eq', fieldId: 8, value: -550n }],
    ["t1·f9>='1969-12-31 23:59:59.5'::TIMESTAMP", { op: 'ge', fieldId: 9, value: -500_000n }],
    [
      "t1·f10>'2019-12-31 22:00:00+00'::TIMESTAMP WITH TIME ZONE",
      { op: 'gt', fieldId: 10, value: 1_577_829_600_000_000n },
    ],
    [
      "t1·f10>'2020-01-01 00:30:00+05:30'::TIMESTAMP WITH TIME ZONE",
      { op: 'gt', fieldId: 10, value: 1_577_818_800_000_000n },
    ],
    [String.raw`t1·f12='a\x00'::BLOB`, { op: 'eq', fieldId: 12, value: Uint8Array.of(97, 0) }],
    ['t1·f13', { op: 'eq', fieldId: 13, value: true }],
    ['(NOT t1·f13)', { op: 'not', arg: { op: 'eq', fieldId: 13, value: true } }],
    ['(t1·f1 IS NULL)', { op: 'is-null', fieldId: 1 }],
    ['(t1·f1 IS NOT NULL)', { op: 'not-null', fieldId: 1 }],
    ['(t1·f1 IS NOT DISTINCT FROM 5)', { op: 'eq', fieldId: 1, value: 5 }],
    ['(t1·f1 NOT IN (1, 2))', { op: 'not-in', fieldId: 1, values: [1, 2] }],
    ["starts_with(t1·f2, 'ab')", { op: 'starts-with', fieldId: 2, value: 'ab' }],
    ['(CAST(t1·f1 AS BIGINT) > 30)', { op: 'gt', fieldId: 1, value: 30 }],
    ['(5 < t1·f1)', { op: 'gt', fieldId: 1, value: 5 }],
    [
      "(CAST(t1·f9 AS TIMESTAMP WITH TIME ZONE) < '1970-01-01 00:00:01+00'::TIMESTAMP WITH TIME ZONE)",
      { op: 'lt', fieldId: 9, value: 1_000_000n },
    ],
    [
      '(((t1·f1 >= 1) AND (t1·f1 <= 5)) OR (t1·f1 = 10))',
      {
        op: 'or',
        args: [
          {
            op: 'and',
            args: [
              { op: 'ge', fieldId: 1, value: 1 },
              { op: 'le', fieldId: 1, value: 5 },
            ],
          },
          { op: 'eq', fieldId: 1, value: 10 },
        ],
      },
    ],
  ])('%s', (text, predicate) => {
    expect(read(text)).toEqual(exactly(predicate))
  })

  it.each([
    't1·f1>3000000000',
    "t1·f3='infinity'::DATE",
    "t1·f3<'0044-03-15 (BC)'::DATE",
    '(abs(t1·f1) = 5)',
    '(COALESCE(t1·f1, 0) = 5)',
    '(CAST(t1·f8 AS VARCHAR) = 5)',
    '(t1·f1 IS DISTINCT FROM 5)',
    "(struct_extract(t1·f4, 'a') IS NULL)",
    "t1·f4.b c='x'",
    't2·f1=5',
    '(random() < 0.5)',
    '(t1·f1 = t1·f1)',
    '',
    'CASE WHEN t1·f1=1 AND t1·f1=5 AND t1·f1=2 THEN 1 ELSE 0 END = 3',
    't1·f1=5=3',
  ])('says nothing of what it does not understand: %s', (text) => {
    const { predicate } = read(text)
    expect(predicate).toEqual({ op: 'true' })
  })

  it('is not exact where something was not understood beside what was', () => {
    expect(read('t1·f1=5', '(random() < 0.5)')).toEqual({
      predicate: { op: 'eq', fieldId: 1, value: 5 },
      isExact: false,
    })
    expect(read('(t1·f1 = 5) AND (abs(t1·f1) = 5)').isExact).toBe(false)
  })

  it('a comparison inside a struct prunes, and decides nothing about whole files', () => {
    expect(read('t1·f4.a=5')).toEqual({ predicate: { op: 'eq', fieldId: 5, value: 5 }, isExact: false })
  })

  it('reads text without brackets as what every grouping implies', () => {
    const reading = read('optional: t1·f1 IN (1, 5) AND optional: t1·f1<5 OR t1·f1>100')
    expect(reading.predicate).toEqual({
      op: 'or',
      args: [
        {
          op: 'and',
          args: [
            { op: 'in', fieldId: 1, values: [1, 5] },
            { op: 'lt', fieldId: 1, value: 5 },
          ],
        },
        { op: 'gt', fieldId: 1, value: 100 },
      ],
    })
    expect(reading.isExact).toBe(false)
  })

  it('joins a string that the printer cut at a line break, so that no part of it becomes a filter', () => {
    expect(read("t1·f2='x", 't1·f1=5', "y'")).toEqual(exactly({ op: 'eq', fieldId: 2, value: 'x\nt1·f1=5\ny' }))
  })

  it('trusts nothing after a string that a zero byte cut', () => {
    expect(read('t1·f1=7', "t1·f2='", 't1·f1=5')).toEqual({
      predicate: { op: 'eq', fieldId: 1, value: 7 },
      isExact: false,
    })
  })

  it.each([
    '(CAST(t1·f8 AS DECIMAL(10,0)) = 5)',
    '(CAST(t1·f8 AS DECIMAL(10,1)) > 5.5)',
    '(CAST(t1·f8 AS DECIMAL(9,2)) = 5.25)',
    '(CAST(t1·f8 AS DECIMAL(10,3)) = 5.125)',
    '(CAST(t1·f8 AS INTEGER) = 5)',
    '(CAST(t1·f8 AS DOUBLE) = 5)',
    '(CAST(t1·f1 AS DECIMAL(9,0)) = 5)',
    '(CAST(t1·f14 AS INTEGER) = 5)',
    '(CAST(t1·f14 AS DECIMAL(18,3)) = 5.000)',
    '(CAST(t1·f14 AS DOUBLE) = 5)',
    '(CAST(t1·f7 AS FLOAT) = 0.5)',
    "(CAST(t1·f9 AS DATE) = '2020-01-01'::DATE)",
    "(CAST(t1·f3 AS TIMESTAMP) < '2020-01-01 10:00:00'::TIMESTAMP)",
    "(CAST(t1·f10 AS TIMESTAMP) < '2020-01-01 10:00:00'::TIMESTAMP)",
    '(TRY_CAST(t1·f1 AS BIGINT) = 5)',
  ])('a cast that may change a value or fail says nothing of the column: %s', (text) => {
    expect(read(text)).toEqual(nothing)
  })

  it.each<[string, Predicate]>([
    ['(CAST(t1·f8 AS DECIMAL(11,3)) = 5.120)', { op: 'eq', fieldId: 8, value: 512n }],
    ['(CAST(t1·f1 AS DECIMAL(10,0)) = 5)', { op: 'eq', fieldId: 1, value: 5 }],
    ['(CAST(t1·f14 AS DECIMAL(19,0)) = 5)', { op: 'eq', fieldId: 14, value: 5n }],
    ['(CAST(t1·f14 AS HUGEINT) > 5)', { op: 'gt', fieldId: 14, value: 5n }],
  ])('a cast that holds every value of the column is seen through: %s', (text, predicate) => {
    expect(read(text)).toEqual(exactly(predicate))
  })

  it.each([
    "(NOT ((t1·f1 = 5) AND (t1·f2 IS NOT DISTINCT FROM 'zz')))",
    "(NOT ((t1·f2 IS NOT DISTINCT FROM 'zz') OR (t1·f1 = 5)))",
    '(NOT (t1·f13 IS NOT DISTINCT FROM true))',
    '(NOT (NOT (t1·f1 IS NOT DISTINCT FROM 5)))',
    '(NOT (optional: t1·f1=5))',
  ])('what is false for null is not turned around, since nulls pass its negation: %s', (text) => {
    expect(read(text)).toEqual(nothing)
  })

  it('what is false for null is the same as an equality where nothing turns it around', () => {
    expect(read("((t1·f1 = 5) AND (t1·f2 IS NOT DISTINCT FROM 'zz'))")).toEqual(
      exactly({
        op: 'and',
        args: [
          { op: 'eq', fieldId: 1, value: 5 },
          { op: 'eq', fieldId: 2, value: 'zz' },
        ],
      }),
    )
  })

  it('leaves a filter that is filled while the statement runs', () => {
    expect(read('optional: Dynamic Filter (t1·f1)')).toEqual({ predicate: { op: 'true' }, isExact: true })
    expect(read('t1·f1>5 OR garbage here')).toEqual(nothing)
  })

  it('a timestamp compared as timestamptz says nothing outside UTC', () => {
    const text = "(CAST(t1·f9 AS TIMESTAMP WITH TIME ZONE) < '1970-01-01 00:00:01+00'::TIMESTAMP WITH TIME ZONE)"
    expect(readFilters([text], { resolve, isUtc: false }).predicate).toEqual({ op: 'true' })
  })
})

const scan = (info: Record<string, unknown>) => ({
  name: 'READ_PARQUET',
  children: [],
  extra_info: { Function: 'READ_PARQUET', ...info },
})
const plan = (root: unknown, sql = 'select 1') =>
  readPlan(
    JSON.stringify([root]),
    sql,
    new Map([
      [1, schema],
      [2, schema],
    ]),
    true,
  )

describe('plans', () => {
  it('two scans of one table need the rows of both', () => {
    const { tables } = plan({
      name: 'HASH_JOIN',
      children: [
        scan({ Projections: 't1·f1', Filters: 't1·f1=3' }),
        scan({ Projections: ['t1·f1'], Filters: 't1·f1=4' }),
      ],
      extra_info: {},
    })
    expect(tables.get(1)?.predicate).toEqual({
      op: 'or',
      args: [
        { op: 'eq', fieldId: 1, value: 3 },
        { op: 'eq', fieldId: 1, value: 4 },
      ],
    })
    expect(tables.get(2)).toMatchObject({ scans: 0, predicate: { op: 'true' } })
  })

  it('a scan without columns is known by its estimate, and may be of any table without it', () => {
    const known = plan({
      name: 'CROSS_PRODUCT',
      children: [
        scan({ Projections: '', 'Estimated Cardinality': '1000002' }),
        scan({ Projections: 't1·f1', Filters: 't1·f1=3' }),
      ],
      extra_info: {},
    })
    expect(known.tables.get(1)?.predicate).toEqual({ op: 'eq', fieldId: 1, value: 3 })
    const unknown = plan({
      name: 'CROSS_PRODUCT',
      children: [
        scan({ Projections: '', 'Estimated Cardinality': '5' }),
        scan({ Projections: 't1·f1', Filters: 't1·f1=3' }),
      ],
      extra_info: {},
    })
    expect(unknown.tables.get(1)?.predicate).toEqual({ op: 'true' })
  })

  it('a condition above the scan counts with the filters in it', () => {
    const { tables } = plan({
      name: 'FILTER',
      children: [scan({ Projections: 't1·f1', Filters: ["t1·f2='x'"] })],
      extra_info: { Expression: '((t1·f1 = 1) OR (t1·f3 IS NULL))' },
    })
    expect(tables.get(1)).toMatchObject({ isExact: true, predicate: { op: 'and' } })
  })

  it('the side of a late fetch that only fetches chosen rows does not widen the need', () => {
    const { tables, isBareLimit } = plan({
      name: 'HASH_JOIN',
      extra_info: { 'Join Type': 'SEMI', Conditions: ['file_index = file_index', 'file_row_number = file_row_number'] },
      children: [
        scan({ Projections: ['t1·f1', 't1·f2'] }),
        { name: 'TOP_N', extra_info: {}, children: [scan({ Projections: 't1·f1', Filters: 't1·f1=3' })] },
      ],
    })
    expect(tables.get(1)?.predicate).toEqual({ op: 'eq', fieldId: 1, value: 3 })
    expect(isBareLimit).toBe(false)
  })

  it("a person's own join on columns named like positions is not taken for such a fetch", () => {
    const join = {
      name: 'HASH_JOIN',
      extra_info: { 'Join Type': 'SEMI', Conditions: ['file_index = file_index', 'file_row_number = file_row_number'] },
      children: [scan({ Projections: 't1·f1' }), scan({ Projections: 't1·f1', Filters: 't1·f1=3' })],
    }
    expect(
      plan(join, 'select * from a semi join b using (FILE_INDEX, file_row_number)').tables.get(1)?.predicate,
    ).toEqual({ op: 'true' })
  })

  it('a bare limit is seen through projections and late fetches, not through filters and aggregates', () => {
    const limited = (child: unknown) => plan({ name: 'STREAMING_LIMIT', children: [child], extra_info: {} }).isBareLimit
    expect(limited(scan({ Projections: 't1·f1' }))).toBe(true)
    expect(limited(scan({ Projections: 't1·f1', Filters: 't1·f1=3' }))).toBe(false)
    expect(limited({ name: 'UNGROUPED_AGGREGATE', children: [scan({ Projections: 't1·f1' })], extra_info: {} })).toBe(
      false,
    )
  })

  it('names scans that are of no table', () => {
    const { foreignScans } = plan({
      name: 'READ_CSV_AUTO',
      children: [],
      extra_info: { Function: 'READ_CSV_AUTO', Projections: 'a' },
    })
    expect(foreignScans).toEqual(['READ_CSV_AUTO'])
  })
})
