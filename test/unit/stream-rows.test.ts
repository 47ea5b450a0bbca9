import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Schema, Type } from '../../src/iceberg/index.ts'
import { SlabPool } from '../../src/memory/index.ts'
import { RowEncoder } from '../../src/ingest/stream/encode-rows.ts'
import { asWritten } from '../../src/ingest/stream/same-rows.ts'
import { RowWindow } from '../../src/ingest/stream/row-window.ts'

const SCHEMA: Schema = {
  schemaId: 0,
  fields: [
    { id: 1, name: 'id', required: true, type: { kind: 'long' } },
    { id: 2, name: 'text', required: false, type: { kind: 'string' } },
  ],
  identifierFieldIds: [],
}
const MB = 1_000_000

function poolOf(budgetBytes: number) {
  let heldBytes = 0
  return new SlabPool({
    budget: {
      tryReserve: ({ bytes }) => {
        if (heldBytes + bytes > budgetBytes) return undefined
        heldBytes += bytes
        return { release: () => void (heldBytes -= bytes) }
      },
    },
    poolSizeBytes: 0,
    maxBytes: 100 * MB,
    defragThreshold: 0.9,
  })
}
const encode = (rows: readonly unknown[], buffers = poolOf(100 * MB), mostRowBytes = 10 * MB) =>
  new RowEncoder(SCHEMA, mostRowBytes).encode(rows, { buffers, consumer: 'test' })
/** A piece is copied before the next one is asked for. */
function textOf(pieces: Iterable<Uint8Array>): Buffer {
  const copies: Buffer[] = []
  for (const piece of pieces) copies.push(Buffer.from(piece))
  return Buffer.concat(copies)
}
const wide = (count: number, characters: number) =>
  Array.from({ length: count }, (_, id) => ({ id, text: `é${id}`.padEnd(8, 'x').repeat(characters / 8) }))

describe('encoded rows', () => {
  it.each([
    ['a few, which are held', wide(7, 8), true],
    ['some in several pieces', wide(200, 8_000), true],
    ['more than are held, which are encoded again', wide(700, 8_000), false],
    ['one longer than a piece', wide(1, 5_000_000), false],
  ])('%s: lines, length and checksum agree, and nothing is leased afterwards', (_what, rows, isHeld) => {
    const buffers = poolOf(100 * MB)
    const encoded = encode(rows, buffers)
    expect(encoded.isHeld).toBe(isHeld)
    expect(buffers.statistics().leasedBytes).toBe(encoded.heldBytes)
    for (const _again of [1, 2]) {
      const bytes = textOf(encoded.pieces())
      expect({ bytes: bytes.length, crc: crc32(bytes) }).toEqual({ bytes: encoded.count.bytes, crc: encoded.count.crc })
      const lines = bytes.toString().split('\n').slice(0, -1)
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(rows.map(({ id, text }) => ({ 1: id, 2: text })))
      expect(encoded.count.longest).toBeGreaterThanOrEqual(Math.max(...lines.map((line) => Buffer.byteLength(line))))
    }
    encoded[Symbol.dispose]()
    expect(buffers.statistics()).toMatchObject({ leases: 0, pinnedLeases: 0 })
  })

  it.each([
    ['a bad row', [...wide(300, 8_000), { id: 'x' }], 100 * MB, { code: 'source/row', context: { row: 300 } }],
    ['no memory', wide(300, 8_000), MB, { code: 'memory/refused' }],
    [
      'a row above the limit',
      [{ id: 1 }, ...wide(1, 12_000_000)],
      100 * MB,
      { code: 'source/row', context: { row: 1, column: 'text', limitBytes: 10 * MB } },
    ],
    ['an append above the limit', wide(9_000, 8_000), 100 * MB, { code: 'usage/invalid' }],
  ])('%s leaves nothing leased', (_what, rows, budgetBytes, error) => {
    const buffers = poolOf(budgetBytes)
    expect(() => encode(rows, buffers)).toThrow(expect.objectContaining({ code: error.code }))
    try {
      encode(rows, buffers)
    } catch (thrown) {
      expect(thrown).toMatchObject(error)
    }
    expect(buffers.statistics().leases).toBe(0)
  })

  it.each([
    ['longer', (row: { text: string }) => (row.text += 'x')],
    ['shorter', (row: { text: string }) => (row.text = '')],
    ['other', (row: { text: string }) => (row.text = `y${row.text.slice(1)}`)],
  ])('that are encoded again and %s by now are told', (_how, change) => {
    const rows = wide(700, 8_000)
    using encoded = encode(rows)
    const row = rows[650]
    if (row !== undefined) change(row)
    expect(() => textOf(encoded.pieces())).toThrow(expect.objectContaining({ code: 'usage/invalid' }))
  })

  it('of any values are the lines of each row in turn', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ id: fc.maxSafeInteger(), text: fc.string({ unit: 'grapheme' }) })), (rows) => {
        using encoded = encode(rows)
        const one = rows.map((row) => textOf(encode([row]).pieces()))
        expect(textOf(encoded.pieces())).toEqual(Buffer.concat(one))
      }),
    )
  })
})

