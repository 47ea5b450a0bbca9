import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  applyTransform,
  canTransform,
  fromHex,
  hashValue,
  type Literal,
  murmur3,
  type PartitionSpec,
  parseDate,
  parseTime,
  parseTimestamp,
  parseTransform,
  parseUuid,
  partitionIdentity,
  partitionLabel,
  partitionPath,
  partitionType,
  type PrimitiveType,
  preservesOrder,
  type Schema,
  transformToString,
} from '../../src/iceberg/index.ts'

const kind = (name: Exclude<PrimitiveType['kind'], 'decimal' | 'fixed'>): PrimitiveType => ({ kind: name })
const decimal = (precision: number, scale: number): PrimitiveType => ({ kind: 'decimal', precision, scale })
function must<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('a value of the test itself does not parse')
  return value
}
const micros = (text: string) => must(parseTimestamp(text, 6))
const nanos = (text: string) => must(parseTimestamp(text, 9))
const days = (text: string) => must(parseDate(text))
const apply = (transform: string, type: PrimitiveType, value: Literal | null) =>
  applyTransform(parseTransform(transform), type, value)

describe('hashes (Iceberg spec, Appendix B)', () => {
  const vectors: [PrimitiveType, Literal, number][] = [
    [kind('int'), 34, 2017239379],
    [kind('long'), 34n, 2017239379],
    [decimal(9, 2), 1420n, -500754589],
    [kind('date'), days('2017-11-16'), -653330422],
    [kind('time'), must(parseTime('22:31:08', 6)), -662762989],
    [kind('timestamp'), micros('2017-11-16T22:31:08'), -2047944441],
    [kind('timestamp'), micros('2017-11-16T22:31:08.000001'), -1207196810],
    [kind('timestamptz'), micros('2017-11-16T22:31:08'), -2047944441],
    [kind('timestamptz'), micros('2017-11-16T22:31:08.000001'), -1207196810],
    [kind('timestamp_ns'), nanos('2017-11-16T22:31:08'), -2047944441],
    [kind('timestamp_ns'), nanos('2017-11-16T22:31:08.000001001'), -1207196810],
    [kind('timestamptz_ns'), nanos('2017-11-16T22:31:08.000001001'), -1207196810],
    [kind('string'), 'iceberg', 1210000089],
    [kind('uuid'), must(parseUuid('f79c3e09-677c-4bbd-a479-3f349cb785e7')), 1488055340],
    [{ kind: 'fixed', length: 4 }, Uint8Array.of(0, 1, 2, 3), -188683207],
    [kind('binary'), Uint8Array.of(0, 1, 2, 3), -188683207],
  ]
  it.each(vectors)('of %o %s is %i', (type, value, hash) => {
    expect(hashValue(type, value)).toBe(hash)
    expect(applyTransform({ kind: 'bucket', buckets: 100 }, type, value)).toBe((hash & 0x7fffffff) % 100)
  })

  it('of all tail lengths are those of the reference (smhasher verification value of MurmurHash3_x86_32)', () => {
    // SMHasher: hash keys {}, {0}, {0,1}, … of 0..255 bytes with the seeds 256-n, then hash the results.
    const hashes = new Uint8Array(256 * 4)
    const view = new DataView(hashes.buffer)
    const key = Uint8Array.from({ length: 256 }, (_, at) => at)
    for (let n = 0; n < 256; n++) view.setInt32(n * 4, murmur3(key.subarray(0, n), 256 - n), true)
    expect(murmur3(hashes, 0) >>> 0).toBe(0xb0f57ee3)
  })

  it('an int that was widened to long stays in its bucket', () => {
    fc.assert(
      fc.property(fc.integer(), (n) => {
        expect(apply('bucket[7]', kind('int'), n)).toBe(apply('bucket[7]', kind('long'), BigInt(n)))
      }),
    )
  })
})

