import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Kit, openKit } from './ingest-kit.ts'

let kit: Kit
beforeEach(async () => {
  kit = await openKit()
  const schemaFile = await kit.file(
    'schema.sql',
    'id BIGINT, place STRUCT(zip INTEGER, since TIMESTAMP, price DECIMAL(9, 2)), tags STRUCT(k VARCHAR)[]',
  )
  const first = '{"id":1,"place":{"zip":1,"since":"2024-01-02T03:04:05","price":1.25},"tags":[{"k":"a"}]}\n'
  await kit.import({ sources: [await kit.file('first.ndjson', first)], schemaFile })
})
afterEach(() => kit[Symbol.asyncDispose]())

const rows = async () =>
  (await kit.read('SELECT id::INTEGER AS id, place::VARCHAR AS p, tags::VARCHAR AS t FROM $T ORDER BY id')).map((row) =>
    Object.values(row),
  )
const append = async (text: string) => kit.import({ sources: [await kit.file('more.ndjson', text)], mode: 'append' })

it('whole numbers, times and decimals inside objects are appended as the types of the table', async () => {
  await append('{"id":2,"place":{"zip":7,"since":"1969-12-31T23:59:59","price":0.5},"tags":[]}\n')
  expect(await rows()).toEqual([
    [1, "{'zip': 1, 'since': '2024-01-02 03:04:05', 'price': 1.25}", "[{'k': a}]"],
    [2, "{'zip': 7, 'since': '1969-12-31 23:59:59', 'price': 0.50}", '[]'],
  ])
})

it('objects and lists that are null or empty in the whole file are appended as such', async () => {
  await append('{"id":2,"place":null,"tags":null}\n{"id":3,"place":{"zip":null},"tags":[]}\n')
  expect((await rows()).slice(1)).toEqual([
    [2, null, null],
    [3, "{'zip': NULL, 'since': NULL, 'price': NULL}", '[]'],
  ])
})

it.each([
  ['{"id":2,"place":{"zip":5000000000}}\n', '5000000000'],
  ['{"id":2,"place":{"price":1.234}}\n', '1.234'],
  ['{"id":2,"place":{"since":"yesterday"}}\n', 'yesterday'],
  ['{"id":2,"place":"Bern"}\n', 'Bern'],
])('a value inside an object that its type would change fails the import: %s', async (text, value) => {
  await expect(append(text)).rejects.toMatchObject({ message: expect.stringContaining(value) })
  expect(await rows()).toHaveLength(1)
})

it('lists in sixty lists are imported at once, as JSON text from the ninth on, and said to be', async () => {
  await using other = await openKit()
  const text = (depth: number) => `${'['.repeat(depth)}1${']'.repeat(depth)}`
  const sources = [await other.file('deep.ndjson', `{"deep":${text(60)},"eight":${text(8)}}\n`)]
  const { notes } = await other.plan({ sources })
  expect(notes.join('\n')).toContain("'deep': what is nested in more than 8 lists is kept as JSON text")
  expect(notes.join('\n')).not.toContain('eight')
  await other.import({ sources })
  await other.import({ sources, mode: 'append' })
  const items = 'deep[1][1][1][1][1][1][1][1] AS t, typeof(eight) AS e, eight[1][1][1][1][1][1][1][1]::INTEGER AS v'
  const row = { t: text(52), e: 'BIGINT[][][][][][][][]', v: 1 }
  expect(await other.read(`SELECT ${items} FROM $T`)).toEqual([row, row])
}, 30_000)

it('inside objects and lists numbers become what they become at the top, and what is decided is said with its place', async () => {
  await using other = await openKit()
  const inside = async (text: string) => {
    const plan = await other.plan({ sources: [await other.file('inside.ndjson', text)] })
    return { type: plan.columns[0]?.type.replaceAll(/\d+: (\w+): optional /g, '$1: '), notes: plan.notes }
  }
  const values = ['9223372036854775808', '12345678901234567890123.5', '-9223372036854775808', '1.5']
  for (const some of [
    ...values.map((value) => [value]),
    ['12345678901234567890', '1.25'],
    ['1e40', '12345678901234567890123'],
    ['1e400'],
  ]) {
    const top = await inside(some.map((value) => `{"c":${value}}\n`).join(''))
    const note = top.notes[0]?.replace("column 'c': ", '')
    const said = (place: string) => (note === undefined ? [] : [`column 'c': '${place}': ${note}`])
    expect(await inside(some.map((value) => `{"c":{"x":${value}}}\n`).join(''))).toEqual({
      type: `struct<x: ${top.type}>`,
      notes: said('c.x'),
    })
    expect(await inside(`{"c":[[],null,[{"x":null},{"x":[${some.join(',')}]}]]}\n`)).toEqual({
      type: `list<list<struct<x: list<${top.type}>>>>`,
      notes: said('c[][].x[]'),
    })
  }
  expect(await inside('{"c":{"a":[[1,2],[3]],"x":1,"n":null,"m":[1,"s"]}}\n{"c":{"a":[1],"x":"s","m":[]}}\n')).toEqual({
    type: 'struct<a: list<string>, x: string, n: string, m: list<string>>',
    notes: [
      "column 'c': 'c.a[]': values of several kinds (lists, numbers): kept as text; 'c.x': values of several kinds (numbers, text): kept as text; 'c.n': no value in the sample: kept as text; 'c.m[]': values of several kinds, or objects without fields: kept as text",
    ],
  })
})

it('whole numbers beyond 64 bits inside objects keep their digits, and after the sample are errors of their rows', async () => {
  await using other = await openKit({ sampleRows: 3 })
  const rows =
    '{"o":{"x":1},"l":[0.5]}\n{"o":{"x":9223372036854775808},"l":[12345678901234567890,100000000000000000000.5]}\n'
  await other.import({ sources: [await other.file('large.ndjson', rows)] })
  expect(await other.read('SELECT o.x::VARCHAR AS x, l::VARCHAR AS l FROM $T ORDER BY o.x')).toEqual([
    { x: '1', l: '[0.5]' },
    { x: '9223372036854775808', l: '[12345678901234567890.0, 100000000000000000000.5]' },
  ])
  const late = `${'{"p":{"x":1}}\n'.repeat(5)}{"p":{"x":9223372036854775808}}\n`
  const table = { table: { namespace: ['ns'], name: 'late' } }
  await expect(other.import({ sources: [await other.file('late.ndjson', late)], ...table })).rejects.toMatchObject({
    code: 'source/row',
    context: { line: 6, value: '9223372036854775808' },
  })
})

it('columns and fields have the order of the file, also where their names are numbers', async () => {
  await using other = await openKit()
  const sources = [await other.file('order.ndjson', '{"b":1,"2":2,"1":{"z":1,"7":2,"__proto__":3}}\n')]
  const { columns } = await other.plan({ sources })
  expect(columns.map(({ name, type }) => `${name} ${type.replaceAll(/\d+: (\w+): optional /g, '$1: ')}`)).toEqual([
    'b long',
    '2 long',
    '1 struct<z: long, 7: long, __proto__: long>',
  ])
  await other.import({ sources })
  expect(await other.read('SELECT "1"::VARCHAR AS v FROM $T')).toEqual([{ v: "{'z': 1, '7': 2, '__proto__': 3}" }])
})
