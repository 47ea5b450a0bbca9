import { readFile } from 'node:fs/promises'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { IceboxError } from '../../src/base/index.ts'
import type { JsonShape } from '../../src/ingest/read/description.ts'
import { faultOf, isAsSampled, isCounted } from '../../src/ingest/read/json-faults.ts'
import { faultIn } from '../../src/ingest/read/json-lines.ts'
import { FAULT_MARK } from '../../src/ingest/read/json-select.ts'
import { quoteText } from '../../src/ingest/sql.ts'
import { failure, openKit } from './ingest-kit.ts'
import { type EngineBench, startEngine } from './support/engine.ts'

const leaf: JsonShape = { kind: 'leaf', values: 'mixed' }
const struct = (fields: Record<string, JsonShape>): JsonShape => ({
  kind: 'struct',
  fields: Object.entries(fields).map(([name, shape]) => ({ name, shape })),
})
const list = (element: JsonShape): JsonShape => ({ kind: 'list', element })

const SHAPE = struct({
  id: leaf,
  meta: struct({ a: leaf, 'we"ird': leaf, deep: struct({ x: leaf }) }),
  tags: list(leaf),
  items: list(struct({ n: leaf, inner: list(struct({ m: leaf })) })),
  grid: list(list(leaf)),
  any: struct({}),
})

/** A JSON value with its fields in order, the same name perhaps twice. */
type Value = string | { readonly fields: readonly (readonly [string, Value])[] } | { readonly items: readonly Value[] }

const print = (value: Value): string => {
  if (typeof value === 'string') return value
  if ('items' in value) return `[${value.items.map(print).join(',')}]`
  return `{${value.fields.map(([name, inner]) => `${JSON.stringify(name)}:${print(inner)}`).join(',')}}`
}

/** What the function is about, by its definition. */
function isFaulty(shape: JsonShape, value: Value): boolean {
  if (shape.kind === 'leaf' || (shape.kind === 'struct' && shape.fields.length === 0) || value === 'null') return false
  if (typeof value === 'string') return true
  if (shape.kind === 'list') return !('items' in value) || value.items.some((item) => isFaulty(shape.element, item))
  if (!('fields' in value)) return true
  const names = value.fields.map(([name]) => name.toLowerCase())
  if (new Set(names).size < names.length) return true
  return value.fields.some(([name, inner]) => {
    const known = shape.fields.find((field) => field.name === name)
    return known === undefined || isFaulty(known.shape, inner)
  })
}

const scalar = fc.constantFrom('1', '"text"', 'null', 'true', '-2.5', '"null"')
const odd: fc.Arbitrary<Value> = fc.oneof(
  scalar,
  fc.constant<Value>({ items: [] }),
  fc.constant<Value>({ fields: [] }),
  fc.constant<Value>({ items: ['1', { fields: [['n', '1']] }] }),
  fc.constant<Value>({ fields: [['a', '1']] }),
)

/** Mostly of the shape; now and then a field is missing, added, twice, or of another kind. */
function valueOf(shape: JsonShape): fc.Arbitrary<Value> {
  if (shape.kind === 'leaf' || (shape.kind === 'struct' && shape.fields.length === 0)) return odd
  if (shape.kind === 'list') {
    const items = fc.array(valueOf(shape.element), { maxLength: 3 }).map((some): Value => ({ items: some }))
    return fc.oneof({ weight: 20, arbitrary: items }, { weight: 1, arbitrary: odd })
  }
  const fields = fc
    .tuple(
      fc.tuple(...shape.fields.map(({ name, shape: inner }) => valueOf(inner).map((value) => [name, value] as const))),
      fc.array(fc.nat(), { maxLength: 1 }),
      fc.oneof(
        { weight: 8, arbitrary: fc.constant([]) },
        {
          weight: 1,
          arbitrary: fc.tuple(fc.constantFrom('late', 'ID', 'a', 'n', 'tags', "it's"), scalar).map((pair) => [pair]),
        },
      ),
    )
    .map(
      ([all, left, more]): Value => ({
        fields: [...all.filter((_, at) => !left.some((number) => number % 12 === at)), ...more],
      }),
    )
  return fc.oneof({ weight: 20, arbitrary: fields }, { weight: 1, arbitrary: odd })
}

