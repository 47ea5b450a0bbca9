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

const MAPS =
  'id INT, m MAP(VARCHAR, INT), d MAP(VARCHAR, DECIMAL(38, 20)), t MAP(VARCHAR, VARCHAR), l MAP(VARCHAR, DOUBLE)[]'

it('objects become maps where the table has such, with any names and the digits of the file', async () => {
  await using other = await openKit({ sampleRows: 2 })
  const lines = [
    '{"id":1,"m":{"a":1,"b":null,"":3,"A":4},"d":{"x":0.12345678901234567890},"t":{"v":1.10,"o":{"y":1.20},"s":"q\\u0001 7"},"l":[{"q":1.5},null,{}]}',
    '{"id":2,"m":{},"d":null,"t":{"k.\\"x":"x"}}',
    '{"id":3,"m":{"not in the sample":7}}',
    '{"id":4}',
  ]
  const sources = [await other.file('maps.ndjson', lines.join('\n'))]
  await other.import({ sources, schemaFile: await other.file('maps.sql', MAPS) })
  await other.import({ sources, mode: 'append' })
  const found = await other.read(
    "SELECT DISTINCT id, m::VARCHAR AS m, d::VARCHAR AS d, replace(t::VARCHAR, chr(1), '^') AS t, l::VARCHAR AS l FROM $T ORDER BY id",
  )
  expect(found).toEqual([
    {
      id: 1,
      m: "{a=1, b=NULL, ''=3, A=4}",
      d: '{x=0.12345678901234567890}',
      t: '{v=1.10, o=\'{"y":1.20}\', s=q^ 7}',
      l: '[{q=1.5}, NULL, {}]',
    },
    { id: 2, m: '{}', d: null, t: "{'k.\"x'=x}", l: null },
    { id: 3, m: '{not in the sample=7}', d: null, t: null, l: null },
    { id: 4, m: null, d: null, t: null, l: null },
  ])
})

it.each([
  ['a value that does not fit', '{"m":{"ok":1,"a":"x"}}', 'm', 'a: x'],
  ['a number that is too large', '{"m":{"a":5000000000}}', 'm', 'a: 5000000000'],
  ['an object as a value', '{"m":{"a":{"b":1}}}', 'm', 'a: {"b":1}'],
  ['a list', '{"m":[1]}', 'm', '[1]'],
  ['a number', '{"m":5}', 'm', '5'],
  ['text', '{"m":"abc"}', 'm', 'abc'],
  ['a name that is there twice', '{"m":{"a":1,"a":2}}', 'm', '{"a":1,"a":2}'],
  ['a value in a list of maps', '{"l":[{"a":1},{"a":"x"}]}', 'l', 'a: x'],
])('%s where a map is wanted is told with its line, also beyond the sample', async (_what, bad, column, value) => {
  await using other = await openKit({ sampleRows: 3 })
  const schemaFile = await other.file('maps.sql', MAPS)
  for (const before of [1, 5]) {
    const text = `${'{"m":{"a":1},"l":[{"a":1}]}\n'.repeat(before)}${bad}\n`
    const refused = other.import({ sources: [await other.file('bad.ndjson', text)], schemaFile })
    await expect(refused).rejects.toMatchObject({ code: 'source/row', context: { line: before + 1, column, value } })
  }
  const sources = [await other.file('aside.ndjson', `${'{"m":{"a":1},"l":[{"a":1}]}\n'.repeat(2)}${bad}\n`)]
  expect(await other.import({ sources, schemaFile, onError: 'reject' })).toMatchObject({ rows: 2 })
  expect(await other.read('SELECT DISTINCT m::VARCHAR AS m FROM $T')).toEqual([{ m: '{a=1}' }])
})
