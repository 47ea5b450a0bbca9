import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  LargeBinary,
  LargeUtf8,
  List,
  makeData,
  Map_,
  Null,
  RecordBatch,
  RecordBatchFileWriter,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  TimeMicrosecond,
  TimestampNanosecond,
  Uint64,
  Utf8,
  Vector,
  vectorFromArray,
} from 'apache-arrow'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { arrowBatches } from '../../src/ingest/arrow/arrow-batches.ts'
import { SlabPool } from '../../src/memory/index.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const field = (name: string, type: DataType) => new Field(name, type, true)
const entries = (value: DataType) =>
  new Field('entries', new Struct([new Field('key', new Utf8(), false), field('value', value)]), false)

/** Every layout that the engine takes, and how a value of it is made from a number. */
const TYPES: readonly (readonly [DataType, (seed: number) => unknown])[] = [
  [new Null(), () => null],
  [new Bool(), (n) => n % 3 === 0],
  [new Int8(), (n) => n % 128],
  [new Int16(), (n) => n],
  [new Int32(), (n) => n * 7],
  [new Int64(), (n) => BigInt(n) << 40n],
  [new Uint64(), (n) => (1n << 63n) + BigInt(n)],
  [new Float32(), (n) => n / 4],
  [new Float64(), (n) => n / 3],
  [new Decimal(2, 20, 128), (n) => Uint32Array.of(n, n, 0, 0)],
  [new DateDay(), (n) => new Date(n * 86_400_000)],
  [new DateMillisecond(), (n) => new Date(n * 86_400_000)],
  [new TimeMicrosecond(), (n) => BigInt(n)],
  [new TimestampNanosecond(), (n) => n * 1003],
  [new Utf8(), (n) => 'ä'.repeat(n % 40)],
  [new LargeUtf8(), (n) => `text ${n}`],
  [new Binary(), (n) => Uint8Array.from({ length: n % 9 }, () => n % 256)],
  [new LargeBinary(), (n) => Uint8Array.of(n % 256)],
  [new FixedSizeBinary(3), (n) => Uint8Array.of(n % 256, 1, 2)],
  [new List(field('item', new Utf8())), (n) => Array.from({ length: n % 5 }, (_, at) => (at === 2 ? null : `i${n}`))],
  [new List(field('item', new Bool())), (n) => Array.from({ length: n % 7 }, (_, at) => at % 2 === 0)],
  [
    new List(field('item', new List(field('item', new Int32())))),
    (n) => Array.from({ length: n % 3 }, () => [n, null]),
  ],
  [new FixedSizeList(3, field('item', new Int16())), (n) => [n, null, 3]],
  [
    new Struct([field('a', new Bool()), field('b', new List(field('item', new Utf8())))]),
    (n) => ({ a: n % 2 === 0, b: [`${n}`] }),
  ],
  [new Dictionary(new Utf8(), new Int16()), (n) => `name ${n % 5}`],
  [new Map_(entries(new Int32())), (n) => new Map(Array.from({ length: n % 4 }, (_, at) => [`k${at}`, n]))],
]

function batchOf(types: typeof TYPES, seeds: readonly (number | null)[]): RecordBatch {
  const schema = new Schema(types.map(([type], at) => field(`c${at}`, type)))
  const children = types.map(([type, valueOf]) => {
    const values = seeds.map((seed) => (seed === null ? null : valueOf(seed)))
    const [data] = vectorFromArray(values, type).data
    return data ?? makeData({ type: new Null(), length: 0 })
  })
  const struct = makeData({ type: new Struct(schema.fields), length: seeds.length, nullCount: 0, children })
  return new RecordBatch(schema, struct)
}

function rowsOf(batch: RecordBatch): string[] {
  const rows: string[] = []
  for (let row = 0; row < batch.numRows; row++) {
    rows.push(
      JSON.stringify(
        batch.schema.fields.map((_, at) => plain(new Vector([batch.data.children[at] ?? fail()]).get(row))),
      ),
    )
  }
  return rows
}