describe('what json_transform passes over', () => {
  let bench: EngineBench
  beforeAll(async () => {
    bench = await startEngine()
  })
  afterAll(() => bench[Symbol.asyncDispose]())

  /** As json_transform wants it. */
  const structure = (shape: JsonShape): unknown => {
    if (shape.kind === 'list') return [structure(shape.element)]
    if (shape.kind === 'leaf' || shape.fields.length === 0) return 'VARCHAR'
    return Object.fromEntries(shape.fields.map((field) => [field.name, structure(field.shape)]))
  }

  it('is told of every object that has it, and of no other; what is told quickly is told right', async () => {
    await using session = await bench.engine.session()
    const objects = valueOf(SHAPE).filter((value) => typeof value !== 'string' && 'fields' in value)
    let faulty = 0
    let whole = 0
    let sampled = 0
    let counted = 0
    await fc.assert(
      fc.asyncProperty(fc.array(objects, { minLength: 20, maxLength: 40 }), async (values) => {
        const texts = values.map((value) => `(${quoteText(print(value))})`).join(', ')
        const struct = `json_transform(line, ${quoteText(JSON.stringify(structure(SHAPE)))})`
        const rows = await session.all(
          `SELECT ${faultOf(SHAPE, 'line')} AS fault, ${isAsSampled(SHAPE, 'line')} AS sampled, ${isCounted(SHAPE, 'line', 's')} AS counted FROM (SELECT line, ${struct} AS s FROM (VALUES ${texts}) t(line))`,
        )
        const expected = values.map((value) => isFaulty(SHAPE, value))
        for (const [at, row] of rows.entries()) {
          if (row['sampled'] === true) sampled++
          if (row['counted'] === true) counted++
          if (row['sampled'] === true || row['counted'] === true) expect(expected[at], texts[at]).toBe(false)
        }
        faulty += expected.filter(Boolean).length
        whole += expected.filter((is) => !is).length
        expect(
          rows.map((row, at) => [values[at] === undefined ? '' : print(values[at]), row['fault'] !== null]),
        ).toEqual(values.map((value, at) => [print(value), expected[at]]))
      }),
      { numRuns: 60 },
    )
    expect(faulty).toBeGreaterThan(100)
    expect(whole).toBeGreaterThan(100)
    expect(sampled).toBeGreaterThan(20)
    expect(counted).toBeGreaterThan(20)
  })
})

it('a fault is what the engine says in its first line, not where another error quotes the SELECT', () => {
  const said = (message: string) => faultIn(new IceboxError('engine/failed', { message }))
  expect(said(`${FAULT_MARK}names 'a' twice`)).toBe("names 'a' twice")
  expect(said(`${FAULT_MARK}has an object as 'a' in the sample, and here "x\ny"`)).toContain('x\ny')
  expect(said(`Could not convert 'x' to INT64\nLINE 1: error('${FAULT_MARK}'`)).toBeUndefined()
  expect(faultIn(new Error(FAULT_MARK))).toBeUndefined()
})

