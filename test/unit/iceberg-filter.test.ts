import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  classifyFile,
  type DataFile,
  encodeValue,
  type Literal,
  type ManifestFile,
  type PartitionSpec,
  type Predicate,
  type Transform,
} from '../../src/iceberg/index.ts'
import { TableFilter } from '../../src/iceberg/scan/index.ts'
import { BY_REGION, fileOf, type Row, SCHEMA } from './support/iceberg-table.ts'
import { truth } from './support/predicate-truth.ts'

const NO_SPEC: PartitionSpec = { specId: 0, fields: [] }
const ids = (...values: bigint[]) => fileOf(values.map((value) => ({ 1: value })))
const compare = (op: 'lt' | 'le' | 'gt' | 'ge' | 'eq' | 'ne', value: Literal, fieldId = 1): Predicate => ({
  op,
  fieldId,
  value,
})
const classify = (file: DataFile, predicate: Predicate) => classifyFile(file, predicate, SCHEMA, NO_SPEC)

describe('classifyFile by statistics', () => {
  const file = ids(10n, 15n, 20n)
  it.each([
    [compare('lt', 10n), 'none'],
    [compare('lt', 11n), 'some'],
    [compare('lt', 21n), 'all'],
    [compare('le', 9n), 'none'],
    [compare('le', 10n), 'some'],
    [compare('le', 20n), 'all'],
    [compare('gt', 20n), 'none'],
    [compare('gt', 19n), 'some'],
    [compare('gt', 9n), 'all'],
    [compare('ge', 21n), 'none'],
    [compare('ge', 20n), 'some'],
    [compare('ge', 10n), 'all'],
    [compare('eq', 9n), 'none'],
    [compare('eq', 12n), 'some'],
    [compare('ne', 12n), 'some'],
    [compare('ne', 9n), 'all'],
    [{ op: 'in', fieldId: 1, values: [1n, 2n, 30n] }, 'none'],
    [{ op: 'in', fieldId: 1, values: [1n, 12n] }, 'some'],
    [{ op: 'not-in', fieldId: 1, values: [1n, 2n] }, 'all'],
    [{ op: 'not-in', fieldId: 1, values: [1n, 12n] }, 'some'],
    [{ op: 'is-null', fieldId: 1 }, 'none'],
    [{ op: 'not-null', fieldId: 1 }, 'all'],
    [{ op: 'true' }, 'all'],
    [{ op: 'false' }, 'none'],
    [{ op: 'and', args: [] }, 'all'],
    [{ op: 'or', args: [] }, 'none'],
    [{ op: 'not', arg: compare('lt', 10n) }, 'all'],
    [{ op: 'not', arg: { op: 'and', args: [compare('ge', 10n), compare('le', 20n)] } }, 'none'],
    [compare('eq', 1n, 99), 'some'],
  ] as const)('%o is true for %s rows of 10, 15, 20', (predicate, expected) => {
    expect(classify(file, predicate)).toBe(expected)
  })

  it('knows a file of one value', () => {
    expect(classify(ids(7n, 7n), compare('eq', 7n))).toBe('all')
    expect(classify(ids(7n, 7n), compare('ne', 7n))).toBe('none')
    expect(classify(ids(7n), { op: 'in', fieldId: 1, values: [6n, 7n] })).toBe('all')
    expect(classify(ids(7n), { op: 'not-in', fieldId: 1, values: [6n, 7n] })).toBe('none')
  })

  it('never takes a row with null for a match of a comparison, not even of <> (SQL)', () => {
    const withNull = fileOf([{ 1: 5n }, {}])
    for (const predicate of [compare('ne', 9n), compare('lt', 9n), compare('ge', 0n)]) {
      expect(classify(withNull, predicate)).toBe('some')
    }
    expect(classify(withNull, compare('eq', 5n))).toBe('some')
    expect(classify(fileOf([{}, {}]), compare('ne', 9n))).toBe('none')
    expect(classify(fileOf([{}, {}]), { op: 'is-null', fieldId: 1 })).toBe('all')
    expect(classify(withNull, { op: 'is-null', fieldId: 1 })).toBe('some')
  })

  it('keeps a file that may hold NaN for > and >=, since NaN is above all numbers and never in a bound (I11)', () => {
    const withNan = fileOf([{ 3: 1.5 }, { 3: Number.NaN }])
    expect(classify(withNan, compare('gt', 100, 3))).toBe('some')
    expect(classify(withNan, compare('lt', 100, 3))).toBe('some')
    expect(classify(withNan, compare('eq', Number.NaN, 3))).toBe('some')
    expect(classify(withNan, compare('eq', 100, 3))).toBe('none')
    const noNan = fileOf([{ 3: 1.5 }])
    expect(classify(noNan, compare('gt', 100, 3))).toBe('none')
    expect(classify(noNan, { op: 'is-nan', fieldId: 3 })).toBe('none')
    expect(classify(noNan, { op: 'not-nan', fieldId: 3 })).toBe('all')
    const { nanValueCounts: _unknown, ...uncounted } = noNan
    expect(classify(uncounted, compare('gt', 100, 3))).toBe('some')
    expect(classify(uncounted, compare('lt', 100, 3))).toBe('some')
  })

  it('takes -0.0 for 0.0', () => {
    expect(classify(fileOf([{ 3: -0 }]), compare('eq', 0, 3))).toBe('all')
    expect(classify(fileOf([{ 3: 0 }]), compare('lt', -0, 3))).toBe('none')
  })

  it('believes neither of two bounds that cross, nor one that cannot be decoded', () => {
    const crossed = { ...ids(10n), upperBounds: new Map([[1, encodeValue({ kind: 'long' }, 1n)]]) }
    expect(classify(crossed, compare('eq', 5n))).toBe('some')
    const damaged = { ...ids(10n), lowerBounds: new Map([[1, Uint8Array.of(1, 2, 3)]]) }
    expect(classify(damaged, compare('lt', 5n))).toBe('some')
  })

  it('orders text by code point: U+FFFF is below U+1F600 although its UTF-16 unit is above', () => {
    const file = fileOf([{ 2: '\uffff' }])
    expect(classify(file, compare('lt', '\u{1f600}', 2))).toBe('all')
    expect(classify(file, compare('gt', '\u{1f600}', 2))).toBe('none')
  })

  it('prunes by prefix', () => {
    const file = fileOf([{ 2: 'abc' }, { 2: 'abx' }])
    const starts = (value: string): Predicate => ({ op: 'starts-with', fieldId: 2, value })
    expect(['a', 'ab', 'abc', 'aby', 'b', ''].map((prefix) => classify(file, starts(prefix)))).toEqual([
      'all',
      'all',
      'some',
      'none',
      'none',
      'all',
    ])
    expect(classify(file, { op: 'not-starts-with', fieldId: 2, value: 'ab' })).toBe('none')
    expect(classify(file, { op: 'not-starts-with', fieldId: 2, value: 'c' })).toBe('all')
  })

  it('does not believe "no nulls" below a struct, which may itself be null', () => {
    const schema = {
      schemaId: 0,
      identifierFieldIds: [],
      fields: [
        {
          id: 9,
          name: 's',
          required: false,
          type: { kind: 'struct', fields: [{ id: 1, name: 'x', type: { kind: 'long' }, required: false }] },
        },
      ],
    } as const
    const by = (predicate: Predicate) => classifyFile(ids(5n), predicate, schema, NO_SPEC)
    expect(by({ op: 'is-null', fieldId: 1 })).toBe('some')
    expect(by(compare('lt', 9n))).toBe('some')
    expect(by(compare('gt', 9n))).toBe('none')
  })

  it('does not use the statistics of list elements', () => {
    const schema = {
      schemaId: 0,
      identifierFieldIds: [],
      fields: [
        {
          id: 1,
          name: 'tags',
          required: false,
          type: { kind: 'list', elementId: 2, element: { kind: 'long' }, elementRequired: false },
        },
      ],
    } as const
    const { partition: _none, ...file } = ids(1n)
    const bounds = new Map([[2, encodeValue({ kind: 'long' }, 1n)]])
    const listed = {
      ...file,
      partition: [],
      lowerBounds: bounds,
      upperBounds: bounds,
      valueCounts: new Map([[2, 1n]]),
      nullValueCounts: new Map([[2, 0n]]),
    }
    expect(classifyFile(listed, { op: 'eq', fieldId: 2, value: 9n }, schema, NO_SPEC)).toBe('some')
  })
})

