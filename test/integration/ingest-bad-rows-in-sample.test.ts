import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import type { ImportOutcome } from '../../src/ingest/index.ts'
import { failure, type Kit, openKit } from './ingest-kit.ts'

async function setAside({ rejectsFile }: ImportOutcome): Promise<unknown[][]> {
  const lines = (await readFile(rejectsFile ?? '', 'utf8')).trimEnd().split('\n')
  return lines.map((text) => {
    const { line, column, value } = JSON.parse(text) as Record<string, unknown>
    return [line, column, value]
  })
}

/** Imports `good` into a table that is made by it, or by a schema, and `dirty` after it. */
async function appended(kit: Kit, format: 'csv' | 'ndjson', schema: string | undefined, good: string, dirty: string) {
  const given = schema === undefined ? {} : { schemaFile: await kit.file('schema.sql', schema) }
  await kit.import({ sources: [await kit.file(`good.${format}`, good)], ...given })
  const sources = [await kit.file(`dirty.${format}`, dirty)]
  const error = await failure(kit.import({ sources, mode: 'append' }))
  return { error, outcome: await kit.import({ sources, mode: 'append', onError: 'reject' }) }
}

it.each([
  ['a word', undefined, 'id\n1\n', 'id\n1\nx\n4\n', [[3, 'id', 'x']]],
  ['a fraction', undefined, 'id\n1\n', 'id\n1\n2\n1.5\n', [[4, 'id', '1.5']]],
  [
    'a time in dates',
    undefined,
    'd\n2024-01-01\n',
    'd\n2024-01-02\n2024-01-03 10:00:00\n',
    [[3, 'd', '2024-01-03 10:00:00']],
  ],
  [
    'an offset in times',
    undefined,
    't\n2024-01-01 10:00:00\n',
    't\n2024-01-01 10:00:00Z\n2024-01-01 11:00:00\n',
    [[2, 't', '2024-01-01 10:00:00Z']],
  ],
  [
    'no offset in instants',
    undefined,
    't\n2024-01-01 10:00:00Z\n',
    't\n2024-01-01 10:00:00\n2024-01-01 11:00:00Z\n',
    [[2, 't', '2024-01-01 10:00:00']],
  ],
  ['dates that read two ways in numbers', undefined, 'id\n1\n', 'id\n01/02/2023\n', [[2, 'id', '01/02/2023']]],
  [
    'no value where one is required',
    'id INT NOT NULL, v VARCHAR',
    'id,v\n1,a\n',
    'id,v\n1,a\n,b\n3,c\n',
    [[3, 'id', null]],
  ],
  [
    'text in a required column',
    'id VARCHAR NOT NULL, v INT',
    'id,v\n1,1\n',
    'id,v\na,1\n,2\nb,x\n',
    [
      [3, 'id', null],
      [4, 'v', 'x'],
    ],
  ],
] as const)('a bad row in the sample is an error of its row, as behind it: %s', async (_, schema, good, dirty, bad) => {
  await using kit = await openKit()
  const { error, outcome } = await appended(kit, 'csv', schema, good, dirty)
  const [line, column, value] = bad[0] ?? []
  expect(error).toMatchObject({ code: 'source/row', context: { line, column, value } })
  expect(await setAside(outcome)).toEqual(bad)
  expect(outcome.rows + outcome.rejectedRows).toBe(dirty.trimEnd().split('\n').length - 1)
})

it('a bad object in the sample is an error of its line, also where a required field is missing', async () => {
  await using kit = await openKit()
  const dirty = '{"id":1}\n\n{"id":"x"}\n{"id":{"a":1}}\n{"v":"b"}\n{"id":null}\n{"id":4}\n'
  const { error, outcome } = await appended(kit, 'ndjson', 'id INT NOT NULL, v VARCHAR', '{"id":1,"v":"a"}\n', dirty)
  expect(error).toMatchObject({ code: 'source/row', context: { line: 3, column: 'id', value: 'x' } })
  expect(await setAside(outcome)).toEqual([
    [3, 'id', 'x'],
    [4, 'id', '{"a":1}'],
    [5, 'id', null],
    [6, 'id', null],
  ])
  expect(outcome.rows).toBe(2)
})

