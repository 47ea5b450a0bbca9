import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonSplitter } from '../../src/ingest/source/json-splitter.ts'

interface Split {
  readonly text: string
  readonly splitter: JsonSplitter
}

/** The document in pieces of some bytes, as lines. */
function split(document: string, pieceBytes: number, splitter = new JsonSplitter(1_000_000)): Split {
  const bytes = Buffer.from(document)
  const parts: Buffer[] = []
  for (let from = 0; from < bytes.length && splitter.fault === undefined; from += pieceBytes) {
    const piece = Buffer.from(bytes.subarray(from, from + pieceBytes))
    splitter.split(piece)
    let start = splitter.first
    for (const at of splitter.breaks) {
      parts.push(piece.subarray(start, at), Buffer.from('\n'))
      start = at
    }
    parts.push(piece.subarray(start))
  }
  splitter.end()
  return { text: Buffer.concat(parts).toString(), splitter }
}

const blank = fc.constantFrom('', '', ' ', '\n', '\r\n', '\t', ' \n  ')
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('{', '}[', '"', '\\', '\\"', 'ü😀', '\u0001', ',\n'),
)
/** JSON with blanks wherever they may be. */
const json = fc.letrec<{ value: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    text.map((some) => JSON.stringify(some)),
    fc.constantFrom('1', '-0', '1.10', '1E400', 'true', 'null', '12345678901234567890.5'),
    fc
      .tuple(fc.array(tie('value'), { maxLength: 3 }), blank)
      .map(([items, b]) => `[${b}${items.join(`${b},${b}`)}${b}]`),
    tie('object'),
  ),
  object: fc
    .tuple(fc.array(fc.tuple(text, tie('value')), { maxLength: 4 }), blank)
    .map(
      ([fields, b]) =>
        `{${b}${fields.map(([name, value]) => `${JSON.stringify(name)}${b}:${b}${value}`).join(`${b},${b}`)}${b}}`,
    ),
}))

describe('JSON documents as lines (N14)', () => {
  it('a line is an object, byte for byte but for blanks between its parts, whatever the pieces are', () => {
    const layouts = fc.tuple(
      fc.array(json.object, { maxLength: 6 }),
      fc.boolean(),
      blank,
      fc.integer({ min: 3, max: 64 }),
    )
    fc.assert(
      fc.property(layouts, ([objects, isArray, b, pieceBytes]) => {
        const inside = objects.join(isArray ? `${b},${b}` : b)
        const document = `${b}${isArray ? '[' : ''}${b}${inside}${b}${isArray ? ']' : ''}${b}`
        const { text: lines, splitter } = split(document, pieceBytes)
        expect(splitter.fault).toBeUndefined()
        const found = lines === '' ? [] : lines.split('\n')
        expect(found.map((line) => line.trimEnd())).toEqual(
          objects.map((object) => object.replaceAll(/[\r\n]/g, ' ').trimEnd()),
        )
        if (objects.length === 0) return
        // The line of each is that of its first byte.
        let before = `${b}${isArray ? '[' : ''}${b}`
        for (const [at, object] of objects.entries()) {
          const counter = new JsonSplitter(1_000_000, at + 1)
          split(document, pieceBytes, counter)
          expect(counter.wantedLine).toBe(before.split('\n').length)
          before += `${object}${isArray ? `${b},${b}` : b}`
        }
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ['[{"a":1},]', 'row', 2, 1],
    ['[{"a":1},\n,{"a":2}]', 'row', 2, 2],
    ['[,]', 'row', 1, 1],
    ['[{"a":1}\n{"a":2}]', 'row', 1, 1],
    ['[{"a":1}]\n[{"a":2}]', 'row', 2, 2],
    ['[{"a":1}] x', 'row', 2, 1],
    ['{"a":1},{"a":2}', 'row', 2, 1],
    ['[{"a":\n[1}]', 'row', 1, 1],
    ['[{"a":"x\ny"}]', 'row', 1, 1],
    ['{"a":"x\\\ny"}', 'row', 1, 1],
    ['{"a":\u0001}', 'row', 1, 1],
    ['{"a":1}\u0000', 'row', 2, 1],
    ['{"a":\u0000}', 'encoding', 1, 1],
    ['hello', 'row', 1, 1],
    ['1 2 3', 'kind', 1, 1],
    ['[1]', 'kind', 1, 1],
    ['[{"a":1},null]', 'kind', 2, 1],
    ['[[{"a":1}]]', 'kind', 1, 1],
    ['[{"a":1},\n{"a":', 'truncated', 2, 2],
    ['[{"a":1},\n{"a":"x', 'truncated', 2, 2],
    ['[{"a":1}', 'truncated', 1, 1],
    ['[{"a":1},', 'truncated', 2, 1],
    ['[', 'truncated', 1, 1],
    [`{"a":"${'x'.repeat(1_000_000)}"}`, 'long', 1, 1],
    [`{"a":${'['.repeat(70_000)}${']'.repeat(70_000)}}`, 'row', 1, 1],
  ] as const)('what is no array of objects is told with its place: %s', (document, kind, object, line) => {
    for (const pieceBytes of [3, 7, 1 << 20]) {
      const { fault } = split(document, pieceBytes).splitter
      expect(fault).toMatchObject({ kind, object, line })
    }
  })

  it('a byte order mark is passed over, and UTF-16 told', () => {
    expect(split('\uFEFF [{"a":1}]', 64).text.trimEnd()).toBe('{"a":1}')
    const splitter = new JsonSplitter(1000)
    splitter.split(Buffer.from('\uFEFF[{"a":1}]', 'utf16le'))
    expect(splitter.fault).toMatchObject({ kind: 'encoding' })
  })
})
