import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CsvCutter, LineCutter, type RecordCutter } from '../../src/ingest/source/record-cutter.ts'

const [COMMA, QUOTE, BACKSLASH] = [44, 34, 92]

/** Offsets after the records of a whole CSV text, read byte by byte as RFC 4180 says; the simplest reader there is. */
function recordEnds(text: string, escape: string): number[] {
  const ends: number[] = []
  let state: 'start' | 'plain' | 'quoted' | 'closed' = 'start'
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (state === 'quoted') {
      if (escape === '\\' && character === '\\') at++
      else if (character === '"') state = 'closed'
    } else if (state === 'closed' && character === '"' && escape === '"') state = 'quoted'
    else if (state === 'start' && character === '"') state = 'quoted'
    else if (character === '\n') {
      ends.push(at + 1)
      state = 'start'
    } else state = character === ',' || character === '\r' ? 'start' : 'plain'
  }
  return ends
}

/** Offsets in the whole text that a cutter gave, chunk by chunk. */
function cuts(cutter: RecordCutter, text: string, sizes: readonly number[]): { end: number; cut: number }[] {
  const bytes = Buffer.from(text)
  const found: { end: number; cut: number }[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    const cut = cutter.push(bytes.subarray(at, at + size))
    found.push({ end: Math.min(bytes.length, at + size), cut: cut === 0 ? 0 : at + cut })
    at += size
  }
  return found
}

const texts = (pieces: string[]) =>
  fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map((parts) => parts.join(''))
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 })

describe('cutting a text at its records', () => {
  it.each([
    ['"', ['"', '"', ',', '\n', '\r\n', 'a', 'bb', ' ', '""', '"x\ny"', '5" disk']],
    ['\\', ['"', ',', '\n', '\\"', '\\\\', 'a', '"x\\"\ny"', '\r\n']],
  ])('never cuts inside a quoted field, and misses no record, wherever chunks end (escape %s)', (escape, pieces) => {
    fc.assert(
      fc.property(texts(pieces), sizes, (text, chunkSizes) => {
        const ends = recordEnds(text, escape)
        const cutter = new CsvCutter({
          delimiter: COMMA,
          quote: QUOTE,
          escape: escape === '\\' ? BACKSLASH : QUOTE,
        })
        let before = 0
        for (const { end, cut } of cuts(cutter, text, chunkSizes)) {
          const last = ends.findLast((some) => some <= end && some > before) ?? 0
          expect(cut, JSON.stringify(text)).toBe(last)
          before = end
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('a text with many quotes is cut as one with few', () => {
    const record = '"a","b ""c""","line\nend"\n'
    const text = record.repeat(400)
    const sparse = new CsvCutter({ delimiter: COMMA, quote: QUOTE, escape: QUOTE })
    for (const { end, cut } of cuts(sparse, text, [record.length * 10]))
      expect(cut).toBe(Math.floor(end / record.length) * record.length)
  })

  it('lines of NDJSON are cut at the last that ends', () => {
    const found = cuts(new LineCutter(), '{"a":1}\n{"a":"\\n"}\n{"a', [9, 100])
    expect(found.map(({ cut }) => cut)).toEqual([8, 19])
  })
})
