import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkedLine, type Frame, frameLine, scanSegment } from '../../src/ingest/stream/frame.ts'

const HEADER = '{"schema":1}'
/** Rows of an append: any text, cut into lines. */
const bodies = fc.array(fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { minLength: 1, maxLength: 4 }), {
  maxLength: 5,
})

function segmentOf(appends: readonly string[][]): { bytes: Buffer; ends: number[]; frames: Frame[] } {
  const parts = [Buffer.from(checkedLine(HEADER))]
  const frames: Frame[] = []
  const ends: number[] = []
  let length = parts[0]?.length ?? 0
  for (const [at, texts] of appends.entries()) {
    const body = Buffer.from(texts.map((text) => `${JSON.stringify({ 1: text })}\n`).join(''))
    const key = at % 2 === 0 ? null : `key ${at}`
    const frame = {
      sequence: at + 7,
      rows: texts.length,
      bytes: body.length,
      longest: body.length,
      key,
      crc: crc32(body),
    }
    frames.push(frame)
    const line = Buffer.from(frameLine(frame))
    parts.push(line, body)
    length += line.length + body.length
    ends.push(length)
  }
  return { bytes: Buffer.concat(parts), ends, frames }
}

const scan = (bytes: Uint8Array) =>
  scanSegment(async (offset, length) => bytes.subarray(offset, Math.min(bytes.length, offset + length)))
const plain = ({ sequence, rows, bytes, longest, key, crc }: Frame) => ({ sequence, rows, bytes, longest, key, crc })

describe('a segment', () => {
  it('cut at any byte gives the appends before the cut, and nothing of the one that was cut (N9)', async () => {
    await fc.assert(
      fc.asyncProperty(bodies, async (appends) => {
        const { bytes, ends, frames } = segmentOf(appends)
        const headerBytes = Buffer.byteLength(checkedLine(HEADER))
        for (let cut = 0; cut <= bytes.length; cut++) {
          const found = await scan(bytes.subarray(0, cut))
          const whole = ends.filter((end) => end <= cut).length
          expect(found.frames.map(plain)).toEqual(frames.slice(0, whole))
          expect(found.header).toBe(cut < headerBytes ? undefined : HEADER)
          expect(found.validBytes).toBe(cut < headerBytes ? 0 : (ends[whole - 1] ?? headerBytes))
        }
      }),
      { numRuns: 20 },
    )
  })

  it('with any byte changed gives only appends before it (N9)', async () => {
    await fc.assert(
      fc.asyncProperty(bodies, fc.nat(), fc.integer({ min: 1, max: 255 }), async (appends, place, change) => {
        const { bytes, ends, frames } = segmentOf(appends)
        const at = place % bytes.length
        const damaged = Buffer.from(bytes)
        damaged[at] = (damaged[at] ?? 0) ^ change
        const found = await scan(damaged)
        expect(found.frames.map(plain)).toEqual(frames.slice(0, found.frames.length))
        expect(found.frames.length).toBeLessThanOrEqual(ends.filter((end) => end <= at).length)
      }),
      { numRuns: 300 },
    )
  })

  it('followed by zeros or by older appends of the same place gives neither', async () => {
    const { bytes, frames } = segmentOf([['a'], ['b']])
    expect((await scan(Buffer.concat([bytes, Buffer.alloc(4096)]))).frames).toHaveLength(2)
    const first = segmentOf([['old']])
    const stale = first.bytes.subarray(Buffer.byteLength(checkedLine(HEADER)))
    const found = await scan(Buffer.concat([bytes, stale]))
    expect(found.frames.map(plain)).toEqual(frames)
    expect(found.validBytes).toBe(bytes.length)
  })
})
