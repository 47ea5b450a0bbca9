import { describe, expect, it } from 'vitest'
import { tableWriter } from '../../src/cli/output/table-writer.ts'
import { makeStyle } from '../../src/cli/style.ts'
import { distinctNames } from '../../src/base/index.ts'
import { csvWriter } from '../../src/cli/output/csv.ts'
import { jsonText } from '../../src/cli/output/json-value.ts'
import { jsonWriter, ndjsonWriter, rowsWriter } from '../../src/cli/output/json.ts'
import { markdownWriter } from '../../src/cli/output/markdown.ts'
import { formatOfFile, type ResultWriter } from '../../src/cli/output/writer.ts'
import type { SqlValue } from '../../src/lakehouse/api.ts'
import { batchOf, TextSink } from './support/cli-batches.ts'

const columns = [
  { name: 'id', type: 'BIGINT' },
  { name: 'text', type: 'VARCHAR' },
]

async function written(
  make: (sink: TextSink) => ResultWriter,
  batches: readonly SqlValue[][][],
  of = columns,
): Promise<string> {
  const sink = new TextSink()
  const writer = make(sink)
  await writer.begin(of)
  for (const rows of batches) await writer.batch(batchOf(of, rows))
  await writer.end()
  return sink.text
}

describe('JSON values', () => {
  it('writes integers beyond 2^53 as strings and the rest as numbers, so no reader rounds them', () => {
    expect(jsonText(9007199254740991n)).toBe('9007199254740991')
    expect(jsonText(9007199254740992n)).toBe('"9007199254740992"')
    expect(jsonText(-9007199254740992n)).toBe('"-9007199254740992"')
    expect(jsonText(7)).toBe('7')
    expect(jsonText(1e300)).toBe('1e+300')
  })

  it('writes NaN and infinities as strings, since JSON has no number for them', () => {
    expect([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(jsonText)).toEqual([
      '"NaN"',
      '"Infinity"',
      '"-Infinity"',
    ])
    expect(JSON.parse(jsonText(-0))).toBe(-0)
  })

  it('writes binary as base64, also inside lists, structs and maps', () => {
    expect(jsonText(new Uint8Array([0, 255, 16]).subarray(1))).toBe('"/xA="')
    expect(jsonText({ a: [1n, null], 'b"c': { d: new Uint8Array([1]) } })).toBe('{"a":[1,null],"b\\"c":{"d":"AQ=="}}')
    expect(jsonText([['k', 18446744073709551615n]])).toBe('[["k","18446744073709551615"]]')
  })
})

describe('csv', () => {
  it('keeps NULL and the empty text apart and quotes what would break a row', async () => {
    const text = await written(csvWriter, [
      [
        [1n, null],
        [2n, ''],
        [3n, 'a,b'],
        [4n, 'say "hi"\n'],
      ],
    ])
    expect(text).toBe('id,text\n1,\n2,""\n3,"a,b"\n4,"say ""hi""\n"\n')
  })

  it('keeps NULL and an empty BLOB apart', async () => {
    const rows = [[null], [new Uint8Array()], [new Uint8Array([1])]]
    expect(await written(csvWriter, [rows], [{ name: 'b', type: 'BLOB' }])).toBe('b\n\n""\nAQ==\n')
  })

  it('numbers read back as what they are: signs of zeros, large doubles as doubles, floats as short as they are', async () => {
    const numbers = [
      { name: 'd', type: 'DOUBLE' },
      { name: 'f', type: 'FLOAT' },
      { name: 'l', type: 'FLOAT[]' },
    ]
    const rows: SqlValue[][] = [
      [-0, -0, [-0]],
      [1e20, Math.fround(0.1), [Math.fround(0.1)]],
      [-1e300, 38_522_632, null],
      [Number.NaN, Number.NEGATIVE_INFINITY, null],
    ]
    expect(await written(csvWriter, [rows], numbers)).toBe(
      'd,f,l\n-0.0,-0.0,[-0.0]\n1e+20,0.1,[0.10000000149011612]\n-1e+300,38522632,\nNaN,-Infinity,\n',
    )
  })

  it('writes a header for a result without rows', async () => {
    expect(await written(csvWriter, [])).toBe('id,text\n')
  })

  it('writes lists as quoted JSON', async () => {
    expect(await written(csvWriter, [[[1n, ['x', 'y']]]])).toBe('id,text\n1,"[""x"",""y""]"\n')
  })
})

describe('json', () => {
  it('is one array across batches, and an empty one without rows', async () => {
    const text = await written(jsonWriter, [
      [[1n, 'a']],
      [
        [2n, null],
        [9007199254740993n, 'c'],
      ],
    ])
    expect(text).toBe('[\n{"id":1,"text":"a"},\n{"id":2,"text":null},\n{"id":"9007199254740993","text":"c"}\n]\n')
    expect(await written(jsonWriter, [])).toBe('[]\n')
  })

  it('leaves the array open when it is not ended, so a failed statement never looks complete', async () => {
    const sink = new TextSink()
    const writer = jsonWriter(sink)
    await writer.begin(columns)
    await writer.batch(batchOf(columns, [[1n, 'a']]))
    expect(() => JSON.parse(sink.text) as unknown).toThrow(SyntaxError)
  })

  it('ndjson is an object a line', async () => {
    expect(await written(ndjsonWriter, [[[1n, 'a\nb']], [[2n, 'c']]])).toBe(
      '{"id":1,"text":"a\\nb"}\n{"id":2,"text":"c"}\n',
    )
  })

  it('rows of a document are arrays joined by commas across batches', async () => {
    expect(await written(rowsWriter, [[[1n, 'a']], [[2n, null]]])).toBe('[1,"a"],[2,null]')
  })

  it('does not lose a column when two have the same name', async () => {
    const twice = ['a', 'a', 'a_1', 'a'].map((name) => ({ name, type: 'INTEGER' }))
    expect(distinctNames(twice)).toEqual(['a', 'a_2', 'a_1', 'a_3'])
    const line = await written(ndjsonWriter, [[[1, 2, 3, 4]]], twice)
    expect(JSON.parse(line)).toEqual({ a: 1, a_2: 2, a_1: 3, a_3: 4 })
    // A header that names two columns alike could not be imported.
    expect(await written(csvWriter, [[[1, 2, 3, 4]]], twice)).toBe('a,a_2,a_1,a_3\n1,2,3,4\n')
  })
})

describe('markdown', () => {
  it('escapes what would end a cell or become markup', async () => {
    expect(
      await written(markdownWriter, [
        [
          [1n, 'a|b\nc <x>'],
          [2n, null],
        ],
      ]),
    ).toBe('| id | text |\n| ---: | --- |\n| 1 | a\\|b\\\\nc \\<x\\> |\n| 2 |  |\n')
  })

  it('shows maps, rows and floats as a table does', async () => {
    const nested = [
      { name: 'm', type: 'MAP(VARCHAR, FLOAT)' },
      { name: 's', type: 'STRUCT("a b" FLOAT, r STRUCT(INTEGER, MAP(INTEGER, DOUBLE)))[]' },
      { name: 'f', type: 'FLOAT' },
    ]
    const tenth = Math.fround(0.1)
    const row: SqlValue[] = [[['k', tenth]], [{ 'a b': tenth, r: [1, [[2, 0.5]]] }, null], tenth]
    const cells = ['{k: 0.1}', '[{a b: 0.1, r: (1, {2: 0.5})}, NULL]', '0.1']
    expect((await written(markdownWriter, [[row]], nested)).split('\n')[2]).toBe(
      `| ${cells.join(' | ').replaceAll(/[[\]]/g, '\\$&')} |`,
    )
    const table = await written(
      (sink) => tableWriter(sink, { width: undefined, maxRows: 40, style: makeStyle(false) }),
      [[row]],
      nested,
    )
    expect(table.split('\n')[3]?.trim().split(/ {2,}/)).toEqual(cells)
  })
})

describe('format of a file', () => {
  it.each([
    ['out.csv', 'csv'],
    ['out.JSONL', 'ndjson'],
    ['a.b/out.parquet', 'parquet'],
    ['out.arrow', 'arrow'],
    ['out', undefined],
    ['out.xyz', undefined],
  ])('%s', (path, format) => expect(formatOfFile(path)).toBe(format))
})

describe('a long text', () => {
  it('is passed on in pieces that encode alone: none ends within a character, and order and bytes are kept', async () => {
    // Characters of two halves at every place where a piece could end.
    for (const shift of [0, 1]) {
      const long = `${'x'.repeat(shift)}${'😀'.repeat(1_400_000)}`
      const pieces: Buffer[] = []
      const writer = csvWriter({ write: async (chunk) => void pieces.push(Buffer.from(chunk)) })
      await writer.begin(columns)
      const rows: SqlValue[][] = [
        [1n, 'before'],
        [2n, long],
        [3n, 'after'],
      ]
      await writer.batch(batchOf(columns, rows))
      await writer.end()
      expect(Math.max(...pieces.map((piece) => piece.byteLength))).toBeLessThan(4_000_000)
      expect(Buffer.concat(pieces).equals(Buffer.from(`id,text\n1,before\n2,${long}\n3,after\n`))).toBe(true)
    }
  })
})
