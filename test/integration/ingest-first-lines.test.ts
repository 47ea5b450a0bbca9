import { gzipSync } from 'node:zlib'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { failure, type Kit, openKit } from './ingest-kit.ts'

let kit: Kit
beforeEach(async () => {
  kit = await openKit()
})
afterEach(() => kit[Symbol.asyncDispose]())

const pairs = (table: string) => kit.read('SELECT id::INTEGER AS id, v::INTEGER AS v FROM $T ORDER BY id', table)

it('blank lines of NDJSON are no objects of the sample', async () => {
  const source = async (text: string) => ({ sources: [await kit.file('blank.ndjson', text)] })
  const types = async (text: string) => (await kit.plan(await source(text))).columns.map(({ type }) => type)
  expect(await types('{"a":1}\n\n{"b":2.5}\n')).toEqual(['long', 'double'])
  expect(await types('\r\n  \r\n{"d":"2020-01-01"}\r\n\r\n{"d":"x"}\r\n')).toEqual(['string'])
  // More of them than the sample has rows.
  expect(await types(`${'\n'.repeat(5000)}{"a":1}\n${'\n'.repeat(5000)}{"b":2.5}\n`)).toEqual(['long', 'double'])
  expect(await kit.import(await source('\n{"a":1}\n\n{"b":2.5}\n'))).toMatchObject({ rows: 2 })
  expect(await kit.read('SELECT a::INTEGER AS a, b FROM $T ORDER BY a')).toEqual([
    { a: 1, b: null },
    { a: null, b: 2.5 },
  ])
})

it('blank lines before the header of CSV are passed over, and lines counted with them', async () => {
  const text = '\r\n\r\nid,v\r\n1,2\r\n\r\n3,4\r\n'
  for (const name of ['plain.csv', 'marked.csv', 'packed.csv.gz']) {
    const marked = name === 'marked.csv' ? `\ufeff${text}` : text
    const source = await kit.file(name, name.endsWith('.gz') ? gzipSync(marked) : marked)
    for (const partitioned of [{}, { partitionBy: 'id' }]) {
      const table = `${name}${Object.keys(partitioned).length}`
      await kit.import({ sources: [source], table: { namespace: ['ns'], name: table }, ...partitioned })
      expect(await pairs(table)).toEqual([
        { id: 1, v: 2 },
        { id: 3, v: 4 },
      ])
    }
  }
  const bad = await kit.file('bad.csv', `${text}${'5,6\r\n'.repeat(2000)}x,7\r\n`)
  expect(await failure(kit.import({ sources: [bad] }))).toMatchObject({ context: { line: 2007 } })
})

it('a file that is named twice is imported once, and said to be', async () => {
  const path = await kit.file('twice.csv', 'id,v\n1,2\n')
  const glob = join(kit.folder, 'in', '*.csv')
  for (const sources of [
    [path, path],
    [glob, path],
    [path, `${kit.folder}/in/./twice.csv`],
  ]) {
    const { files, notes } = await kit.plan({ sources })
    expect(files).toHaveLength(1)
    expect(notes).toEqual([`named more than once and imported once: ${path}`])
  }
  expect((await kit.plan({ sources: [glob] })).notes).toEqual([])
})

it('every CSV file is read by its own header, whatever its first line is', async () => {
  const files = [
    ['\nid,v\n1,2\n', '\nv,id\n4,3\n'],
    ['id,v,"n\n1"\n1,2,5\n', 'id,v,"n\n2"\n3,4,6\n'],
  ]
  for (const [at, texts] of files.entries()) {
    const sources = await Promise.all(texts.map((text, file) => kit.file(`${at}-${file}.csv`, text)))
    const name = `quoted${at}`
    await kit.import({ sources, table: { namespace: ['ns'], name } })
    expect(await pairs(name)).toEqual([
      { id: 1, v: 2 },
      { id: 3, v: 4 },
    ])
  }
  // Two of three files without a header begin alike, and have more columns than the first.
  const texts = ['1,2\n', '1,2,3\n4,5,6\n', '1,2,3\n7,8,9\n']
  const sources = await Promise.all(texts.map((text, file) => kit.file(`bare-${file}.csv`, text)))
  expect(await kit.import({ sources })).toMatchObject({ rows: 5 })
})