describe('filters and partitions', () => {
  const spec = (transform: Transform, sourceId: number): PartitionSpec => ({
    specId: 0,
    fields: [{ fieldId: 1000, sourceIds: [sourceId], name: 'p', transform }],
  })
  const bare = (partition: readonly (Literal | null)[]): DataFile => ({
    content: 'data',
    filePath: 'f',
    fileFormat: 'parquet',
    specId: 0,
    partition,
    recordCount: 5n,
    fileSizeInBytes: 1n,
  })

  it('classifies by an identity partition without statistics', () => {
    const eu = bare(['eu'])
    const by = (predicate: Predicate, file = eu) => classifyFile(file, predicate, SCHEMA, BY_REGION)
    expect(by(compare('eq', 'eu', 2))).toBe('all')
    expect(by(compare('eq', 'us', 2))).toBe('none')
    expect(by({ op: 'is-null', fieldId: 2 }, bare([null]))).toBe('all')
    expect(by(compare('ne', 'us', 2), bare([null]))).toBe('none')
    expect(by({ op: 'and', args: [compare('eq', 'eu', 2), compare('gt', 1n)] })).toBe('some')
    expect(by({ op: 'or', args: [compare('eq', 'eu', 2), compare('gt', 1n)] })).toBe('all')
  })

  it('deletes whole months by a range of days, and the day at the edge keeps its file', () => {
    const days = (text: string) => BigInt(Date.parse(text)) * 1000n
    const january2024 = bare([648]) // months from 1970: 54 * 12
    const month = spec({ kind: 'month' }, 4)
    const between = (from: string, to: string): Predicate => ({
      op: 'and',
      args: [compare('ge', days(from), 4), compare('lt', days(to), 4)],
    })
    const by = (predicate: Predicate) => classifyFile(january2024, predicate, SCHEMA, month)
    expect(by(between('2024-01-01', '2024-02-01'))).toBe('all')
    expect(by(between('2024-01-01', '2024-01-31'))).toBe('some')
    expect(by(between('2024-02-01', '2024-03-01'))).toBe('none')
    expect(by(between('2023-12-01', '2024-01-01'))).toBe('none')
  })

  it('reads a month before 1970 that an old writer placed one too high', () => {
    const december1969 = BigInt(Date.parse('1969-12-15')) * 1000n
    const misplaced = bare([0])
    expect(classifyFile(misplaced, compare('eq', december1969, 4), SCHEMA, spec({ kind: 'month' }, 4))).toBe('some')
    expect(classifyFile(misplaced, compare('le', december1969, 4), SCHEMA, spec({ kind: 'month' }, 4))).toBe('some')
    expect(classifyFile(bare([1]), compare('eq', december1969, 4), SCHEMA, spec({ kind: 'month' }, 4))).toBe('none')
  })

  it('ignores a transform that it does not know (I4)', () => {
    const odd = spec({ kind: 'unknown', text: 'zorder' }, 1)
    expect(classifyFile(bare(['x']), compare('eq', 5n), SCHEMA, odd)).toBe('some')
  })

  it('keeps the least values of a truncated column, whose partition wraps around to the largest, and their like', () => {
    const tens = spec({ kind: 'truncate', width: 10 }, 1)
    const least = -(2n ** 63n)
    // -9223372036854775810 does not fit into 64 bits and stands as this, as Java has it.
    const wrapped = bare([2n ** 63n - 2n])
    const zeros = bare([0n])
    expect(classifyFile(wrapped, compare('lt', 0n), SCHEMA, tens)).toBe('some')
    expect(classifyFile(wrapped, compare('le', least), SCHEMA, tens)).toBe('some')
    expect(classifyFile(wrapped, compare('eq', least), SCHEMA, tens)).toBe('some')
    expect(classifyFile(wrapped, compare('gt', 5n), SCHEMA, tens)).toBe('some')
    expect(classifyFile(zeros, compare('ge', least), SCHEMA, tens)).toBe('some')
    expect(classifyFile(zeros, compare('gt', least), SCHEMA, tens)).toBe('some')
    expect(classifyFile(zeros, compare('lt', least + 3n), SCHEMA, tens)).toBe('some')
    expect(classifyFile(zeros, compare('ge', 10n), SCHEMA, tens)).toBe('none')
    expect(classifyFile(zeros, compare('lt', 10n), SCHEMA, tens)).toBe('all')
    expect(classifyFile(zeros, compare('eq', 10n), SCHEMA, tens)).toBe('none')
  })

  it('skips manifests by their partition summaries, each by its own spec (I15)', () => {
    const filter = new TableFilter(compare('eq', 'eu', 2), SCHEMA, [
      BY_REGION,
      { ...spec({ kind: 'bucket', buckets: 8 }, 1), specId: 1 },
    ])
    const manifest = (lower: string, upper: string, more: Partial<ManifestFile> = {}): ManifestFile => ({
      manifestPath: 'm',
      manifestLength: 1n,
      partitionSpecId: 0,
      content: 'data',
      sequenceNumber: 1n,
      minSequenceNumber: 1n,
      addedSnapshotId: 1n,
      partitions: [{ containsNull: false, lowerBound: Buffer.from(lower), upperBound: Buffer.from(upper) }],
      ...more,
    })
    expect(filter.manifestMightMatch(manifest('aa', 'ez'))).toBe(true)
    expect(filter.manifestMightMatch(manifest('fa', 'zz'))).toBe(false)
    expect(filter.manifestMightMatch(manifest('fa', 'zz', { partitionSpecId: 1 }))).toBe(true)
    expect(filter.manifestMightMatch(manifest('fa', 'zz', { partitionSpecId: 7 }))).toBe(true)
    const { partitions: _left, ...unsummarised } = manifest('fa', 'zz')
    expect(filter.manifestMightMatch(unsummarised)).toBe(true)
    const onlyNull = manifest('', '', { partitions: [{ containsNull: true }] })
    expect(filter.manifestMightMatch(onlyNull)).toBe(false)
    expect(new TableFilter({ op: 'is-null', fieldId: 2 }, SCHEMA, [BY_REGION]).manifestMightMatch(onlyNull)).toBe(true)
  })
})