it('--on-error reject sets aside objects of which something would be dropped or become null', async () => {
  await using kit = await openKit()
  const good = Array.from({ length: 3000 }, (_, at) =>
    JSON.stringify({ id: at, meta: { a: at }, tags: ['u'], items: [{ n: 1 }, { n: 2 }] }),
  )
  const bad: readonly (readonly [string, string])[] = [
    ['{"id":1,"meta":"oops"}', 'has an object as \'meta\' in the sample, and here "oops"'],
    ['{"id":1,"tags":{"z":1}}', 'has a list as \'tags\' in the sample, and here {"z":1}'],
    ['{"id":1,"meta":{"a":1,"a":2}}', "names 'meta.a' twice"],
    ['{"id":1,"ID":2}', "has the field 'ID', which the sample did not show"],
    ['{"id":1,"id":2}', "names 'id' twice"],
    ['{"id":1,"late":5}', "has the field 'late', which the sample did not show"],
    ['{"id":1,"meta":{"a":1,"more":5}}', "has the field 'meta.more', which the sample did not show"],
    ['{"id":1,"items":[{"n":1},7]}', "has an object as 'items' in the sample, and here 7"],
    ['{"id":1,"items":[{"n":1,"m":2}]}', "has the field 'items.m', which the sample did not show"],
    ['{"id":"x"}', 'is not long'],
    ['[1]', 'is not a JSON object'],
  ]
  const lines = [...good, ...bad.map(([line]) => line), '', '{"id":-1}', '{"id":-2,"meta":null,"items":[]}']
  const file = await kit.file('rows.ndjson', `${lines.join('\n')}\n`)
  const outcome = await kit.import({ sources: [file], onError: 'reject' })
  expect(outcome).toMatchObject({ rows: 3002, rejectedRows: bad.length })
  const told = (await readFile(outcome.rejectsFile ?? '', 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { line: number; rule: string; raw: string })
  expect(told.map(({ line, rule, raw }) => [line, raw, rule])).toEqual(
    bad.map(([line, rule], at) => [good.length + at + 1, line, rule]),
  )
  expect(await kit.read('SELECT count(*)::INTEGER AS n, count(meta)::INTEGER AS m FROM $T')).toEqual([
    { n: 3002, m: 3000 },
  ])
})

it('objects below hive folders have the values of the folders, set aside or not', async () => {
  await using kit = await openKit()
  await kit.file('hive/year=2023/a.ndjson', '{"id":1}\n{"id":2}\n')
  const late = `${Array.from({ length: 2000 }, (_, at) => `{"id":${at}}\n`).join('')}{"id":"x"}\n`
  const file = await kit.file('hive/year=2024/b.ndjson', late)
  const folder = file.slice(0, file.indexOf('/year='))
  await expect(kit.import({ sources: [folder] })).rejects.toMatchObject({ context: { line: 2001, column: 'id' } })
  expect(await kit.import({ sources: [folder], onError: 'reject' })).toMatchObject({ rows: 2002, rejectedRows: 1 })
  const rows = 'SELECT year::INTEGER AS year, count(*)::INTEGER AS n FROM $T GROUP BY 1 ORDER BY 1'
  expect(await kit.read(rows)).toEqual([
    { year: 2023, n: 2 },
    { year: 2024, n: 2000 },
  ])
})

it.each(['line', 's', 'm', 'tag', 'json', 'filename'])(
  'a folder may be called %s, which SQL of ours may use too, set aside or not',
  async (name) => {
    await using kit = await openKit()
    const file = await kit.file(`hive/${name}=7/a.ndjson`, '{"id":1,"t":"x","o":{"a":1.10}}\n')
    const text = await kit.file(`text/${name}=07/a.ndjson`, '{"id":1,"t":"x","o":{"a":1.10}}\n{"id":"y"}\n')
    await kit.import({ sources: [file.slice(0, file.lastIndexOf('hive') + 4)] })
    const values = `SELECT id, t, o::VARCHAR AS o, "${name}"::VARCHAR AS folder FROM $T`
    expect(await kit.read(values)).toEqual([{ id: 1n, t: 'x', o: "{'a': 1.1}", folder: '7' }])
    const declared = await kit.file('declared.sql', `id BIGINT, t VARCHAR, o STRUCT(a DOUBLE), "${name}" VARCHAR`)
    await kit.import({
      sources: [text.slice(0, text.lastIndexOf('text') + 4)],
      schemaFile: declared,
      onError: 'reject',
      table: { namespace: ['ns'], name: 'text' },
    })
    expect(await kit.read(values, 'text')).toEqual([{ id: 1n, t: 'x', o: "{'a': 1.1}", folder: '07' }])
  },
)

it.each([
  ['lines.ndjson', '{}\n{"a":1}\n{ }\n'],
  ['array.json', '[{},{"a":1},{}]'],
])('an object without fields is a row of nulls: %s', async (name, text) => {
  await using kit = await openKit()
  await kit.import({ sources: [await kit.file(name, text)], preserveOrder: true })
  expect(await kit.read('SELECT a::INTEGER AS a FROM $T')).toEqual([{ a: null }, { a: 1 }, { a: null }])
})

it.each(['[1]', '{"a":1}', '{"b":{"k\\\\":[1]}}'])(
  'a field whose name ends in a backslash is refused by name where it has parts, and read where it has none: %s',
  async (value) => {
    await using kit = await openKit()
    const error = await failure(kit.import({ sources: [await kit.file('nested.ndjson', `{"k\\\\":${value}}\n`)] }))
    expect(error).toMatchObject({ code: 'source/columns', context: { column: 'k\\' } })
    await kit.import({ sources: [await kit.file('plain.ndjson', '{"k\\\\":1.10}\n')] })
    expect(await kit.read('SELECT * FROM $T')).toEqual([{ 'k\\': 1.1 }])
  },
)

it('objects none of which has a field are told from values that are no objects', async () => {
  await using kit = await openKit()
  const failed = async (text: string) => expect(kit.import({ sources: [await kit.file('rows.ndjson', text)] })).rejects
  await (await failed('{}\n{}\n')).toMatchObject({ code: 'source/empty', message: expect.stringContaining('fields') })
  await (await failed('{"a":1}\n[]\n')).toMatchObject({ code: 'source/format' })
})

it.each(['null', '1', '"x"', '[]', '[{"id":1}]', 'NaN', ' true '])(
  'a line that is no object is refused behind the sample too, not taken as a row of nulls: %s',
  async (line) => {
    await using kit = await openKit({ sampleRows: 100 })
    const file = await kit.file('rows.ndjson', `${'{"id":1,"v":2}\n'.repeat(300)}${line}\n{"id":3}\n`)
    await expect(kit.import({ sources: [file] })).rejects.toMatchObject({
      code: 'source/row',
      message: `${file}, line 301: is not a JSON object`,
      remedy: expect.stringContaining('{"name": value, …}'),
    })
    expect(await kit.import({ sources: [file], onError: 'reject' })).toMatchObject({ rows: 301, rejectedRows: 1 })
  },
)

/** 300 lines that fit, of which 100 are sampled, a blank one, one that does not fit, and one more. */
const LATE = {
  good: (id: number) => `{"id":${id},"v":true,"l":[1],"o":{"x":1},"d":"2020-01-01"}`,
  cases: [
    ['{"id":301,"v":1}', 'v', '1'],
    ['{"id":301,"l":[[1]]}', 'l', '[1]'],
    ['{"id":301,"l":[1,"true",2]}', 'l', 'true'],
    ['{"id":301,"o":{"x":1.5}}', 'o', '1.5'],
    ['{"id":301,"d":"20200101"}', 'd', '20200101'],
  ],
} as const
const lateLines = (bad: string) =>
  [...Array.from({ length: 300 }, (_, at) => LATE.good(at + 1)), '', bad, LATE.good(302)].join('\n')

it.each(LATE.cases)(
  'the line of a value that does not fit is its own, not the first with that text: %s',
  async (bad, column, value) => {
    await using kit = await openKit({ sampleRows: 100 })
    const file = await kit.file('rows.ndjson', lateLines(bad))
    await expect(kit.import({ sources: [file] })).rejects.toMatchObject({
      code: 'source/row',
      context: { file, line: 302, column, value },
    })
  },
)

it.each(LATE.cases)(
  '--on-error reject sets a row aside by what is wrong in it, at any depth: %s',
  async (bad, column, value) => {
    await using kit = await openKit({ sampleRows: 100 })
    const file = await kit.file('rows.ndjson', lateLines(bad))
    const outcome = await kit.import({ sources: [file], onError: 'reject' })
    expect(outcome).toMatchObject({ rows: 301, rejectedRows: 1 })
    expect(JSON.parse(await readFile(outcome.rejectsFile ?? '', 'utf8'))).toMatchObject({
      line: 302,
      column,
      value,
      raw: bad,
    })
  },
)

it.each(LATE.cases)('objects that are no lines are told by their number: %s', async (bad, column, value) => {
  await using kit = await openKit({ sampleRows: 100 })
  const objects = lateLines(bad)
    .split('\n')
    .filter((line) => line !== '')
  const failed = kit.import({ sources: [await kit.file('rows.json', `[${objects.join(',\n')}]`)] })
  await expect(failed).rejects.toMatchObject({ code: 'source/row', context: { object: 301, column, value } })
})