/** Lines of rows for columns of some types, ids from 1; or the error. */
function linesOf(fields: readonly (readonly [string, Type])[], rows: unknown): unknown {
  const schema: Schema = {
    schemaId: 0,
    fields: fields.map(([name, type], at) => ({ id: at + 1, name, required: false, type })),
    identifierFieldIds: [],
  }
  try {
    using encoded = new RowEncoder(schema, 10 * MB).encode(rows as unknown[], {
      buffers: poolOf(100 * MB),
      consumer: 'test',
    })
    return textOf(encoded.pieces()).toString().split('\n').slice(0, -1)
  } catch (error) {
    return error
  }
}
const INT: Type = { kind: 'int' }
const ofI = (rows: unknown) => linesOf([['i', INT]], rows)

describe('what is given as rows', () => {
  it.each([
    ['text', 'abc', "'abc'", 'an array of objects'],
    ['one row', { i: 1 }, 'an object', 'append([row])'],
    ['null', null, 'null', 'an array of objects'],
    ['nothing', undefined, 'undefined', 'an array of objects'],
    ['a Set', new Set([{ i: 1 }]), 'a value of the kind Set', 'append([...rows])'],
    ['a Map', new Map([[{ i: 1 }, 1]]), 'a value of the kind Map', 'append([...rows])'],
    ['bytes', new Uint8Array(3), 'a value of the kind Uint8Array', 'append([...rows])'],
    [
      'what looks like an array',
      { length: 1, 0: { i: 1 }, entries: () => [[0, { i: 1 }]] },
      'an object',
      'append([row])',
    ],
    ['a function', () => [], 'a function', 'an array of objects'],
  ])('%s is refused: it is no array, and would be acknowledged as other rows', (_what, rows, given, remedy) => {
    expect(ofI(rows)).toMatchObject({
      code: 'usage/invalid',
      message: `append was given ${given}, not an array of rows`,
      remedy: expect.stringContaining(remedy),
    })
  })

  it('a generator is refused', () => {
    const generated = (function* () {
      yield { i: 1 }
    })()
    expect(ofI(generated)).toMatchObject({ code: 'usage/invalid', remedy: 'write append([...rows])' })
  })

  it.each([
    ['a list', [1]],
    ['a Set', new Set([1])],
    ['a Map', new Map([['i', 1]])],
    ['a promise of a row', Promise.resolve({ i: 1 })],
    ['a Date', new Date(0)],
    ['bytes', new Uint8Array(1)],
    ['an expression', /i/],
    ['text', 'i'],
    ['null', null],
    ['a hole', undefined],
  ])('%s as a row is refused: it would be a row of NULLs', (_what, row) => {
    expect(ofI([{ i: 1 }, row])).toMatchObject({ code: 'source/row', context: { row: 1 } })
    expect(
      linesOf(
        [['s', { kind: 'struct', fields: [{ id: 9, name: 'i', required: false, type: INT }] }]],
        [{ s: row ?? 0 }],
      ),
    ).toMatchObject({ code: 'source/row' })
  })

  it('an object of a class is read as it is copied and printed: its own fields, and nothing of its class', () => {
    class Fields {
      i = 1
      toString() {
        return ''
      }
    }
    class Getters {
      readonly #i = 1
      x = undefined
      get i() {
        return this.#i
      }
    }
    const bare = Object.assign(Object.create(null) as object, { i: 1 })
    expect(ofI([new Fields(), bare, Object.defineProperty({}, 'i', { get: () => 1, enumerable: true })])).toEqual(
      Array(3).fill('{"1":1}'),
    )
    expect(ofI([new Getters()])).toMatchObject({ code: 'source/row', context: { column: 'i' } })
    expect(ofI([Object.create({ i: 1 }, { x: { value: undefined, enumerable: true } })])).toMatchObject({
      code: 'source/row',
    })
  })

  it('names of an object that every object has are columns like others', () => {
    const names = ['constructor', 'toString', 'hasOwnProperty', '__proto__', 'valueOf']
    const fields = names.map((name): [string, Type] => [name, { kind: 'string' }])
    const full: unknown = JSON.parse(`{${names.map((name) => `"${name}":"a"`).join(',')}}`)
    const line = '{"1":"a","2":"a","3":"a","4":"a","5":"a"}'
    expect(linesOf(fields, [full, {}, Object.create(null)])).toEqual([line, '{}', '{}'])
    const struct: Type = {
      kind: 'struct',
      fields: fields.map(([name, type], at) => ({ id: at + 1, name, required: false, type })),
    }
    expect(linesOf([['s', struct]], [{ s: full }, { s: {} }])).toEqual([`{"1":${line}}`, '{"1":{}}'])
    expect(ofI([{ constructor: 1 }])).toMatchObject({ code: 'source/row', context: { column: 'constructor' } })
  })

  it('undefined under a name that the table does not have is no value, as in JSON; anything else is refused', () => {
    expect(ofI([{ i: 1, x: undefined }, { x: undefined }])).toEqual(['{"1":1}', '{}'])
    for (const x of [null, 0, '']) {
      expect(
        ofI([
          { i: 1, x: undefined },
          { i: 1, x },
        ]),
      ).toMatchObject({ code: 'source/row', context: { row: 1 } })
    }
    const hidden = Object.defineProperty({ x: 1 }, 'i', { value: 1, enumerable: false })
    expect(ofI([hidden])).toMatchObject({ code: 'source/row', context: { column: 'x' } })
  })

  it('a getter that throws is told with its row', () => {
    const row = {
      get i(): number {
        throw new TypeError('not loaded')
      },
    }
    expect(ofI([{ i: 1 }, row])).toMatchObject({ code: 'source/row', message: 'row 1 cannot be read: not loaded' })
  })
})

