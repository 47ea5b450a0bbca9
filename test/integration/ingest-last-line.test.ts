import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { failure, type Kit, openKit } from './ingest-kit.ts'

// As at a budget of 256MB: buffers of less than 4 MB, of which the line fills three.
let small: Kit
/** For JSON, whose buffers are of 2 MB everywhere, and whose documents are held several times. */
let roomy: Kit
beforeAll(async () => {
  small = await openKit({ memoryLimitBytes: 90_000_000 })
  roomy = await openKit()
})
afterAll(async () => {
  await small[Symbol.asyncDispose]()
  await roomy[Symbol.asyncDispose]()
})

const CSV_BYTES = 9_000_000
const JSON_BYTES = 4_500_000
const long = 'x'.repeat(CSV_BYTES)
const longJson = 'x'.repeat(JSON_BYTES)
const few = Array.from({ length: 20_000 }, (_, at) => at)
const csv = `id,p,v\n${few.map((id) => `${id},${id % 3},short\n`).join('')}7,1,${long}`
const ndjson = `${few.map((id) => `{"id":${id},"p":${id % 3},"v":"short"}\n`).join('')}{"id":7,"p":1,"v":"${longJson}"}`

/** A zstd frame of blocks that are not compressed (RFC 8878, section 3.1.1). */
function zstd(text: string): Buffer {
  const bytes = Buffer.from(text)
  const parts = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x70])]
  for (let at = 0; at < bytes.length; at += 131_072) {
    const block = bytes.subarray(at, at + 131_072)
    const head = Buffer.alloc(3)
    head.writeUIntLE((block.length << 3) | (at + block.length === bytes.length ? 1 : 0), 0, 3)
    parts.push(head, block)
  }
  return Buffer.concat(parts)
}

it.each([
  ['CSV', 'a.csv', csv, {}],
  ['CSV of one row', 'one.csv', `id,p,v\n7,1,${long}`, {}],
  ['CSV into partitions', 'parts.csv', csv, { partitionBy: 'p' }],
  ['CSV whose bad rows are set aside', 'rejects.csv', csv, { onError: 'reject' as const }],
  ['CSV in its order', 'order.csv', csv, { preserveOrder: true }],
  ['packed CSV', 'packed.csv.gz', gzipSync(csv), {}],
  ['CSV in zstd', 'packed.csv.zst', zstd(csv), {}],
  ['lines of JSON in zstd', 'packed.ndjson.zst', zstd(ndjson), {}],
  ['lines of JSON', 'a.ndjson', ndjson, {}],
  ['one line of JSON', 'one.ndjson', `{"id":7,"p":1,"v":"${longJson}"}`, {}],
  ['lines of JSON into partitions', 'parts.ndjson', ndjson, { partitionBy: 'p' }],
  ['lines of JSON whose bad ones are set aside', 'rejects.ndjson', ndjson, { onError: 'reject' as const }],
  ['packed lines of JSON', 'packed.ndjson.gz', gzipSync(ndjson), {}],
])('a long last line without an end is imported (N16): %s', async (_what, name, content, how) => {
  const kit = name.includes('ndjson') ? roomy : small
  const rows = name.startsWith('one') ? 1 : few.length + 1
  const table = name.replaceAll('.', '_')
  const outcome = await kit.import({
    sources: [await kit.file(name, content)],
    table: { namespace: ['ns'], name: table },
    ...how,
  })
  expect(outcome).toMatchObject({ rows, rejectedRows: 0 })
  expect(await kit.read('SELECT count(*)::INTEGER AS n, max(strlen(v))::INTEGER AS longest FROM $T', table)).toEqual([
    { n: rows, longest: name.includes('ndjson') ? JSON_BYTES : CSV_BYTES },
  ])
})

it('one that is longer than the limit is refused with its line', async () => {
  const source = await small.file('too-long.csv', `id,v\n1,a\n2,${'x'.repeat(65_000_000)}`)
  expect(
    await failure(small.import({ sources: [source], table: { namespace: ['ns'], name: 'too_long' } })),
  ).toMatchObject({
    code: 'source/line-too-long',
    context: { line: 3, limitBytes: 64_000_000 },
  })
})