function fail(): never {
  throw new Error('a column is missing')
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Vector || ArrayBuffer.isView(value)) return Array.from(value as Iterable<unknown>, plain)
  if (typeof value === 'object' && value !== null && Symbol.iterator in value) {
    return Array.from(value as Iterable<unknown>, plain)
  }
  return Array.isArray(value) ? value.map(plain) : value
}

async function fileOf(batches: readonly RecordBatch[], format: 'file' | 'stream'): Promise<string> {
  const path = join(folder, `${format}.arrow`)
  const writer = format === 'file' ? new RecordBatchFileWriter() : new RecordBatchStreamWriter()
  for (const batch of batches) writer.write(batch)
  writer.close()
  await writeFile(path, await writer.toUint8Array())
  return path
}

/** A pool that overwrites what is given back, and says what is not. */
function pool({ maxBytes = 1 << 28 } = {}): SlabPool {
  return new SlabPool({
    budget: { tryReserve: () => ({ release: () => undefined }) },
    poolSizeBytes: 1 << 20,
    maxBytes,
    defragThreshold: 0.5,
    detectLeaks: true,
  })
}

describe('record batches of a file', () => {
  it('rows of a batch that is cut are those of the whole, in order, for every layout and at any size', async () => {
    const seeds = fc.array(fc.option(fc.nat(30_000), { freq: 4 }), { minLength: 1, maxLength: 700, size: 'max' })
    const some = fc.uniqueArray(fc.nat(TYPES.length - 1), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(
        seeds,
        some,
        fc.integer({ min: 1, max: 20_000 }),
        fc.boolean(),
        async (rows, picks, most, isFile) => {
          const whole = batchOf(
            picks.flatMap((at) => TYPES.slice(at, at + 1)),
            rows,
          )
          const path = await fileOf([whole], isFile ? 'file' : 'stream')
          const buffers = pool()
          const cut: string[] = []
          for await (const batch of arrowBatches([path], { buffers, consumer: 'test', mostBatchBytes: most })) {
            cut.push(...rowsOf(batch))
          }
          expect(cut).toEqual(rowsOf(whole))
          expect(buffers.statistics().leasedBytes).toBe(0)
          buffers.close()
        },
      ),
      { numRuns: 60 },
    )
  })

  it('streams behind a doubled end, and behind none, are read', async () => {
    const { tableFromArrays, tableToIPC } = await import('apache-arrow')
    const one = tableToIPC(tableFromArrays({ id: Int32Array.of(1) }), 'stream')
    const end = one.subarray(-8)
    const path = join(folder, 'several.arrow')
    await writeFile(path, Buffer.concat([one, end, one.subarray(0, -8), one, end, end]))
    const buffers = pool()
    const rows: string[] = []
    for await (const batch of arrowBatches([path], { buffers, consumer: 'test' })) rows.push(...rowsOf(batch))
    expect(rows).toEqual(['[1]', '[1]', '[1]'])
    buffers.close()
  })

  it('memory for a batch that cannot be had is refused before it is read, and nothing stays leased', async () => {
    const path = await fileOf(
      [
        batchOf(
          TYPES.slice(5, 6),
          Array.from({ length: 4000 }, (_, at) => at),
        ),
      ],
      'stream',
    )
    const buffers = pool({ maxBytes: 4096 })
    const room = { buffers, consumer: 'import 7', mostBatchBytes: 16_000 }
    const error: unknown = await arrowBatches([path], room)
      .next()
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'memory/refused', context: { consumer: 'import 7/arrow' } })
    expect(buffers.statistics().leasedBytes).toBe(0)
    buffers.close()
  })

  it('a Feather file of version 1 is refused by name', async () => {
    const path = join(folder, 'old.feather')
    await writeFile(path, 'FEA1 and so on')
    await expect(arrowBatches([path], { buffers: pool(), consumer: 'test' }).next()).rejects.toMatchObject({
      code: 'source/format',
      message: expect.stringContaining('version 1'),
    })
  })
})