describe('truncate (I14)', () => {
  it.each<[string, PrimitiveType, Literal, Literal]>([
    ['truncate[10]', kind('int'), 1, 0],
    ['truncate[10]', kind('int'), -1, -10],
    ['truncate[10]', kind('long'), 1n, 0n],
    ['truncate[10]', kind('long'), -1n, -10n],
    ['truncate[10]', kind('long'), -10n, -10n],
    // The multiple below is -9223372036854775810 (or -2147483650), which wraps in two's complement as in Java.
    ['truncate[10]', kind('long'), -9223372036854775808n, 9223372036854775806n],
    ['truncate[10]', kind('int'), -2147483648, 2147483646],
    ['truncate[10]', decimal(38, 0), -9223372036854775808n, -9223372036854775810n],
    ['truncate[50]', decimal(9, 2), 1065n, 1050n],
    ['truncate[50]', decimal(9, 2), -1065n, -1100n],
    ['truncate[3]', kind('string'), 'iceberg', 'ice'],
    ['truncate[3]', kind('string'), 'ic', 'ic'],
    ['truncate[3]', kind('string'), '🧊❄️🧊🧊', '🧊❄️'],
    ['truncate[3]', kind('binary'), Uint8Array.of(1, 2, 3, 4, 5), Uint8Array.of(1, 2, 3)],
  ])('%s of %o %s is %s', (transform, type, value, result) => {
    expect(apply(transform, type, value)).toEqual(result)
  })

  it('never cuts a character in half', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 20 }), (text, width) => {
        expect(Array.from(String(apply(`truncate[${width}]`, kind('string'), text)))).toEqual(
          Array.from(text).slice(0, width),
        )
      }),
    )
  })

  it('of numbers is the largest multiple not above them', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        (n, width) => {
          const result = apply(`truncate[${width}]`, kind('long'), n)
          if (typeof result !== 'bigint') throw new TypeError('no long')
          expect(result <= n && n - result < BigInt(width) && result % BigInt(width) === 0n).toBe(true)
        },
      ),
    )
  })
})

describe('dates and times (I14)', () => {
  it.each<[string, PrimitiveType, Literal, number]>([
    ['year', kind('date'), days('2017-11-16'), 47],
    ['month', kind('date'), days('2017-11-16'), 574],
    ['day', kind('date'), days('2017-11-16'), 17486],
    ['year', kind('timestamp'), micros('2017-11-16T22:31:08'), 47],
    ['month', kind('timestamp'), micros('2017-11-16T22:31:08'), 574],
    ['day', kind('timestamptz'), micros('2017-11-16T22:31:08'), 17486],
    ['hour', kind('timestamp'), micros('2017-11-16T22:31:08'), 419686],
    ['hour', kind('timestamp_ns'), nanos('2017-11-16T22:31:08.000000001'), 419686],
    // One unit before 1970 belongs to the year, month, day and hour before.
    ['year', kind('timestamp'), -1n, -1],
    ['month', kind('timestamp'), -1n, -1],
    ['day', kind('timestamp'), -1n, -1],
    ['hour', kind('timestamp'), -1n, -1],
    ['day', kind('timestamp_ns'), -1n, -1],
    ['year', kind('date'), days('1969-01-01'), -1],
    ['year', kind('date'), days('1968-12-31'), -2],
    ['month', kind('date'), days('1969-01-01'), -12],
    ['month', kind('date'), days('1968-12-31'), -13],
    ['day', kind('date'), days('1960-02-29'), -3594],
  ])('%s of %o %s is %i', (transform, type, value, result) => {
    expect(apply(transform, type, value)).toBe(result)
  })

  it('agree with the calendar of JavaScript', () => {
    fc.assert(
      fc.property(fc.integer({ min: -90_000_000, max: 90_000_000 }), (day) => {
        const date = new Date(day * 86_400_000)
        expect(apply('year', kind('date'), day)).toBe(date.getUTCFullYear() - 1970)
        expect(apply('month', kind('date'), day)).toBe((date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth())
      }),
    )
  })
})

describe('transforms', () => {
  it('give null for null, void always', () => {
    for (const text of ['identity', 'bucket[4]', 'truncate[4]', 'void'])
      expect(apply(text, kind('long'), null)).toBeNull()
    expect(apply('void', kind('long'), 5n)).toBeNull()
  })

  it('are refused by name where the type does not allow them or they are not known', () => {
    expect(() => apply('hour', kind('date'), 1)).toThrow(/hour cannot be applied to date/)
    expect(() => apply('bucket[4]', kind('double'), 1.5)).toThrow(/bucket\[4\] cannot be applied to double/)
    expect(() => apply('zorder[3]', kind('int'), 1)).toThrow(/zorder\[3\]/)
    expect(canTransform(parseTransform('truncate[2]'), kind('uuid'))).toBe(false)
  })

  it('keep the text of what is not known, and print what was parsed', () => {
    for (const text of [
      'identity',
      'bucket[16]',
      'truncate[20]',
      'year',
      'month',
      'day',
      'hour',
      'void',
      'zorder(a, b)',
      'bucket[0]',
      'bucket[4294967296]',
    ]) {
      expect(transformToString(parseTransform(text))).toBe(text)
    }
    expect(parseTransform('bucket[0]').kind).toBe('unknown')
    expect(parseTransform('Bucket[ 16 ]')).toEqual({ kind: 'bucket', buckets: 16 })
  })

  it('that preserve order do', () => {
    const ordered = ['identity', 'truncate[7]', 'year', 'month', 'day', 'hour'].map(parseTransform)
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
        fc.bigInt({ min: 0n, max: 2n ** 50n }),
        (low, more) => {
          for (const transform of ordered) {
            expect(preservesOrder(transform)).toBe(true)
            const type = kind(transform.kind === 'truncate' ? 'long' : 'timestamp')
            expect(
              Number(applyTransform(transform, type, low)) <= Number(applyTransform(transform, type, low + more)),
            ).toBe(true)
          }
        },
      ),
    )
    expect(preservesOrder(parseTransform('bucket[3]'))).toBe(false)
  })
})

