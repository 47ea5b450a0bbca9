import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  compareLiterals,
  decodeValue,
  encodeValue,
  formatLiteral,
  fromHex,
  type Literal,
  literalFromJson,
  literalToJson,
  parseDecimal,
  parseUuid,
  type PrimitiveType,
  toHex,
  truncateLowerBound,
  truncateUpperBound,
} from '../../src/iceberg/index.ts'

const kind = (name: Exclude<PrimitiveType['kind'], 'decimal' | 'fixed'>): PrimitiveType => ({ kind: name })
const bytes = (hex: string) => fromHex(hex) ?? new Uint8Array()
const uuid = parseUuid('f79c3e09-677c-4bbd-a479-3f349cb785e7') ?? new Uint8Array()

/** Types with values of them. */
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const typed = fc.oneof(
  fc.record({ type: fc.constant(kind('boolean')), value: fc.boolean() }),
  fc.record({ type: fc.constantFrom(kind('int'), kind('date')), value: fc.integer() }),
  fc.record({
    type: fc.constantFrom(
      kind('long'),
      kind('timestamp'),
      kind('timestamptz'),
      kind('timestamp_ns'),
      kind('timestamptz_ns'),
    ),
    value: long,
  }),
  fc.record({ type: fc.constant(kind('time')), value: fc.bigInt({ min: 0n, max: 86_400_000_000n - 1n }) }),
  fc.record({ type: fc.constant(kind('float')), value: fc.float({ noNaN: true, noDefaultInfinity: true }) }),
  fc.record({ type: fc.constant(kind('double')), value: fc.double({ noNaN: true, noDefaultInfinity: true }) }),
  fc.record({ type: fc.constant(kind('string')), value: fc.string({ unit: 'binary' }) }),
  fc.record({ type: fc.constant(kind('uuid')), value: fc.uint8Array({ minLength: 16, maxLength: 16 }) }),
  fc.record({ type: fc.constant(kind('binary')), value: fc.uint8Array() }),
  fc.record({
    type: fc.constant<PrimitiveType>({ kind: 'fixed', length: 3 }),
    value: fc.uint8Array({ minLength: 3, maxLength: 3 }),
  }),
  fc.integer({ min: 0, max: 38 }).chain((scale) =>
    fc.record({
      type: fc.constant<PrimitiveType>({ kind: 'decimal', precision: 38, scale }),
      value: fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }),
    }),
  ),
)

describe('binary form (Iceberg spec, Appendix D)', () => {
  it.each<[PrimitiveType, Literal, string]>([
    [kind('boolean'), false, '00'],
    [kind('boolean'), true, '01'],
    [kind('int'), 1234, 'd2040000'],
    [kind('int'), -1, 'ffffffff'],
    [kind('long'), 1234n, 'd204000000000000'],
    [kind('float'), -4.5, '000090c0'],
    [kind('double'), 6, '0000000000001840'],
    [kind('date'), 1000, 'e8030000'],
    [kind('time'), 10_000_000_000n, '00e40b5402000000'],
    [kind('timestamp'), -1n, 'ffffffffffffffff'],
    [kind('timestamptz_ns'), 400_000_000_000n, '00a0db215d000000'],
    [kind('string'), 'ABC', '414243'],
    [kind('string'), 'é🧊', 'c3a9f09fa78a'],
    [kind('uuid'), uuid, 'f79c3e09677c4bbda4793f349cb785e7'],
    [{ kind: 'fixed', length: 2 }, Uint8Array.of(97, 98), '6162'],
    [kind('binary'), Uint8Array.of(90), '5a'],
    // Two's complement, as few bytes as hold the sign.
    [{ kind: 'decimal', precision: 9, scale: 2 }, 12_345n, '3039'],
    [{ kind: 'decimal', precision: 9, scale: 2 }, 0n, '00'],
    [{ kind: 'decimal', precision: 9, scale: 2 }, 127n, '7f'],
    [{ kind: 'decimal', precision: 9, scale: 2 }, 128n, '0080'],
    [{ kind: 'decimal', precision: 9, scale: 2 }, -128n, '80'],
    [{ kind: 'decimal', precision: 9, scale: 2 }, -129n, 'ff7f'],
    [{ kind: 'decimal', precision: 38, scale: 0 }, -1n, 'ff'],
  ])('of %o %s is %s', (type, value, hex) => {
    expect(toHex(encodeValue(type, value))).toBe(hex)
    expect(decodeValue(type, bytes(hex))).toEqual(value)
  })

  it('comes back as the value', () => {
    fc.assert(
      fc.property(typed, ({ type, value }) => {
        expect(decodeValue(type, encodeValue(type, value))).toEqual(value)
      }),
      { numRuns: 1000 },
    )
  })

  it('bounds that were written before a column was widened are read as the wider type', () => {
    expect(decodeValue(kind('long'), encodeValue(kind('int'), -7))).toBe(-7n)
    expect(decodeValue(kind('double'), encodeValue(kind('float'), 1.5))).toBe(1.5)
    expect(decodeValue(kind('timestamp'), encodeValue(kind('date'), -1))).toBe(-86_400_000_000n)
    expect(decodeValue(kind('timestamp_ns'), encodeValue(kind('date'), 1))).toBe(86_400_000_000_000n)
    const narrow: PrimitiveType = { kind: 'decimal', precision: 4, scale: 2 }
    expect(decodeValue({ kind: 'decimal', precision: 20, scale: 2 }, encodeValue(narrow, -129n))).toBe(-129n)
    expect(decodeValue(narrow, bytes('0000000000000080'))).toBe(128n)
  })

  it('bytes of a wrong length, and values of a wrong type, are refused', () => {
    for (const type of [kind('int'), kind('long'), kind('double'), kind('uuid'), kind('boolean'), kind('unknown')]) {
      expect(() => decodeValue(type, bytes('010203'))).toThrow(/3 bytes \(010203\) are not a value of the type/)
    }
    expect(() => encodeValue(kind('int'), 2 ** 31)).toThrow(/not a value of the type int/)
    expect(() => encodeValue(kind('long'), 2n ** 63n)).toThrow(/not a value of the type long/)
    expect(() => encodeValue(kind('long'), 1)).toThrow(/number 1 is not a value of the type long/)
    expect(() => encodeValue({ kind: 'fixed', length: 2 }, bytes('01'))).toThrow(/fixed\[2\]/)
  })
})

