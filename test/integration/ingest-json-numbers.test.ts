import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ColumnMapping, JsonDescription } from '../../src/ingest/read/description.ts'
import { fittedSource } from '../../src/ingest/read/json-exact.ts'
import { jsonSelect } from '../../src/ingest/read/json-select.ts'
import { type Kit, openKit } from './ingest-kit.ts'

let kit: Kit
beforeAll(async () => {
  kit = await openKit({ sampleRows: 100 })
})
afterAll(() => kit[Symbol.asyncDispose]())

const imported = async (text: string, schema?: string) => {
  await using one = await openKit({ sampleRows: 100 })
  const schemaFile = schema === undefined ? {} : { schemaFile: await one.file('schema.sql', schema) }
  await one.import({ sources: [await one.file('rows.ndjson', text)], preserveOrder: true, ...schemaFile })
  return await one.read('SELECT COLUMNS(*)::VARCHAR FROM $T')
}

it('decimals have the digits of the file, also in objects and lists, with an exponent and in quotes', async () => {
  const rows = await imported(
    '{"n":0.12345678901234567890,"o":{"l":[1.5,0.12345678901234567891]}}\n{"n":1e2,"o":{"l":[null]}}\n{"n":"0.5","o":null}\n',
    'n decimal(38, 20), o struct(l decimal(38, 20)[])',
  )
  expect(rows).toEqual([
    { n: '0.12345678901234567890', o: "{'l': [1.50000000000000000000, 0.12345678901234567891]}" },
    { n: '100.00000000000000000000', o: "{'l': [NULL]}" },
    { n: '0.50000000000000000000', o: null },
  ])
})

it('bytes of a number are those of the file, and a field without a name is a key of a map', async () => {
  const text = '{"b":1.10,"l":[1.50,"x"],"m":{"":1,"a":2}}\n'
  const schema = 'b BLOB, l BLOB[], m MAP(VARCHAR, BIGINT)'
  expect(await imported(text, schema)).toEqual([{ b: '1.10', l: '[1.50, x]', m: "{''=1, a=2}" }])
})

it('a whole number written with a fraction of zeros is not the double next to it', async () => {
  const rows = await imported(
    '{"i":9007199254740993.0,"l":[9007199254740995.00]}\n{"i":1e2,"l":[1e1]}\n',
    'i bigint, l bigint[]',
  )
  expect(rows).toEqual([
    { i: '9007199254740993', l: '[9007199254740995]' },
    { i: '100', l: '[10]' },
  ])
})

it('doubles of JSON are taken as they are written, with an exponent too, and digits in quotes by columns of numbers', async () => {
  await using one = await openKit({ sampleRows: 100 })
  const source = async (name: string, text: string) => ({ sources: [await one.file(name, text)], preserveOrder: true })
  const first = '{"d":1.6424466900005683e17,"n":1.5,"b":1,"o":{"d":-1.2345678901234567E+20}}\n'
  const schemaFile = await one.file('schema.sql', 'd DOUBLE, n DECIMAL(38, 2), b BIGINT, o STRUCT(d DOUBLE)')
  await one.import({ ...(await source('first.ndjson', first)), schemaFile })
  // As Icebox writes them: what JavaScript would round stands in quotes.
  const second = '{"d":"NaN","n":"2.25","b":5}\n{"d":0.5,"n":"-0.01","b":"9007199254740993"}\n'
  await one.import({ ...(await source('second.ndjson', second)), mode: 'append' })
  expect(await one.read('SELECT d, n::VARCHAR AS n, b, o.d AS od FROM $T ORDER BY b')).toEqual([
    { d: 164_244_669_000_056_830, n: '1.50', b: 1n, od: -123_456_789_012_345_670_000 },
    { d: Number.NaN, n: '2.25', b: 5n, od: null },
    { d: 0.5, n: '-0.01', b: 9_007_199_254_740_993n, od: null },
  ])
  const text = await source('third.ndjson', '{"n":"2.25"}\n{"n":"x"}\n')
  await expect(one.import({ ...text, mode: 'append' })).rejects.toMatchObject({
    code: 'source/row',
    context: { line: 2, column: 'n', value: 'x' },
  })
})

it.each([
  ['decimal(9, 2)', '1.00000000000000000001'],
  ['int', '1.00000000000000000001'],
  ['long', '1e-400'],
  ['decimal(9, 2)', '-2.5e-4000'],
])('digits that %s does not have are told, not rounded off by a double', async (type, value) => {
  const text = `{"n":1}\n{"n":${value}}\n`
  await expect(imported(text, `n ${type}`)).rejects.toMatchObject({
    code: 'source/row',
    context: { line: 2, column: 'n', value },
  })
})

it('a number of JSON that is closer to 0 than to any other double is a note', async () => {
  await using one = await openKit()
  const plan = await one.plan({ sources: [await one.file('tiny.ndjson', '{"n":1.5}\n{"n":1e-400}\n')] })
  expect(plan.notes.join()).toContain("'1e-400' is closer to 0 than to any other double")
})

it('numbers that come late in a column of texts are kept as they stand', async () => {
  const texts = Array.from({ length: 3000 }, (_, at) => `{"x":"1.${at}","d":${at}.5}`)
  const late = ['12345678901234567890.123456789', '1.10', '-0', '{"s":"\\u0001 1.50","a":[1.50,-0,1e5,"7.50"]}', '[]']
  const rows = await imported(`${[...texts, ...late.map((value) => `{"x":${value},"d":1}`)].join('\n')}\n`)
  expect(rows.slice(2999).map((row) => row['x'])).toEqual(['1.2999', ...late])
})