it('rows of files without a required column are set aside, and the first is named', async () => {
  await using kit = await openKit()
  const schemaFile = await kit.file('schema.sql', 'id INT NOT NULL, v VARCHAR')
  const sources = [await kit.file('a.csv', 'id,v\n1,a\n'), await kit.file('b.csv', 'v\nb\n')]
  const error = await failure(kit.import({ sources, schemaFile }))
  expect(error).toMatchObject({ code: 'source/row', context: { file: sources[1], line: 2, column: 'id', value: null } })
  const outcome = await kit.import({ sources, schemaFile, onError: 'reject' })
  expect([outcome.rows, outcome.rejectedRows]).toEqual([1, 1])
})

it('text goes into a column of bytes again, as it did when the table was made', async () => {
  await using kit = await openKit()
  const sources = [await kit.file('bytes.csv', 'b,n\nxx,1\n\\x41,2\n')]
  await kit.import({ sources, schemaFile: await kit.file('schema.sql', 'b BLOB, n INT') })
  await kit.import({ sources, mode: 'append' })
  const done = await kit.import({ sources, mode: 'replace' })
  expect(done.notes.join()).toContain('the bytes of the text itself')
  expect(await kit.read('SELECT hex(b) AS b FROM $T ORDER BY n')).toEqual([{ b: '7878' }, { b: '5C783431' }])
})

it('dates that read two ways are still refused by a table of dates', async () => {
  await using kit = await openKit()
  await kit.import({ sources: [await kit.file('iso.csv', 'd\n2024-01-01\n')] })
  const sources = [await kit.file('local.csv', 'd\n01/02/2023\n')]
  expect((await failure(kit.import({ sources, mode: 'append', onError: 'reject' }))).code).toBe('source/ambiguous')
})

it('a record that cannot be split is told with its line in the file, whatever line ends are inside of quotes above it', async () => {
  await using kit = await openKit({ sampleRows: 2 })
  const text = 'id,v\n1,"a\nb"\n\n2,"\n\n"\n3\n4,d\nx,"e\n"\n5,f,g\n'
  const sources = [await kit.file('lines.csv', text)]
  const error = await failure(kit.import({ sources }))
  expect(error).toMatchObject({ code: 'source/row', context: { line: 8, raw: '3' } })
  const outcome = await kit.import({ sources, onError: 'reject' })
  expect([outcome.rows, outcome.rejectedRows]).toEqual([3, 3])
  expect((await setAside(outcome)).map(([line]) => line)).toEqual([8, 12, 10])
})

it('a blank line is a row of one column, and moves no row that is set aside', async () => {
  await using kit = await openKit({ sampleRows: 3 })
  const sources = [await kit.file('one.csv', `\nv\n1\n\n${'2\n\n\n'.repeat(100)}x\n1,2\n\ny\n3\n\n`)]
  const late = await kit.file('late.csv', `v\n1\n\n${'2\n\n\n'.repeat(100)}x\n`)
  const error = await failure(kit.import({ sources: [late] }))
  expect(error).toMatchObject({ code: 'source/row', context: { line: 304, value: 'x' } })
  const outcome = await kit.import({ sources, onError: 'reject' })
  expect(await setAside(outcome)).toEqual([
    [306, '', ''],
    [305, 'v', 'x'],
    [308, 'v', 'y'],
  ])
  expect(outcome).toMatchObject({ rows: 305, rejectedRows: 3 })
  expect(await kit.read('SELECT count(*)::INTEGER AS n, count(v)::INTEGER AS v FROM $T')).toEqual([{ n: 305, v: 102 }])
  const schemaFile = await kit.file('schema.sql', 'v INT NOT NULL')
  const required = { namespace: ['ns'], name: 'required' }
  const strict = await kit.import({ table: required, sources, schemaFile, onError: 'reject' })
  expect(strict).toMatchObject({ rows: 102, rejectedRows: 206 })
})
