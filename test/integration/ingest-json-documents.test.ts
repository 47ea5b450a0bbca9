import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { zstdFrame } from '../support/zstd-frame.ts'
import { failure, type Kit, openKit } from './ingest-kit.ts'

const spooled = async (kit: Kit) => {
  const folder = kit.services.settings.spoolDirectory
  return existsSync(folder) ? readdir(folder) : []
}

const ARRAY = '\uFEFF\n[\n  {"a": 1, "n": 1.10},\n  {"a": 2,\n   "n": "x"}\n]\n'
const ROWS = [
  { a: 1, n: '1.10' },
  { a: 2, n: 'x' },
]

it.each([
  ['array.json', ARRAY],
  ['array.json.gz', gzipSync(ARRAY)],
  ['array.json.zst', zstdFrame(Buffer.from(ARRAY.slice(1)))],
  ['objects.json', '{"a":1,\r\n"n":1.10}{"a":2,\n"n":"x"}'],
  ['objects.json.zst', zstdFrame(Buffer.from('{"a":1,\n"n":1.10}\n{"a":2,\n"n":"x"}'))],
])(
  'objects of a document are rows with the numbers of the file, and nothing is left on disk: %s',
  async (name, content) => {
    await using kit = await openKit()
    const file = await kit.file(name, content)
    expect(await kit.import({ sources: [file], preserveOrder: true })).toMatchObject({ rows: 2 })
    expect(await kit.read('SELECT a::INTEGER AS a, n FROM $T')).toEqual(ROWS)
    expect(await spooled(kit)).toEqual([])
  },
)

it('documents of a glob, one of them without objects and one without a byte, are imported together', async () => {
  await using kit = await openKit()
  await kit.file('many/1.json', '[{"a":1}]')
  await kit.file('many/2.json', '[]')
  await kit.file('many/3.json', '')
  const last = await kit.file('many/4.json', '{"a":\n2}\n\n{"a":\n3}')
  const folder = last.slice(0, -'/4.json'.length)
  const outcome = await kit.import({ sources: [join(folder, '*.json')], preserveOrder: true })
  expect(outcome.notes.join('\n')).toContain('3.json is empty')
  expect(await kit.read('SELECT a::INTEGER AS a FROM $T')).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }])
})

it.each([false, true])(
  'a value that does not fit is named with its document, object and line (in parts: %s)',
  async (isWhole) => {
    await using kit = await openKit({ sampleRows: 3 })
    await kit.file('many/1.json', '[{"a":1},{"a":2},\n{"a":3}]')
    const file = await kit.file('many/2.json', '[\n{"a":4},\n{\n"a":"x"}]')
    const sources = [file.slice(0, -'/2.json'.length)]
    const error = await failure(kit.import({ sources, ...(isWhole && { partitionBy: 'bucket(4, a)' }) }))
    expect(error).toMatchObject({ code: 'source/row', context: { file, object: 2, line: 3, column: 'a', value: 'x' } })
    expect(error.message).toBe(`${file}, object 2 (line 3), column 'a': 'x' is not long`)
    expect(error.remedy).not.toContain('reject')
    expect(await spooled(kit)).toEqual([])
  },
)

it('a document that is longer than a piece is imported while it is read, errors in a later piece have their place', async () => {
  await using kit = await openKit({ sampleRows: 100 })
  const objects = Array.from({ length: 420 }, (_, at) => `{"a":${at},\n"t":"${'é'.repeat(50_000)}"}`)
  const sources = [await kit.file('long.json', `[${objects.join(',\n')}]`)]
  expect(await kit.import({ sources, preserveOrder: true })).toMatchObject({ rows: 420 })
  expect(
    await kit.read('SELECT sum(a)::INTEGER AS a, min(len(t))::INTEGER AS l, max(len(t))::INTEGER AS m FROM $T'),
  ).toEqual([{ a: (420 * 419) / 2, l: 50_000, m: 50_000 }])
  const plan = await kit.plan({ sources, table: { namespace: ['ns'], name: 'u' }, tableName: 'ns.u' })
  expect(plan.details.documents?.pipe).toBeDefined()
  await plan.details.documents?.remove()
  for (const [bad, code] of [
    ['{"a":"x"}]', 'source/row'],
    ['{"a":]]', 'source/row'],
    ['{"a":1,"late":1}]', 'schema/mismatch'],
    ['{"a":1', 'source/truncated'],
  ] as const) {
    const file = await kit.file('bad.json', `[${[...objects, bad].join(',\n')}`)
    const table = { namespace: ['ns'], name: 'bad' }
    const error = await failure(kit.import({ sources: [file], table, tableName: 'ns.bad' }))
    expect(error, bad).toMatchObject({ code })
    expect(error.message, bad).toContain(file)
    if (code !== 'schema/mismatch') expect(error.context).toMatchObject({ object: 421, line: 841 })
    expect(await kit.catalog.tableExists(table)).toBe(false)
    expect(await spooled(kit)).toEqual([])
  }
}, 60_000)

it('a document on standard input is told by its name', async () => {
  await using kit = await openKit({ sampleRows: 1 })
  const standardInput = Readable.from([Buffer.from('[{"a":1},\n'), Buffer.from('{"a":2}]')])
  expect(await kit.import({ sources: ['-'], standardInput, format: 'json' })).toMatchObject({ rows: 2 })
  const bad = Readable.from([Buffer.from('[{"a":1},\n{"a":"x"}]')])
  const table = { namespace: ['ns'], name: 'bad' }
  const error = await failure(kit.import({ sources: ['-'], standardInput: bad, table, tableName: 'ns.bad' }))
  expect(error.message).toBe("standard input, object 2 (line 2), column 'a': 'x' is not long")
  expect(await spooled(kit)).toEqual([])
})

it('rows of documents cannot be set aside', async () => {
  await using kit = await openKit()
  const failed = kit.import({ sources: [await kit.file('rows.json', '[{"a":1}]')], onError: 'reject' })
  await expect(failed).rejects.toMatchObject({ code: 'usage/invalid' })
})

it('an object above ingest.max_line_size is refused with its place and the limit', async () => {
  await using kit = await openKit()
  const file = await kit.file('long.json', `[{"a":1},\n{"a":"${'x'.repeat(5_000_000)}"}]`)
  const services = { ...kit.services, settings: { ...kit.services.settings, maxLineSizeBytes: 4_000_000 } }
  const error = await failure(
    (await import('../../src/ingest/index.ts')).planImport(
      { table: { namespace: ['ns'], name: 't' }, tableName: 'ns.t', mode: 'create', sources: [file] },
      services,
    ),
  )
  expect(error).toMatchObject({
    code: 'source/line-too-long',
    context: { file, object: 2, line: 2, limitBytes: 4_000_000 },
  })
})
