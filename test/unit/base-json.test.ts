import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isIceboxError, type Json, parseJson, printJson } from '../../src/base/index.ts'
import { JsonScanner } from '../../src/base/json-scanner.ts'

/** What the native parser makes of a text, or undefined where it refuses it. */
function native(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

function ours(text: string, parse: (text: string) => Json = parseJson): { value: Json } | undefined {
  try {
    return { value: parse(text) }
  } catch (error) {
    if (isIceboxError(error, 'usage/invalid')) return undefined
    throw error
  }
}

const scan = (text: string) => new JsonScanner(text).document()

/** Any value with integers of all sizes: what is safe is a number, what is not a bigint. */
const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }).map((n) => (Number.isSafeInteger(Number(n)) ? Number(n) : n)),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Number.isInteger(n)),
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('a:1234567890123456789,b', '[1234567890123456789]', '\u00001234567890123456789', '__proto__'),
    fc.array(tie('json'), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie('json'), { maxKeys: 5 }),
  ),
}))

describe('exact JSON (B2, I1)', () => {
  it('a snapshot id above 2^53 keeps its last digits', () => {
    expect(parseJson('{"snapshot-id": 3051729675574597004, "n": 1}')).toEqual({
      'snapshot-id': 3051729675574597004n,
      n: 1,
    })
    expect(parseJson('[9007199254740991,9007199254740992,-9007199254740993]')).toEqual([
      9007199254740991,
      9007199254740992n,
      -9007199254740993n,
    ])
    expect(parseJson(' 9223372036854775807 ')).toBe(9223372036854775807n)
    expect(printJson({ id: 3051729675574597004n, least: -(2n ** 63n) })).toBe(
      '{"id":3051729675574597004,"least":-9223372036854775808}',
    )
  })

  it('digits inside a string that look like an integer between structural characters stay a string', () => {
    for (const text of [
      'a:1234567890123456789,b',
      '[1234567890123456789]',
      ',\n1234567890123456789 ,',
      '":1234567890123456789,',
    ]) {
      expect(parseJson(JSON.stringify({ text, id: 1 }).replace('"id":1', '"id":1234567890123456789'))).toEqual({
        text,
        id: 1234567890123456789n,
      })
    }
  })

  it('a string that starts with NUL and digits is not taken for an integer', () => {
    expect(parseJson(String.raw`["\u00001234567890123456789", 1234567890123456789]`)).toEqual([
      '\u00001234567890123456789',
      1234567890123456789n,
    ])
  })

  it('a number with a fraction or an exponent is a double, however many digits it has', () => {
    const texts = ['1234567890123456789.5', '1234567890123456789e3', '0.1234567890123456789']
    expect(parseJson(`[${texts.join(', ')}]`)).toEqual(texts.map(Number))
  })

  it('what the native parser refuses is refused, what it takes comes out the same (texts without long integers)', () => {
    const text = fc.oneof(
      fc.json(),
      fc.tuple(fc.json(), fc.nat(), fc.string({ maxLength: 2 })).map(([t, at, s]) => {
        const cut = at % (t.length + 1)
        return t.slice(0, cut) + s + t.slice(cut + (at % 3))
      }),
      fc.string({ unit: fc.constantFrom(...Array.from('[]{}",:\\0123456789-+.eEtrufalsn u\n\u0001')) }),
    )
    fc.assert(
      fc.property(text, (t) => {
        fc.pre(!/\d{16}/.test(t))
        expect(ours(t)).toEqual(native(t))
        expect(ours(t, scan)).toEqual(native(t))
      }),
      { numRuns: 2000 },
    )
  })

  it('printing and parsing give the value back, by the fast way and by the scanner', () => {
    fc.assert(
      fc.property(json, fc.constantFrom(0, 2), (value, indent) => {
        const text = printJson(value, indent)
        expect(parseJson(text)).toEqual(value)
        expect(scan(text)).toEqual(value)
      }),
      { numRuns: 2000 },
    )
  })

  it('printing is what the native printer prints where that can print', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), fc.constantFrom(0, 2), (value, indent) => {
        fc.pre(!JSON.stringify(value).includes('-0') && !Object.is(value, -0))
        const text = printJson(value, indent)
        if (!text.includes('-0.0')) expect(text).toBe(JSON.stringify(value, null, indent))
      }),
    )
  })

  it('a broken text is refused with line and column', () => {
    expect(() => parseJson('{"a": 1,\n "b": }')).toThrow(/line 2, column 7: "}" where a value is expected/)
    expect(() => parseJson('{"a": 1234567890123456789,\n "b": "x')).toThrow(/line 2.*the text ends/)
    expect(() => parseJson('')).toThrow(/the text ends where a value/)
    expect(() => parseJson('[0000000000000000001]')).toThrow(/not JSON/)
    expect(() => parseJson(`${'['.repeat(600)}1234567890123456789${']'.repeat(600)}`)).toThrow(/512 levels/)
  })

  it('a key named __proto__ is a property and not the prototype', () => {
    const value = parseJson('{"__proto__": {"x": 1234567890123456789}}')
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(printJson(value)).toBe('{"__proto__":{"x":1234567890123456789}}')
    expect(printJson(parseJson('{"__proto__": 1234567890123456789}'))).toBe('{"__proto__":1234567890123456789}')
  })

  it('NaN, functions and class instances are refused instead of printed as null or {}', () => {
    for (const value of [Number.NaN, Infinity, () => 1, new Map([[1, 2]]), [undefined], Symbol('x')]) {
      expect(() => printJson({ value })).toThrow(/has no JSON form/)
    }
    expect(printJson({ a: undefined, b: 1 })).toBe('{"b":1}')
  })
})
