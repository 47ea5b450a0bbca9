import { crc32 } from 'node:zlib'
import type { RoaringBitmap32 } from 'roaring-wasm'
import { IceboxError } from '../../base/index.ts'
import { invalidDeletes } from './invalid.ts'
import { portableLength } from './portable-roaring.ts'

/** Loaded when the first vector is: most tables have none, and it costs 45 ms. */
const loadRoaring = () => import('roaring-wasm')

const MAGIC = 0xd1d33964
/** Length in front of the magic, checksum behind the vector. */
const FRAME_BYTES = 8
/** Positions have 63 bits, so the keys of their upper halves 31. */
const MAX_KEY = 0x7fff_ffff

/**
 * The deleted positions of one data file (Puffin spec, `deletion-vector-v1`). The bits live outside of the JavaScript
 * heap: hold a vector with `using`, or call `dispose`.
 */
export class DeletionVector {
  /** 32-bit bitmaps by the upper half of the position, ascending. */
  private readonly bitmaps: ReadonlyMap<number, RoaringBitmap32>

  /** @internal Made by {@link deletionVectorOf} and {@link decodeDeletionVector}; the vector owns the bitmaps. */
  constructor(bitmaps: ReadonlyMap<number, RoaringBitmap32>) {
    this.bitmaps = bitmaps
  }

  get cardinality(): bigint {
    let count = 0n
    for (const bitmap of this.bitmaps.values()) count += BigInt(bitmap.size)
    return count
  }

  has(position: bigint): boolean {
    const bitmap = this.bitmaps.get(Number(position >> 32n))
    return bitmap?.has(Number(position & 0xffffffffn)) ?? false
  }

  /** Positions ascending. */
  *[Symbol.iterator](): IterableIterator<bigint> {
    for (const { base, offsets } of this.chunks()) {
      for (const offset of offsets) yield base + BigInt(offset)
    }
  }

  /** Positions ascending, as a base and offsets to it: for loops where a bigint for each is too slow. */
  *chunks(chunkSize = 65_536): IterableIterator<{ readonly base: bigint; readonly offsets: Uint32Array }> {
    for (const [key, bitmap] of this.bitmaps) {
      const base = BigInt(key) << 32n
      let offsets = new Uint32Array(Math.min(chunkSize, bitmap.size))
      let count = 0
      for (const offset of bitmap) {
        offsets[count++] = offset
        if (count === chunkSize) {
          yield { base, offsets }
          offsets = new Uint32Array(chunkSize)
          count = 0
        }
      }
      if (count > 0) yield { base, offsets: offsets.subarray(0, count) }
    }
  }

  /** The blob of a Puffin file: length, magic, vector, checksum. */
  encode(): Uint8Array {
    const parts = [...this.bitmaps].map(([key, bitmap]) => {
      bitmap.runOptimize()
      return { key, bytes: bitmap.serialize('portable') }
    })
    const vectorBytes = parts.reduce((sum, part) => sum + 4 + part.bytes.length, 8)
    const blob = new Uint8Array(FRAME_BYTES + 4 + vectorBytes)
    const view = new DataView(blob.buffer)
    view.setInt32(0, 4 + vectorBytes)
    view.setUint32(4, MAGIC)
    view.setBigUint64(8, BigInt(parts.length), true)
    let at = 16
    for (const { key, bytes } of parts) {
      view.setUint32(at, key, true)
      blob.set(bytes, at + 4)
      at += 4 + bytes.length
    }
    view.setUint32(at, crc32(blob.subarray(4, at)))
    return blob
  }

  dispose(): void {
    for (const bitmap of this.bitmaps.values()) bitmap.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** A vector of positions (0 .. 2^63 - 1) in any order, with those of `others` (I17: a file has one vector, the union). */
export async function deletionVectorOf(
  positions: Iterable<bigint | number>,
  others: readonly DeletionVector[] = [],
): Promise<DeletionVector> {
  const { RoaringBitmap32 } = await loadRoaring()
  const byKey = new Map<number, RoaringBitmap32>()
  const bitmapOf = (key: number) => {
    let bitmap = byKey.get(key)
    if (bitmap === undefined) {
      bitmap = new RoaringBitmap32()
      byKey.set(key, bitmap)
    }
    return bitmap
  }
  for (const given of positions) {
    const position = BigInt(given)
    if (position < 0n || position >= 2n ** 63n) {
      throw new IceboxError('usage/invalid', { message: `${position} is no position of a row` })
    }
    bitmapOf(Number(position >> 32n)).add(Number(position & 0xffffffffn))
  }
  for (const other of others) {
    for (const { base, offsets } of other.chunks()) bitmapOf(Number(base >> 32n)).addMany(offsets)
  }
  return new DeletionVector(new Map([...byKey].sort(([a], [b]) => a - b)))
}

/**
 * The vector of a blob. Rejects `iceberg/invalid-deletes` naming what does not hold: length, magic, checksum, order of
 * keys, or a bitmap that is cut off.
 */
export async function decodeDeletionVector(blob: Uint8Array, location: string): Promise<DeletionVector> {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength)
  const broken = (problem: string) => invalidDeletes(location, `its deletion vector ${problem}`)
  if (blob.length < FRAME_BYTES + 12) throw broken(`has only ${blob.length} bytes`)
  const length = view.getInt32(0)
  if (length !== blob.length - FRAME_BYTES)
    throw broken(`says that it has ${length} bytes, and has ${blob.length - FRAME_BYTES}`)
  const magic = view.getUint32(4)
  if (magic !== MAGIC) throw broken(`has the magic number 0x${magic.toString(16)}, not 0x${MAGIC.toString(16)}`)
  const end = blob.length - 4
  const expected = view.getUint32(end)
  const found = crc32(blob.subarray(4, end))
  if (found !== expected) throw broken(`has the checksum 0x${found.toString(16)}, not 0x${expected.toString(16)}`)
  const { RoaringBitmap32 } = await loadRoaring()
  const bitmaps = new Map<number, RoaringBitmap32>()
  try {
    const vector = blob.subarray(0, end)
    const count = view.getBigUint64(8, true)
    let at = 16
    let lastKey = -1
    for (let left = count; left > 0n; left--) {
      const key = at + 4 <= end ? view.getUint32(at, true) : -1
      if (key <= lastKey || key > MAX_KEY) throw broken(`has the key ${key} after ${lastKey}`)
      const size = portableLength(vector, at + 4)
      if (size === undefined)
        throw broken(`has a bitmap at byte ${at + 4} that is not in the portable format or cut off`)
      bitmaps.set(key, RoaringBitmap32.deserialize('portable', vector.subarray(at + 4, at + 4 + size)))
      lastKey = key
      at += 4 + size
    }
    if (at !== end) throw broken(`has ${end - at} bytes behind its last bitmap`)
    return new DeletionVector(bitmaps)
  } catch (error) {
    for (const bitmap of bitmaps.values()) bitmap.dispose()
    throw error instanceof IceboxError
      ? error
      : invalidDeletes(location, 'its deletion vector cannot be decoded', error)
  }
}
