import { describe, expect, it } from 'vitest'
import { parseTransform, type PartitionSpec, type Schema, type Type } from '../../src/iceberg/index.ts'
import { planTextDivision } from '../../src/ingest/plan/text-division.ts'
import type { ColumnMapping, CsvDescription } from '../../src/ingest/read/description.ts'
import { LeafIndex } from '../../src/ingest/write/metrics.ts'
import { provenPartition } from '../../src/ingest/write/proven-partition.ts'
import { sideBySide } from '../../src/ingest/write/side-by-side.ts'

const TYPES: Readonly<Record<string, Type>> = {
  id: { kind: 'long' },
  day: { kind: 'date' },
  at: { kind: 'timestamp' },
  at_utc: { kind: 'timestamptz' },
  name: { kind: 'string' },
  real: { kind: 'double' },
}
const names = Object.keys(TYPES)
const schema: Schema = {
  schemaId: 0,
  identifierFieldIds: [],
  fields: Object.entries(TYPES).map(([name, type], at) => ({ id: at + 1, name, type, required: false })),
}
const mapping: readonly ColumnMapping[] = Object.entries(TYPES).map(([name, type]) => ({
  name,
  type,
  source: name,
  isDeclared: false,
}))
const csv: CsvDescription = {
  format: 'csv',
  groups: [
    {
      paths: ['a.csv'],
      compression: 'none',
      dialect: { delimiter: ';', quote: '"', escape: '"', hasHeader: true },
      names,
    },
  ],
  encoding: undefined,
  nullText: undefined,
  hive: [],
}
const [group] = csv.groups

const spec = (...fields: readonly (readonly [transform: string, column: string])[]): PartitionSpec => ({
  specId: 0,
  fields: fields.map(([transform, column], at) => ({
    fieldId: 1000 + at,
    name: `p${at}`,
    sourceIds: [names.indexOf(column) + 1],
    transform: parseTransform(transform),
  })),
})

describe('whether text can be divided by partition', () => {
  const plan = (by: PartitionSpec, some: Partial<CsvDescription> = {}) =>
    planTextDivision({ ...csv, ...some }, mapping, schema, by)

  it('by columns and parts of dates, by the bytes that say them, in the order of the columns', () => {
    expect(plan(spec(['month', 'day']))).toEqual({
      csv: { delimiter: 59, quote: 34 },
      hasHeader: true,
      fields: [{ index: 1, bytes: 7 }],
    })
    expect(plan(spec(['identity', 'name'], ['hour', 'at'], ['year', 'at']))?.fields).toEqual([
      { index: 2, bytes: 13 },
      { index: 4, bytes: 64 },
    ])
  })

  it.each([
    ['a hash', spec(['bucket[4]', 'id'])],
    ['the beginning of a value', spec(['truncate[2]', 'name'])],
    ['a time with an offset', spec(['day', 'at_utc'])],
    ['a floating point number', spec(['identity', 'real'])],
    ['nothing', spec()],
  ])('not by %s', (_, by) => {
    expect(plan(by)).toBeUndefined()
  })

  it('not text that is compressed, encoded, of several shapes, with values in folders or escapes of its own', () => {
    const by = spec(['month', 'day'])
    if (group === undefined) throw new TypeError('no group')
    const dialect = (some: Partial<typeof group.dialect>) => ({
      groups: [{ ...group, dialect: { ...group.dialect, ...some } }],
    })
    expect(plan(by, { groups: [{ ...group, compression: 'gzip' }] })).toBeUndefined()
    expect(plan(by, { encoding: 'latin-1' })).toBeUndefined()
    expect(plan(by, { groups: [group, group] })).toBeUndefined()
    expect(plan(by, { hive: [{ name: 'day', type: 'DATE' }] })).toBeUndefined()
    expect(plan(by, dialect({ escape: '\\' }))).toBeUndefined()
    expect(plan(by, dialect({ delimiter: '||' }))).toBeUndefined()
    expect(plan(by, dialect({ quote: '', escape: '' }))?.csv).toEqual({ delimiter: 59, quote: undefined })
  })
})

describe('the partition that bounds prove', () => {
  const leaves = new LeafIndex(schema)
  const prove = (by: PartitionSpec, column: string, of: Readonly<Record<string, string>>) =>
    provenPartition([[`"${column}"`, Object.entries(of)]], by, leaves)
  const bounds = (min: string, max: string, nulls = '0') => ({ min, max, null_count: nulls, num_values: '10' })

  it('where least and greatest give the same value, and no row is null or all are', () => {
    const month = spec(['month', 'day'])
    expect(prove(month, 'day', bounds('2020-02-01', '2020-02-29'))).toEqual([601])
    expect(prove(month, 'day', bounds('2020-02-01', '2020-03-01'))).toBeUndefined()
    expect(prove(month, 'day', bounds('2020-02-01', '2020-02-29', '1'))).toBeUndefined()
    expect(prove(month, 'day', { null_count: '10', num_values: '10' })).toEqual([null])
    expect(prove(month, 'day', { num_values: '10' })).toBeUndefined()
    expect(prove(month, 'day', bounds('2020-02-01', 'infinity'))).toBeUndefined()
    expect(prove(spec(['identity', 'id']), 'id', bounds('9007199254740993', '9007199254740993'))).toEqual([
      9007199254740993n,
    ])
    expect(prove(spec(['identity', 'id']), 'id', bounds('9007199254740992', '9007199254740993'))).toBeUndefined()
  })

  it('not of columns without bounds, zeros of either sign, or hashes', () => {
    expect(prove(spec(['identity', 'name']), 'id', bounds('1', '1'))).toBeUndefined()
    expect(prove(spec(['identity', 'real']), 'real', bounds('0.0', '0.0'))).toBeUndefined()
    expect(prove(spec(['bucket[4]', 'id']), 'id', bounds('1', '1'))).toBeUndefined()
  })
})

describe('work side by side', () => {
  it('gives each item to a free worker, once', async () => {
    const done: [number, string][] = []
    let atOnce = 0
    let most = 0
    const work = async (item: number, worker: string): Promise<[number, string]> => {
      most = Math.max(most, ++atOnce)
      for (let turn = 0; turn < item; turn++) await Promise.resolve()
      atOnce--
      return [item, worker]
    }
    for await (const made of sideBySide([9, 1, 2, 3], ['a', 'b'], work)) done.push(made)
    expect(done.map(([item]) => item).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 9])
    expect(most).toBe(2)
  })

  it('when one fails begins no other, and ends after those that run', async () => {
    const begun: number[] = []
    let ended = 0
    const reading = async () => {
      for await (const _ of sideBySide([1, 2, 3, 4], ['a', 'b'], async (item) => {
        begun.push(item)
        if (item === 1) throw new RangeError('one')
        for (let turn = 0; turn < 20; turn++) await Promise.resolve()
        ended++
      }));
    }
    await expect(reading()).rejects.toThrow('one')
    expect(begun).toEqual([1, 2])
    expect(ended).toBe(1)
  })
})
