import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Schema } from '../../src/iceberg/index.ts'
import { SlabPool } from '../../src/memory/index.ts'
import { RowEncoder } from '../../src/ingest/stream/encode-rows.ts'
import { RowWindow } from '../../src/ingest/stream/row-window.ts'

const SCHEMA: Schema = {
  schemaId: 0,
  fields: [
    { id: 1, name: 'id', required: true, type: { kind: 'long' } },
    { id: 2, name: 'text', required: false, type: { kind: 'string' } },
  ],
  identifierFieldIds: [],
}
const MB = 1_000_000

function poolOf(budgetBytes: number) {
  let heldBytes = 0
  return new SlabPool({
    budget: {
      tryReserve: ({ bytes }) => {
        if (heldBytes + bytes > budgetBytes) return undefined
        heldBytes += bytes
        return { release: () => void (heldBytes -= bytes) }
      },
    },
    poolSizeBytes: 0,
    maxBytes: 100 * MB,
    defragThreshold: 0.9,
  })
}
const encode = (rows: readonly unknown[], buffers = poolOf(100 * MB), mostRowBytes = 10 * MB) =>
  new RowEncoder(SCHEMA, mostRowBytes).encode(rows, { buffers, consumer: 'test' })
/** A piece is copied before the next one is asked for. */
function textOf(pieces: Iterable<Uint8Array>): Buffer {
  const copies: Buffer[] = []
  for (const piece of pieces) copies.push(Buffer.from(piece))
  return Buffer.concat(copies)
}
const wide = (count: number, characters: number) =>
  Array.from({ length: count }, (_, id) => ({ id, text: `é${id}`.padEnd(8, 'x').repeat(characters / 8) }))

describe('encoded rows', () => {
  it.each([
    ['a few, which are held', wide(7, 8), true],
    ['some in several pieces', wide(200, 8_000), true],
    ['more than are held, which are encoded again', wide(700, 8_000), false],
    ['one longer than a piece', wide(1, 5_000_000), false],
  ])('%s: lines, length and checksum agree, and nothing is leased afterwards', (_what, rows, isHeld) => {
    const buffers = poolOf(100 * MB)
    const encoded = encode(rows, buffers)
    expect(encoded.isHeld).toBe(isHeld)
    expect(buffers.statistics().leasedBytes).toBe(encoded.heldBytes)
    for (const _again of [1, 2]) {
      const bytes = textOf(encoded.pieces())
      expect({ bytes: bytes.length, crc: crc32(bytes) }).toEqual({ bytes: encoded.count.bytes, crc: encoded.count.crc })
      const lines = bytes.toString().split('\n').slice(0, -1)
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(rows.map(({ id, text }) => ({ 1: id, 2: text })))
      expect(encoded.count.longest).toBeGreaterThanOrEqual(Math.max(...lines.map((line) => Buffer.byteLength(line))))
    }
    encoded[Symbol.dispose]()
    expect(buffers.statistics()).toMatchObject({ leases: 0, pinnedLeases: 0 })
  })

  it.each([
    ['a bad row', [...wide(300, 8_000), { id: 'x' }], 100 * MB, { code: 'source/row', context: { row: 300 } }],
    ['no memory', wide(300, 8_000), MB, { code: 'memory/refused' }],
    [
      'a row above the limit',
      [{ id: 1 }, ...wide(1, 12_000_000)],
      100 * MB,
      { code: 'source/row', context: { row: 1, column: 'text', limitBytes: 10 * MB } },
    ],
    ['an append above the limit', wide(9_000, 8_000), 100 * MB, { code: 'usage/invalid' }],
  ])('%s leaves nothing leased', (_what, rows, budgetBytes, error) => {
    const buffers = poolOf(budgetBytes)
    expect(() => encode(rows, buffers)).toThrow(expect.objectContaining({ code: error.code }))
    try {
      encode(rows, buffers)
    } catch (thrown) {
      expect(thrown).toMatchObject(error)
    }
    expect(buffers.statistics().leases).toBe(0)
  })

  it.each([
    ['longer', (row: { text: string }) => (row.text += 'x')],
    ['shorter', (row: { text: string }) => (row.text = '')],
    ['other', (row: { text: string }) => (row.text = `y${row.text.slice(1)}`)],
  ])('that are encoded again and %s by now are told', (_how, change) => {
    const rows = wide(700, 8_000)
    using encoded = encode(rows)
    const row = rows[650]
    if (row !== undefined) change(row)
    expect(() => textOf(encoded.pieces())).toThrow(expect.objectContaining({ code: 'usage/invalid' }))
  })

  it('of any values are the lines of each row in turn', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ id: fc.maxSafeInteger(), text: fc.string({ unit: 'grapheme' }) })), (rows) => {
        using encoded = encode(rows)
        const one = rows.map((row) => textOf(encode([row]).pieces()))
        expect(textOf(encoded.pieces())).toEqual(Buffer.concat(one))
      }),
    )
  })
})

describe('the window of rows', () => {
  it('is full at its limit, tells when something is let go, and each hold is let go once', async () => {
    const window = new RowWindow(10)
    const first = window.hold(9)
    expect(window.isFull).toBe(false)
    const second = window.hold(5)
    expect(window.isFull).toBe(true)
    const changed = window.changed(undefined)
    second[Symbol.dispose]()
    await changed
    second[Symbol.dispose]()
    expect(window.isFull).toBe(false)
    window.hold(1)
    expect(window.isFull).toBe(true)
    first[Symbol.dispose]()
    expect(window.isFull).toBe(false)
  })

  it('is not waited for by who cancels', async () => {
    const window = new RowWindow(1)
    window.hold(1)
    const cancel = new AbortController()
    const waiting = window.changed(cancel.signal)
    cancel.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
  })
})
