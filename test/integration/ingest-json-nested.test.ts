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