describe('a value that does not fit', () => {
  const decimal: Type = { kind: 'decimal', precision: 38, scale: 0 }
  const values: [string, Type, unknown][] = [
    ['double', { kind: 'double' }, 2n ** 1024n],
    ['double', { kind: 'double' }, -(2n ** 100_000n)],
    ['double', { kind: 'double' }, 2n ** 53n + 1n],
    ['float', { kind: 'float' }, 2n ** 128n],
    ['float', { kind: 'float' }, 2n ** 24n + 1n],
    ['float', { kind: 'float' }, -1e-60],
    ['long', { kind: 'long' }, 2n ** 100_000n],
    ['decimal', decimal, 2n ** 1_000_000n],
    ['decimal', decimal, '9'.repeat(5_000_000)],
    ['int', INT, 'x'.repeat(5_000_000)],
    ['int', INT, Symbol('s')],
    ['int', INT, () => 'x'.repeat(10_000)],
    ['string', { kind: 'string' }, { constructor: { name: { length: 1 } } }],
    ['string', { kind: 'string' }, Object.create(null)],
  ]
  it.each(values)('of %s is refused with row, column and a value of a readable length', (_type, type, value) => {
    const error = linesOf([['c', type]], [{}, { c: value }])
    expect(error).toMatchObject({ code: 'source/row', context: { row: 1, column: 'c' } })
    expect(JSON.stringify([(error as Error).message, (error as { context: unknown }).context]).length).toBeLessThan(800)
  })
})

