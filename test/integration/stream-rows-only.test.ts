import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Schema } from '../../src/iceberg/index.ts'
import { RowEncoder } from '../../src/ingest/stream/encode-rows.ts'
import { rowsOnly } from '../../src/ingest/stream/rows-only.ts'
import { OpenSegment } from '../../src/ingest/stream/segment-file.ts'
import { SlabPool } from '../../src/memory/index.ts'

const SCHEMA: Schema = {
  schemaId: 0,
  fields: [{ id: 1, name: 'text', required: false, type: { kind: 'string' } }],
  identifierFieldIds: [],
}
const buffers = new SlabPool({
  budget: { tryReserve: () => ({ release: () => undefined }) },
  poolSizeBytes: 0,
  maxBytes: 100_000_000,
  defragThreshold: 0.9,
})

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-rows-only-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

let segments = 0
async function segmentOf(appends: readonly (readonly string[])[]) {
  const encoder = new RowEncoder(SCHEMA, 100_000_000)
  // Sequences are file names, too.
  const first = ++segments * 1_000
  const segment = await OpenSegment.create(folder, SCHEMA, first)
  for (const texts of appends) {
    using rows = encoder.encode(
      texts.map((text) => ({ text })),
      { buffers, consumer: 'test' },
    )
    await segment.append([{ rows, key: null }])
  }
  return { first, ...(await segment.seal()) }
}

const linesOf = async (path: string) => (await readFile(path, 'utf8')).split(/(?<=\n)/)

/** Rows from short to longer than what is read at once. */
const lengths = fc.oneof(
  { weight: 8, arbitrary: fc.nat(300) },
  { weight: 1, arbitrary: fc.integer({ min: 1_000_000, max: 2_300_000 }) },
)
const appends = fc.array(fc.array(lengths, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 6 })

it('copies of a segment hold its rows in order, each file full with its last row, and nothing of what is left out', async () => {
  await fc.assert(
    fc.asyncProperty(appends, fc.nat(5), fc.constantFrom(1, 100, 1_500_000), async (given, left, fileBytes) => {
      let next = 0
      const texts = given.map((some) => some.map((length) => `${next++}`.padEnd(length, 'x')))
      const { path, first } = await segmentOf(texts)
      const without = new Set([first + left])
      const paths = await rowsOnly(path, { without, fileBytes, folder: join(folder, `copies-${first}`) })
      const files = await Promise.all(paths.map(linesOf))
      const expected = texts.filter((_, at) => at !== left).flat()
      expect(files.flat()).toEqual(expected.map((text) => `{"1":"${text}"}\n`))
      for (const [at, lines] of files.entries()) {
        const bytes = lines.join('').length
        expect(bytes - (lines.at(-1)?.length ?? 0)).toBeLessThan(fileBytes)
        if (at < files.length - 1) expect(bytes).toBeGreaterThanOrEqual(fileBytes)
      }
    }),
    { numRuns: 40 },
  )
})

it('a segment that was changed after it was sealed is told: its rows from there on would be left out', async () => {
  const { path, first } = await segmentOf([['a'], ['b'], ['c']])
  const bytes = await readFile(path)
  bytes[bytes.indexOf('"b"') + 1] = 0x7a
  await writeFile(path, bytes)
  const copied = rowsOnly(path, { without: new Set([first]), fileBytes: 100, folder: join(folder, 'copies-damaged') })
  await expect(copied).rejects.toMatchObject({ code: 'stream/damaged', context: { file: path } })
})
