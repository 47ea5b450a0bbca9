import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChunkDivider, type ChunkDividerOptions, type GroupFile } from '../../src/ingest/divide/chunk-divider.ts'

const [COMMA, QUOTE] = [44, 34]

let folder: string
let made = 0
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'icebox-divide-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

interface Divided {
  /** False where a chunk could not be divided, or did not begin where the one before ended. */
  readonly isDivided: boolean
  readonly files: readonly GroupFile[]
}

function divide(text: string, some: Partial<ChunkDividerOptions> & { chunkBytes?: number } = {}): Divided {
  const name = String(made++)
  const path = join(folder, `${name}.in`)
  writeFileSync(path, text)
  const divider = new ChunkDivider({
    csv: { delimiter: COMMA, quote: QUOTE },
    hasHeader: false,
    fields: [{ index: 1, bytes: 7 }],
    groups: 40,
    slotBytes: 64,
    windowBytes: 50,
    folder,
    name,
    ...some,
  })
  const { size } = statSync(path)
  let isDivided = true
  let ended = 0
  for (let from = 0; from < size && isDivided; from += some.chunkBytes ?? size) {
    const done = divider.divide({ path, from, to: Math.min(size, from + (some.chunkBytes ?? size)) })
    isDivided = done !== undefined && (from === 0 || done.first === ended)
    ended = done?.end ?? 0
  }
  return { isDivided, files: divider.finish() }
}

const contentOf = ({ path }: GroupFile) => readFileSync(path, 'utf8')
const contents = ({ files }: Divided) => files.map(contentOf).toSorted()

describe('dividing CSV text by a value', () => {
  it('puts records with the same beginning of the value together, in their order', () => {
    const divided = divide('1,2020-01-05,a\n2,2020-02-01,b\n3,2020-01-09,c\n')
    expect(contents(divided)).toEqual(['1,2020-01-05,a\n3,2020-01-09,c\n', '2,2020-02-01,b\n'])
    expect(divided.files.every(({ isOthers }) => !isOthers)).toBe(true)
  })

  it('leaves out header and byte order mark, and ends the last record', () => {
    const divided = divide('\uFEFF"id","d\n1"\n1,2020-01-05\n2,2020-02-01', { hasHeader: true })
    expect(contents(divided)).toEqual(['1,2020-01-05\n', '2,2020-02-01\n'])
  })

  it('finds values behind quoted delimiters and line ends, quoted themselves or not', () => {
    const divided = divide('"a,\n""b",2020-01-05,x\n"c","2020-01-07",y\nd,2020-02-01,"2020-01-01\n"\n')
    expect(contents(divided)).toEqual(['"a,\n""b",2020-01-05,x\n"c","2020-01-07",y\n', 'd,2020-02-01,"2020-01-01\n"\n'])
  })

  it('takes several values as one key', () => {
    const fields = [
      { index: 0, bytes: 64 },
      { index: 2, bytes: 4 },
    ]
    const divided = divide('de,1,2020-01\nde,2,2021-01\nde,3,2020-07\nfr,4,2020-01\n', { fields })
    expect(contents(divided)).toEqual(['de,1,2020-01\nde,3,2020-07\n', 'de,2,2021-01\n', 'fr,4,2020-01\n'])
  })

  it('keeps empty values as a group of their own, and apart what is too short to have one', () => {
    const divided = divide('1,,a\nx\n\n2,,b\n3,2020-01-01,c\n')
    const others = divided.files.filter(({ isOthers }) => isOthers)
    expect(others.map(contentOf)).toEqual(['x\n\n'])
    expect(contents(divided)).toEqual(['1,,a\n2,,b\n', '3,2020-01-01,c\n', 'x\n\n'])
  })

  it('puts what is one group too many to the others', () => {
    const lines = Array.from({ length: 9 }, (_, at) => `${at},k${at}\n`)
    const divided = divide(lines.join(''), { groups: 4 })
    const others = divided.files.filter(({ isOthers }) => isOthers)
    expect(others.map(contentOf)).toEqual([lines.slice(3).join('')])
    expect(divided.files).toHaveLength(4)
  })

  it('gives a group the same key in every divider, whatever it met before', () => {
    const keys = (text: string) => new Map(divide(text).files.map((file) => [contentOf(file), file.key]))
    const a = keys('1,2020-01-05\n2,2020-02-01\n')
    const b = keys('3,1999-01-05\n2,2020-02-01\n1,2020-01-05\n')
    expect(b.get('1,2020-01-05\n')).toBe(a.get('1,2020-01-05\n'))
    expect(b.get('2,2020-02-01\n')).toBe(a.get('2,2020-02-01\n'))
    expect(new Set(b.values()).size).toBe(3)
  })

  it.each([
    ['a quote that does not end', '1,2020-01-05,"a\n2,2020-02-01,b\n'],
    ['a quote with something behind it', '1,"2020"-01-05,a\n'],
    ['a NUL byte', '1,2020-01-05,a\0b\n'],
    ['a record longer than a slot', `1,2020-01-05,${'x'.repeat(80)}\n`],
  ])('does not divide %s', (_, text) => {
    expect(divide(text).isDivided).toBe(false)
  })

  it('notices a chunk that begins at a line end in quotes', () => {
    const text = '1,2020-01-05,"a\nb\nc\nd\ne"\n2,2020-02-01,b\n'
    expect(divide(text, { chunkBytes: 21 }).isDivided).toBe(false)
    expect(divide(text, { chunkBytes: 26 }).isDivided).toBe(true)
  })

  it('finds each record once, whatever the windows, chunks, quotes and line ends', () => {
    const plain = fc.stringMatching(/^[a-c" é]{0,6}$/).map((text) => (text.startsWith('"') ? `_${text}` : text))
    const quoted = fc.stringMatching(/^[a-c,\n\r é]{0,6}$/).map((text) => `"${text.replaceAll('a', '""')}"`)
    const value = fc.oneof(plain, quoted)
    const record = fc
      .tuple(fc.integer(), value, fc.constantFrom('2020-01-01', '2020-01-02', '2021-05', '"2020-01-03"', ''), value)
      .map(([id, before, date, after]) => ({
        text: [before, date, after, id].join(','),
        key: date.replaceAll('"', '').slice(0, 7),
      }))
    const sizes = { windowBytes: fc.integer({ min: 1, max: 70 }), chunkBytes: fc.integer({ min: 1, max: 300 }) }
    let divided = 0
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 25 }),
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        fc.record(sizes),
        (records, lineEnd, isEnded, some) => {
          const text = records.map((one) => one.text).join(lineEnd) + (isEnded ? lineEnd : '')
          const found = divide(text, some)
          if (!found.isDivided) return
          divided++
          const groups = new Map<string, string>()
          for (const [at, { text: one, key }] of records.entries()) {
            const end = at + 1 < records.length || isEnded ? lineEnd : '\n'
            groups.set(key, (groups.get(key) ?? '') + one + end)
          }
          expect(contents(found)).toEqual([...groups.values()].toSorted())
        },
      ),
      { numRuns: 400 },
    )
    expect(divided).toBeGreaterThan(50)
  })
})