it('an object that is to be text is the text of the file, without fields of other rows', async () => {
  const text = '{"s":{"a":1,"b":true,"c":1.50}}\n{"s":{"a":2}}\n{"s":"x"}\n{"s":null}\n{"s":[1.10]}\n'
  expect((await imported(text, 's varchar')).map((row) => row['s'])).toEqual([
    '{"a":1,"b":true,"c":1.50}',
    '{"a":2}',
    'x',
    null,
    '[1.10]',
  ])
  const inside = await imported(text.replaceAll(/"s":(.*)\}/g, '"o":[{"s":$1}]}'), 'o struct(s varchar)[]')
  expect(inside.slice(0, 2).map((row) => row['o'])).toEqual([
    `[{'s': '{"a":1,"b":true,"c":1.50}'}]`,
    `[{'s': '{"a":2}'}]`,
  ])
})

/** JSON as it stands in a file. */
const number = fc.oneof(
  fc.constantFrom(
    '1',
    '-0',
    '0',
    '0.0',
    '-0.0',
    '1.10',
    '1e2',
    '1E400',
    '-1.5e-400',
    '18446744073709551616',
    '0.12345678901234567890',
  ),
  fc.tuple(fc.bigInt(), fc.nat(), fc.constantFrom('', 'e5', 'E-07', 'e+300')).map(([a, b, e]) => `${a}.${b}${e}`),
)
const string = fc
  .oneof(
    fc.constantFrom('', '1.50', '\u0001', '\u00011.50', '\\u00011.50', '"', '\\', '{"a":1.50}', '[1.0]', 'ü 1.0'),
    fc.string(),
  )
  .map((text) => JSON.stringify(text))
const json = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    number,
    string,
    fc.constantFrom('true', 'null'),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
    fc.array(fc.tuple(fc.constantFrom('a', 'we"ird', '1.0'), tie('value')), { maxLength: 3 }).map((fields) => {
      return `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`
    }),
  ),
})).value
const keptAs = (value: string): string | null =>
  value === 'null' ? null : value.startsWith('"') ? (JSON.parse(value) as string) : value

it('whatever stands in a column of text is its own text, by itself, in objects and in lists', async () => {
  const mapping: ColumnMapping[] = [
    { name: 't', source: 't', type: { kind: 'string' }, isDeclared: true },
    {
      name: 'o',
      source: 'o',
      type: {
        kind: 'struct',
        fields: [
          {
            id: 1,
            name: 'l',
            required: false,
            type: { kind: 'list', elementId: 2, elementRequired: false, element: { kind: 'string' } },
          },
        ],
      },
      isDeclared: true,
    },
  ]
  const leaf = { kind: 'leaf', values: 'text' } as const
  await using session = await kit.engine.session()
  let round = 0
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(json, json, number), { minLength: 20, maxLength: 40 }), async (rows) => {
      const text = rows.map(([t, item, n]) => `{"t":${t}, "x":${n},"o":{"l":["1.0",${item}]}}\n`).join('')
      const description: JsonDescription = {
        format: 'ndjson',
        paths: [await kit.file(`rows-${round++}.ndjson`, text)],
        compression: 'none',
        hive: [],
        shape: {
          kind: 'struct',
          fields: [
            { name: 't', shape: leaf },
            { name: 'x', shape: { kind: 'leaf', values: 'real' } },
            { name: 'o', shape: { kind: 'struct', fields: [{ name: 'l', shape: { kind: 'list', element: leaf } }] } },
          ],
        },
      }
      const found = await session.all(
        `SELECT t, o.l[2] AS item FROM (${jsonSelect(fittedSource(description, mapping), mapping)})`,
      )
      expect(found).toEqual(rows.map(([t, item]) => ({ t: keptAs(t), item: keptAs(item) })))
    }),
    { numRuns: 60 },
  )
})

it.each([
  ['an array', (rows: readonly string[]) => `[${rows.join(',\n')}]`],
  ['objects over lines', (rows: readonly string[]) => rows.map((row) => row.replaceAll(',"', ',\n"')).join('\n')],
])('numbers and objects of documents are kept as those of lines: %s', async (_, document) => {
  await using one = await openKit()
  const schemaFile = await one.file('schema.sql', 'n decimal(38, 20), s varchar, year int')
  const rows = ['{"n":0.12345678901234567890,"s":{"a":1.50}}', '{"n":1,"s":1e2}', '{"n":1,"s":"1.50"}']
  const file = await one.file('y/year=2024/rows.json', document(rows))
  const sources = [file.slice(0, file.indexOf('/year='))]
  await one.import({ sources, schemaFile, preserveOrder: true })
  expect(await one.read('SELECT n::VARCHAR AS n, s, year FROM $T')).toEqual([
    { n: '0.12345678901234567890', s: '{"a":1.50}', year: 2024 },
    { n: '1.00000000000000000000', s: '1e2', year: 2024 },
    { n: '1.00000000000000000000', s: '1.50', year: 2024 },
  ])
})

it('an object of 1 MB with 10,000 objects is not looked through for each of them', async () => {
  const items = Array.from({ length: 10_000 }, (_, k) => `{"k":${k},"name":"item ${k} ${'x'.repeat(60)}","n":1.${k}0}`)
  const schema = 'x double, items struct(k bigint, name varchar, n varchar)[]'
  await using one = await openKit()
  const sources = [await one.file('rows.ndjson', `{"x":0.5,"items":[${items.join(',')}]}\n`)]
  await one.import({ sources, schemaFile: await one.file('schema.sql', schema) })
  expect(await one.read('SELECT len(items)::INTEGER AS n, items[201].n AS last FROM $T')).toEqual([
    { n: 10_000, last: '1.2000' },
  ])
}, 30_000)