describe('pruning never loses a row (I11)', () => {
  const value: Record<number, fc.Arbitrary<Literal>> = {
    1: fc.bigInt({ min: -6n, max: 6n }),
    2: fc.string({ unit: fc.constantFrom('a', 'b', '\uffff', '\u{1f600}'), maxLength: 4 }),
    3: fc.constantFrom(-1, -0, 0, 0.5, 2, Number.NaN, Number.POSITIVE_INFINITY),
    4: fc.integer({ min: -40, max: 40 }).map((day) => BigInt(day) * 43_200_000_000n),
  }
  const of = (fieldId: number) => value[fieldId] ?? fc.constant(0n)
  const row: fc.Arbitrary<Row> = fc.record({ 1: of(1), 2: of(2), 3: of(3), 4: of(4) }, { requiredKeys: [] })
  const leaf: fc.Arbitrary<Predicate> = fc.integer({ min: 1, max: 4 }).chain(
    (fieldId) =>
      fc.oneof(
        fc.record({
          op: fc.constantFrom('lt', 'le', 'gt', 'ge', 'eq', 'ne'),
          fieldId: fc.constant(fieldId),
          value: of(fieldId),
        }),
        fc.record({
          op: fc.constantFrom('in', 'not-in'),
          fieldId: fc.constant(fieldId),
          values: fc.array(of(fieldId), { maxLength: 3 }),
        }),
        fc.record({ op: fc.constantFrom('is-null', 'not-null'), fieldId: fc.constant(fieldId) }),
        fc.record({ op: fc.constantFrom('is-nan', 'not-nan'), fieldId: fc.constant(3) }),
        fc.record({
          op: fc.constantFrom('starts-with', 'not-starts-with'),
          fieldId: fc.constant(2),
          value: fc.string({ unit: fc.constantFrom('a', 'b', '\u{1f600}'), maxLength: 3 }),
        }),
      ) as fc.Arbitrary<Predicate>,
  )
  const { predicate } = fc.letrec<{ predicate: Predicate }>((tie) => ({
    predicate: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.record({
        op: fc.constantFrom('and', 'or'),
        args: fc.array(tie('predicate'), { maxLength: 3 }),
      }) as fc.Arbitrary<Predicate>,
      fc.record({ op: fc.constant('not'), arg: tie('predicate') }) as fc.Arbitrary<Predicate>,
    ),
  }))
  const transforms: { transform: Transform; source: number }[] = [
    { transform: { kind: 'identity' }, source: 1 },
    { transform: { kind: 'bucket', buckets: 3 }, source: 1 },
    { transform: { kind: 'truncate', width: 4 }, source: 1 },
    { transform: { kind: 'identity' }, source: 2 },
    { transform: { kind: 'truncate', width: 2 }, source: 2 },
    { transform: { kind: 'identity' }, source: 3 },
    { transform: { kind: 'day' }, source: 4 },
    { transform: { kind: 'month' }, source: 4 },
    { transform: { kind: 'hour' }, source: 4 },
    { transform: { kind: 'void' }, source: 4 },
  ]
  const spec: fc.Arbitrary<PartitionSpec> = fc.subarray(transforms, { maxLength: 2 }).map((chosen) => ({
    specId: 0,
    fields: chosen.map(({ transform, source }, at) => ({
      fieldId: 1000 + at,
      sourceIds: [source],
      name: `p${at}`,
      transform,
    })),
  }))

  it('a pruned file holds no matching row, and a file that is deleted whole holds no other', () => {
    const seen = { none: 0, some: 0, all: 0 }
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 5 }),
        predicate,
        spec,
        fc.boolean(),
        (rows, filter, by, hasStats) => {
          // A file lies in one partition: keep the rows of the first row's partition.
          const key = JSON.stringify(fileOf(rows.slice(0, 1), { spec: by }).partition, plain)
          const members = rows.filter(
            (candidate) => JSON.stringify(fileOf([candidate], { spec: by }).partition, plain) === key,
          )
          const full = fileOf(members, { spec: by })
          const {
            valueCounts: _v,
            nullValueCounts: _n,
            nanValueCounts: _a,
            lowerBounds: _l,
            upperBounds: _u,
            ...bare
          } = full
          const result = classifyFile(hasStats ? full : bare, filter, SCHEMA, by)
          const answers = members.map((candidate) => truth(filter, candidate) === true)
          seen[result]++
          if (result === 'none') expect(answers).not.toContain(true)
          if (result === 'all') expect(answers).not.toContain(false)
        },
      ),
      { numRuns: 6000 },
    )
    // A classifier that always says `some` would pass above; this one decides often.
    expect(seen.none).toBeGreaterThan(600)
    expect(seen.all).toBeGreaterThan(600)
  })
})

/** JSON has no bigint and no number that is not finite. */
const plain = (_key: string, value: unknown) =>
  typeof value === 'bigint' || typeof value === 'number' ? `${value}` : value