describe('JSON form (Iceberg spec, Appendix D)', () => {
  it.each<[PrimitiveType, Literal, unknown]>([
    [kind('boolean'), true, true],
    [kind('int'), 34, 34],
    [kind('long'), 9_007_199_254_740_993n, 9_007_199_254_740_993n],
    [kind('double'), 1.5, 1.5],
    [{ kind: 'decimal', precision: 4, scale: 2 }, 1420n, '14.20'],
    [{ kind: 'decimal', precision: 4, scale: 2 }, -5n, '-0.05'],
    [kind('date'), 17_486, '2017-11-16'],
    [kind('time'), 81_068_123_456n, '22:31:08.123456'],
    [kind('timestamp'), 1_510_871_468_123_456n, '2017-11-16T22:31:08.123456'],
    [kind('timestamptz'), 1_510_871_468_123_456n, '2017-11-16T22:31:08.123456+00:00'],
    [kind('timestamp_ns'), 1_510_871_468_123_456_789n, '2017-11-16T22:31:08.123456789'],
    [kind('timestamptz_ns'), 1_510_871_468_123_456_789n, '2017-11-16T22:31:08.123456789+00:00'],
    [kind('timestamp'), -1n, '1969-12-31T23:59:59.999999'],
    [kind('string'), 'iceberg', 'iceberg'],
    [kind('uuid'), uuid, 'f79c3e09-677c-4bbd-a479-3f349cb785e7'],
    [{ kind: 'fixed', length: 4 }, bytes('000102ff'), '000102ff'],
    [kind('binary'), bytes('000102ff'), '000102ff'],
  ])('of %o %s is %s', (type, value, json) => {
    expect(literalToJson(type, value)).toEqual(json)
    expect(literalFromJson(type, literalToJson(type, value))).toEqual(value)
  })

  it('comes back as the value', () => {
    fc.assert(
      fc.property(typed, ({ type, value }) => {
        expect(literalFromJson(type, literalToJson(type, value))).toEqual(value)
      }),
      { numRuns: 1000 },
    )
  })

  it('text that is no value of the type is refused', () => {
    const wrong: [PrimitiveType, string | number][] = [
      [kind('date'), '2023-02-29'],
      [kind('date'), '2023-13-01'],
      [kind('time'), '24:00:00'],
      [kind('timestamp'), '2017-11-16T22:31:08+00:00'],
      [kind('timestamptz'), '2017-11-16T22:31:08'],
      [kind('timestamptz'), '2017-11-16T22:31:08+01:00'],
      [kind('timestamp'), '2017-11-16T22:31:08.1234567'],
      [{ kind: 'decimal', precision: 4, scale: 2 }, '1.234'],
      [{ kind: 'decimal', precision: 4, scale: 2 }, '123.45'],
      [kind('uuid'), 'f79c3e09'],
      [{ kind: 'fixed', length: 2 }, '01'],
      [kind('binary'), 'zz'],
      [kind('int'), 2 ** 31],
      [kind('long'), 1.5],
      [kind('binary'), 1],
    ]
    for (const [type, json] of wrong)
      expect(() => literalFromJson(type, json), String(json)).toThrow(/is not the JSON form/)
  })

  it('a decimal in scientific notation is read', () => {
    expect(parseDecimal('2E+20', 38, 0)).toBe(2n * 10n ** 20n)
    expect(parseDecimal('1.5e-1', 9, 2)).toBe(15n)
  })
})

