import { expect, it } from 'vitest'
import { failure, openKit } from './ingest-kit.ts'

const column = (values: readonly string[]) => `v\n${values.join('\n')}\n`
const whole = Array.from({ length: 600 }, (_, at) => String(at + 1))
const times = whole.map((_, at) => `2024-01-01 10:${String(at % 60).padStart(2, '0')}:00`)

it.each([
  ['+3', "its '+' would be lost"],
  [' 3', 'its blanks would be lost'],
  ['3 ', 'its blanks would be lost'],
  ['007', 'its leading zeros would be lost'],
])('%j after the sample is not taken for another text of the same number', async (value, why) => {
  await using kit = await openKit({ sampleRows: 300 })
  for (const numbers of [whole, whole.map((number) => `1234567890123456789${number}`)]) {
    const error = await failure(kit.import({ sources: [await kit.file('late.csv', column([...numbers, value]))] }))
    expect(error).toMatchObject({ code: 'source/row', context: { line: 602, value } })
    expect(error.message).toContain(why)
  }
  const declared = await kit.file('declared.sql', 'v BIGINT')
  const done = await kit.import({
    sources: [await kit.file('late.csv', column([...whole, value]))],
    schemaFile: declared,
  })
  expect(done.rows).toBe(601)
})

const repeated = (value: string) => Array.from({ length: 600 }, () => value)

it.each([
  ['2024-01-02', '24-01-02'],
  ['2024-01-02T03:04:05Z', '2024-01-02T03:04:05+25:00'],
  ['2024-01-02T03:04:05Z', '2024-01-02T03:04:05+02:75'],
  ['2024-01-02T03:04:05Z', '2024-01-02T03:04:05 Z'],
  ['2024-01-02T03:04:05Z', '2024-01-02 03:04:05 PM'],
])('in a column of %s the engine reads %s otherwise than it says, or not: the row is told', async (usual, value) => {
  await using kit = await openKit({ sampleRows: 300 })
  const path = await kit.file('late.csv', column([...repeated(usual), value]))
  const error = await failure(kit.import({ sources: [path] }))
  expect(error).toMatchObject({ code: 'source/row', context: { file: path, line: 602, value } })
})

it.each([
  ['2024-01-02T03:04Z', 'VARCHAR'],
  ['2024-01-02 03:04:05 +02:00', 'VARCHAR'],
  ['2024-01-02T03:04:05+25:00', 'VARCHAR'],
  ['2024-01-02T03:04:05+02:30', 'TIMESTAMP WITH TIME ZONE'],
])('a column of %s is %s, and imported', async (value, type) => {
  await using kit = await openKit()
  const outcome = await kit.import({ sources: [await kit.file('times.csv', column(repeated(value)))] })
  expect(outcome.rows).toBe(600)
  expect(await kit.read('SELECT DISTINCT typeof(v) AS type FROM $T')).toEqual([{ type }])
})

it('dates with slashes among timestamps become midnight, as others do', async () => {
  await using kit = await openKit()
  await kit.import({ sources: [await kit.file('days.csv', column(['2024/01/02', '2024-01-03 04:05:06']))] })
  expect(await kit.read('SELECT v::VARCHAR AS v FROM $T ORDER BY v')).toEqual([
    { v: '2024-01-02 00:00:00' },
    { v: '2024-01-03 04:05:06' },
  ])
})

it.each([
  [whole, '-0', "'-0' becomes 0"],
  [whole.map((number) => `${number}.5`), '1e-400', "'1e-400' is closer to 0 than to any other double"],
  [whole.map((number) => `${number}.5`), '0.1234567890123456789', 'rounded'],
  [whole.map((number) => `${number}.5`), 'nan', "'nan' is read as what a double calls so"],
  [times, '2024-01-02', "'2024-01-02' has no time and becomes midnight"],
])('what changes far back in the sample is a note: %#', async (values, value, note) => {
  await using kit = await openKit()
  const plan = await kit.plan({ sources: [await kit.file('far.csv', column([...values, value]))] })
  expect(plan.notes.join('\n')).toContain(note)
  expect((await kit.plan({ sources: [await kit.file('plain.csv', column(values))] })).notes).toEqual([])
})