describe('partition paths', () => {
  const schema: Schema = {
    schemaId: 0,
    identifierFieldIds: [],
    fields: [
      { id: 1, name: 'ts', required: false, type: kind('timestamp') },
      { id: 2, name: 'name', required: false, type: kind('string') },
      { id: 3, name: 'amount', required: false, type: decimal(9, 2) },
      { id: 4, name: 'raw', required: false, type: kind('binary') },
      { id: 5, name: 'x', required: false, type: kind('double') },
    ],
  }
  const specOf = (...fields: [number, string, string][]): PartitionSpec => ({
    specId: 0,
    fields: fields.map(([source, name, transform], at) => ({
      fieldId: 1000 + at,
      sourceIds: [source],
      name,
      transform: parseTransform(transform),
    })),
  })

  it('are those that Java and PyIceberg make', () => {
    const spec = specOf([1, 'ts_year', 'year'], [1, 'ts_month', 'month'], [1, 'ts_day', 'day'], [1, 'ts_hour', 'hour'])
    expect(partitionPath(spec, schema, [47, 574, 17486, 419686])).toBe(
      'ts_year=2017/ts_month=2017-11/ts_day=2017-11-16/ts_hour=2017-11-16-22',
    )
    expect(partitionPath(spec, schema, [-1, -1, -1, -1])).toBe(
      'ts_year=1969/ts_month=1969-12/ts_day=1969-12-31/ts_hour=1969-12-31-23',
    )
    expect(partitionPath(specOf([2, 'name', 'identity'], [3, 'amount', 'identity']), schema, ['a/b =é', -5n])).toBe(
      'name=a%2Fb+%3D%C3%A9/amount=-0.05',
    )
    expect(partitionPath(specOf([2, 'name', 'identity'], [2, 'v', 'void']), schema, [null, null])).toBe(
      'name=null/v=null',
    )
  })

  it('as labels tell NULL from the text null, which paths as Java makes them do not', () => {
    const spec = specOf([2, 'name', 'identity'], [2, 'start', 'truncate[4]'])
    expect(partitionPath(spec, schema, ['null', 'null'])).toBe(partitionPath(spec, schema, [null, null]))
    expect(partitionLabel(spec, schema, ['null', 'null'])).toBe("name='null'/start='null'")
    expect(partitionLabel(spec, schema, [null, null])).toBe('name=null/start=null')
    expect(partitionLabel(spec, schema, ["'null'", 'NULL'])).toBe('name=%27null%27/start=NULL')
  })

  it('stay names that a file system takes, and distinct, for long values', () => {
    const spec = specOf([2, 'name', 'identity'])
    const one = partitionPath(spec, schema, ['é'.repeat(500)])
    const other = partitionPath(spec, schema, [`${'é'.repeat(500)}x`])
    expect(one.length).toBeLessThanOrEqual(255)
    expect(one).not.toBe(other)
    expect(one).toMatch(/^name=(%[0-9A-F]{2})+-[0-9a-f]{8}$/)
  })

  it('hold no separator, whatever the value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(partitionPath(specOf([2, 'n', 'identity']), schema, [text])).toMatch(/^n=[\w.%+-]*$/)
      }),
    )
  })

  it('as map keys are other for null, the text null and a negative zero, and one for an int that was widened', () => {
    const tuples = [[null], ['null'], ['n;'], [''], [0], [-0], [Number.NaN], ['NaN'], [new Uint8Array()], [true]]
    expect(new Set(tuples.map(partitionIdentity)).size).toBe(tuples.length)
    expect(partitionIdentity([7n])).toBe(partitionIdentity([7]))
  })

  it('a partition type follows the transform, and a dropped source column is unknown', () => {
    const spec = specOf([1, 'd', 'day'], [2, 'b', 'bucket[4]'], [3, 't', 'truncate[10]'], [99, 'gone', 'void'])
    expect(partitionType(spec, schema).map((field) => field.type)).toEqual([
      kind('date'),
      kind('int'),
      decimal(9, 2),
      kind('unknown'),
    ])
    expect(fromHex('zz')).toBeUndefined()
  })
})
