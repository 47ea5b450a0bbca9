import { readFile } from 'node:fs/promises'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonShape } from '../../src/ingest/read/description.ts'
import { faultOf } from '../../src/ingest/read/json-faults.ts'
import { quoteText } from '../../src/ingest/sql.ts'
import { openKit } from './ingest-kit.ts'
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

  it('is told of every object that has it, and of no other', async () => {
    await using session = await bench.engine.session()
    const objects = valueOf(SHAPE).filter((value) => typeof value !== 'string' && 'fields' in value)
    let faulty = 0
    let whole = 0
    await fc.assert(
      fc.asyncProperty(fc.array(objects, { minLength: 20, maxLength: 40 }), async (values) => {
        const texts = values.map((value) => `(${quoteText(print(value))})`).join(', ')
        const rows = await session.all(`SELECT ${faultOf(SHAPE, 'line')} AS fault FROM (VALUES ${texts}) t(line)`)
        const expected = values.map((value) => isFaulty(SHAPE, value))
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
  })
})

it('--on-error reject sets aside objects of which something would be dropped or become null', async () => {
  await using kit = await openKit()
  const good = Array.from({ length: 3000 }, (_, at) =>
    JSON.stringify({ id: at, meta: { a: at }, tags: ['u'], items: [{ n: 1 }, { n: 2 }] }),
  )
  const bad: readonly (readonly [string, string])[] = [
    ['{"id":1,"meta":"oops"}', "'meta' is an object in the sample, and here VARCHAR"],
    ['{"id":1,"tags":{"z":1}}', "'tags' is a list in the sample, and here OBJECT"],
    ['{"id":1,"meta":{"a":1,"a":2}}', "names a field of 'meta' twice"],
    ['{"id":1,"ID":2}', "has the field 'ID', which the sample did not show"],
    ['{"id":1,"id":2}', 'names a field twice'],
    ['{"id":1,"late":5}', "has the field 'late', which the sample did not show"],
    ['{"id":1,"meta":{"a":1,"more":5}}', "has the field 'meta.more', which the sample did not show"],
    ['{"id":1,"items":[{"n":1},7]}', "'items' is an object in the sample, and here UBIGINT"],
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
