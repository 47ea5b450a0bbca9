import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkedLine, type Frame, frameLine, scanSegment } from '../../src/ingest/stream/frame.ts'

const HEADER = '{"schema":1}'
/** Rows of an append: any text, cut into lines. */
const bodies = fc.array(fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { minLength: 1, maxLength: 4 }), {
  maxLength: 5,
})

/** `groupOf`: which group of appends each is in; a writer of before does not say. */
function segmentOf(
  appends: readonly string[][],
  groupOf?: (at: number) => number,
): { bytes: Buffer; starts: number[]; ends: number[]; frames: Frame[] } {
  const parts = [Buffer.from(checkedLine(HEADER))]
  const frames: Frame[] = []
  const starts: number[] = []
  const ends: number[] = []
  let length = parts[0]?.length ?? 0
  let flushedBytes = length
  for (const [at, texts] of appends.entries()) {
    if (groupOf !== undefined && at > 0 && groupOf(at) !== groupOf(at - 1)) flushedBytes = length
    starts.push(length)
    const body = Buffer.from(texts.map((text) => `${JSON.stringify({ 1: text })}\n`).join(''))
    const key = at % 2 === 0 ? null : `key ${at}`
    const frame = {
      sequence: at + 7,
      rows: texts.length,
      bytes: body.length,
      longest: body.length,
      key,
      crc: crc32(body),
      ...(groupOf === undefined ? {} : { flushedBytes }),
    }
    frames.push(frame)
    const line = Buffer.from(frameLine(frame))
    parts.push(line, body)
    length += line.length + body.length
    ends.push(length)
  }
  return { bytes: Buffer.concat(parts), starts, ends, frames }
}

const scan = (bytes: Uint8Array) =>
  scanSegment(async (offset, length) => bytes.subarray(offset, Math.min(bytes.length, offset + length)))
const plain = ({ sequence, rows, bytes, longest, key, crc, flushedBytes }: Frame) => ({
  sequence,
  rows,
  bytes,
  longest,
  key,
  crc,
  ...(flushedBytes === undefined ? {} : { flushedBytes }),
})
/** Appends in groups of up to three. */
const grouped = fc.array(fc.array(fc.tuple(fc.string({ maxLength: 20 })), { minLength: 1, maxLength: 3 }), {
  minLength: 1,
  maxLength: 5,
})
function segmentOfGroups(groups: readonly string[][][]) {
  const groupOf = groups.flatMap((group, at) => group.map(() => at))
  const segment = segmentOf(groups.flat(), (at) => groupOf[at] ?? 0)
  const first = (group: number) => segment.starts[groupOf.indexOf(group)] ?? segment.bytes.length
  return { ...segment, lastGroupStart: first(groups.length - 1) }
}

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

  it('with a byte changed before the last group of appends is damaged, wherever the byte is', async () => {
    await fc.assert(
      fc.asyncProperty(grouped, fc.nat(), fc.integer({ min: 1, max: 255 }), async (groups, place, change) => {
        const { bytes, lastGroupStart } = segmentOfGroups(groups)
        const damaged = Buffer.from(bytes)
        const at = place % lastGroupStart
        damaged[at] = (damaged[at] ?? 0) ^ change
        expect((await scan(damaged)).isDamaged).toBe(true)
        expect((await scan(bytes)).isDamaged).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  it('of which a power loss kept any part of the group that was not flushed is torn, not damaged', async () => {
    await fc.assert(
      fc.asyncProperty(grouped, fc.nat(), fc.nat(), async (groups, from, length) => {
        const { bytes, lastGroupStart, frames, ends } = segmentOfGroups(groups)
        const start = lastGroupStart + (from % (bytes.length - lastGroupStart))
        const holed = Buffer.from(bytes).fill(0, start, Math.min(bytes.length, start + (length % 60) + 1))
        const found = await scan(holed)
        expect(found.isDamaged).toBe(false)
        const whole = ends.filter((end) => end <= start).length
        expect(found.frames.map(plain)).toEqual(frames.slice(0, whole))
      }),
      { numRuns: 300 },
    )
  })

  it('whose writer did not say what was flushed is damaged where whole appends follow one that is not', async () => {
    const { bytes, starts } = segmentOf([['a'], ['b'], ['c']])
    for (const [at, isDamaged] of [true, true, false].entries()) {
      const changed = Buffer.from(bytes)
      changed[(starts[at] ?? 0) + 9] = 0
      expect((await scan(changed)).isDamaged).toBe(isDamaged)
    }
  })

  it('with a long row between the damage and the next append is damaged', async () => {
    const { bytes, starts } = segmentOfGroups([[['a']], [['b'.repeat(3_000_000)]], [['c']]])
    const changed = Buffer.from(bytes)
    changed[(starts[1] ?? 0) + 200] = 0
    expect(await scan(changed)).toMatchObject({ isDamaged: true, validBytes: starts[1] })
  })

  it('is never written so that it could not be read: a frame or header that the reader refuses is an error', () => {
    const frame: Frame = { sequence: 1, rows: 1, bytes: 9, longest: 9, key: null, crc: 1 }
    const wrong: Record<string, unknown>[] = [
      { rows: undefined },
      { bytes: -1 },
      { longest: 1.5 },
      { key: 5 },
      { crc: NaN },
    ]
    for (const some of wrong) {
      const made = { ...frame, ...some } as Frame
      expect(() => frameLine(made)).toThrow(expect.objectContaining({ code: 'internal/unreachable' }))
    }
    expect(() => checkedLine('"a\nb"')).toThrow(expect.objectContaining({ code: 'internal/unreachable' }))
  })

  it('may have a schema as long as the writer takes', async () => {
    const long = JSON.stringify('x'.repeat(16_000_000))
    expect((await scan(Buffer.from(checkedLine(long)))).header).toBe(long)
    expect(() => checkedLine(JSON.stringify('x'.repeat(17_000_000)))).toThrow(
      expect.objectContaining({ code: 'internal/unreachable' }),
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