describe('order of values', () => {
  it('strings sort by code points as UTF-8 does, not by UTF-16 units', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        expect(Math.sign(compareLiterals(kind('string'), a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
      { numRuns: 1000 },
    )
    expect(compareLiterals(kind('string'), '\u{ffff}', '🧊')).toBeLessThan(0)
  })

  it('-0 sorts before 0 and NaN last', () => {
    const order = [-Infinity, -1, -0, 0, 1, Infinity, Number.NaN]
    for (let at = 1; at < order.length; at++) {
      expect(compareLiterals(kind('double'), order[at - 1] ?? 0, order[at] ?? 0)).toBeLessThan(0)
      expect(compareLiterals(kind('double'), order[at] ?? 0, order[at - 1] ?? 0)).toBeGreaterThan(0)
      expect(compareLiterals(kind('double'), order[at] ?? 0, order[at] ?? 0)).toBe(0)
    }
  })

  it('bytes are unsigned', () => {
    expect(compareLiterals(kind('binary'), bytes('7f'), bytes('80'))).toBeLessThan(0)
    expect(compareLiterals(kind('binary'), bytes('80'), bytes('8000'))).toBeLessThan(0)
  })
})

describe('bounds cut short (I11)', () => {
  const string = kind('string')
  const binary = kind('binary')

  it('hold every value between them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 12 }), fc.integer({ min: 1, max: 8 }), (text, length) => {
        const lower = truncateLowerBound(string, text, length)
        const upper = truncateUpperBound(string, text, length)
        expect(compareLiterals(string, lower, text)).toBeLessThanOrEqual(0)
        if (upper !== undefined) {
          expect(compareLiterals(string, upper, text)).toBeGreaterThanOrEqual(0)
          expect(Array.from(String(upper)).length).toBeLessThanOrEqual(length)
          expect(Buffer.compare(Buffer.from(String(upper)), Buffer.from(text))).toBeGreaterThanOrEqual(0)
        }
        expect(Array.from(String(lower)).length).toBeLessThanOrEqual(length)
      }),
      { numRuns: 2000 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), fc.integer({ min: 1, max: 8 }), (value, length) => {
        const upper = truncateUpperBound(binary, value, length)
        expect(compareLiterals(binary, truncateLowerBound(binary, value, length), value)).toBeLessThanOrEqual(0)
        if (upper !== undefined) expect(compareLiterals(binary, upper, value)).toBeGreaterThanOrEqual(0)
        else expect(value.subarray(0, length).every((byte) => byte === 0xff)).toBe(true)
      }),
    )
  })

  it.each<[string, number, string | undefined]>([
    ['iceberg', 16, 'iceberg'],
    ['iceberg', 3, 'icf'],
    ['ab\u{10ffff}\u{10ffff}z', 4, 'ac'],
    ['\u{10ffff}\u{10ffff}', 1, undefined],
    // The code point after U+D7FF is a surrogate and no character.
    ['a\u{d7ff}z', 2, 'a\u{e000}'],
    ['a🧊z', 2, 'a🧋'],
    ['日本語', 2, '日札'],
  ])('the upper bound of %j at %i is %j', (text, length, upper) => {
    expect(truncateUpperBound(string, text, length)).toBe(upper)
  })

  it('numbers, fixed and short values stay whole', () => {
    expect(truncateUpperBound(kind('long'), 5n, 1)).toBe(5n)
    expect(truncateUpperBound({ kind: 'fixed', length: 2 }, bytes('ffff'), 1)).toEqual(bytes('ffff'))
    expect(truncateLowerBound(string, 'abc', 3)).toBe('abc')
    expect(truncateUpperBound(binary, bytes('01ff02'), 2)).toEqual(bytes('02'))
  })
})

it('values are shown as people write them', () => {
  expect(formatLiteral(kind('timestamptz'), 0n)).toBe('1970-01-01T00:00:00+00:00')
  expect(formatLiteral(kind('date'), -719_529)).toBe('-0001-12-31')
  expect(formatLiteral(kind('date'), 2_932_897)).toBe('+10000-01-01')
  expect(formatLiteral({ kind: 'decimal', precision: 9, scale: 3 }, -5n)).toBe('-0.005')
  expect(formatLiteral(kind('binary'), bytes('000102'))).toBe('AAEC')
  expect(formatLiteral(kind('uuid'), uuid)).toBe('f79c3e09-677c-4bbd-a479-3f349cb785e7')
})