describe('keys of a map that are equal to the engine', () => {
  const uuid = 'a0000000-0000-0000-0000-00000000000f'
  const struct: Type = {
    kind: 'struct',
    fields: [
      { id: 8, name: 'd', required: false, type: { kind: 'double' } },
      { id: 9, name: 'u', required: false, type: { kind: 'uuid' } },
    ],
  }
  const list = (element: Type): Type => ({ kind: 'list', elementId: 7, element, elementRequired: false })
  const keys: [string, Type, unknown, unknown][] = [
    ['a uuid in both cases', { kind: 'uuid' }, uuid, uuid.toUpperCase()],
    ['both zeros of double', { kind: 'double' }, 0, -0],
    ['both zeros of float', { kind: 'float' }, -0, 0],
    ['floats that are one after rounding', { kind: 'float' }, 0.1, Math.fround(0.1)],
    ['NaN as a number and as text', { kind: 'double' }, NaN, 'NaN'],
    ['a bigint and a number', { kind: 'double' }, 5n, 5],
    ['whole numbers in three ways', { kind: 'long' }, '007', 7n],
    ['decimals in two ways', { kind: 'decimal', precision: 5, scale: 2 }, '1.00', 1],
    ['both zeros of decimal', { kind: 'decimal', precision: 5, scale: 2 }, '-0.00', '0'],
    ['an instant in two zones', { kind: 'timestamptz' }, '2024-01-01T00:00:00Z', '2024-01-01T05:30:00+05:30'],
    ['a time in two ways', { kind: 'time' }, '12:00', '12:00:00.000'],
    ['a day in two ways', { kind: 'date' }, '1970-01-02', new Date(86_400_000)],
    ['structs', struct, { d: -0, u: uuid }, { d: 0, u: uuid.toUpperCase() }],
    ['lists', list({ kind: 'double' }), [1, -0], [1, 0]],
    ['lists of structs', list(struct), [{ d: -0 }], [{ d: 0, u: null }]],
  ]
  it.each(keys)('are refused, as it would refuse the row at the commit: %s', (_what, key, one, other) => {
    const map: Type = { kind: 'map', keyId: 5, key, valueId: 6, value: INT, valueRequired: false }
    const twice = [
      [one, 1],
      [other, 2],
    ]
    for (const [type, value] of [
      [map, twice],
      [list(map), [[], twice]],
    ] as const) {
      expect(linesOf([['m', type]], [{ m: value }])).toMatchObject({
        code: 'source/row',
        message: expect.stringContaining('twice among the keys'),
      })
      expect(linesOf([['m', type]], [{ m: type === map ? [twice[0]] : [[twice[1]]] }])).toHaveLength(1)
    }
  })
})

describe('columns as they stood when rows were written', () => {
  const field = (id: number, name: string, type: Type, required = false) => ({ id, name, required, type })
  it('have the order and types of then, the names of now, and what then did not have at the end', () => {
    const struct = (...fields: ReturnType<typeof field>[]): Type => ({ kind: 'struct', fields })
    const then = [
      field(1, 'f', { kind: 'float' }, true),
      field(2, 'gone', INT),
      field(3, 's', struct(field(4, 'a', INT), field(5, 'b', { kind: 'float' }))),
    ]
    const now = [
      field(6, 'new', INT),
      field(
        3,
        'renamed',
        struct(field(5, 'b', { kind: 'double' }), field(7, 'c', INT), field(4, 'A', { kind: 'long' })),
      ),
      field(1, 'f', { kind: 'double' }, true),
    ]
    expect(asWritten(then, now)).toEqual([
      field(1, 'f', { kind: 'float' }),
      field(3, 'renamed', struct(field(4, 'A', INT), field(5, 'b', { kind: 'float' }), field(7, 'c', INT))),
      field(6, 'new', INT),
    ])
  })
})

describe('the window of rows', () => {
  it('is full at its limit, tells when something is let go, and each hold is let go once', async () => {
    const window = new RowWindow(10)
    const first = window.hold(9)
    expect(window.isFull).toBe(false)
    const second = window.hold(5)
    expect(window.isFull).toBe(true)
    const changed = window.changed(undefined)
    second[Symbol.dispose]()
    await changed
    second[Symbol.dispose]()
    expect(window.isFull).toBe(false)
    window.hold(1)
    expect(window.isFull).toBe(true)
    first[Symbol.dispose]()
    expect(window.isFull).toBe(false)
  })

  it('is not waited for by who cancels', async () => {
    const window = new RowWindow(1)
    window.hold(1)
    const cancel = new AbortController()
    const waiting = window.changed(cancel.signal)
    cancel.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
  })
})
