import { IceboxError } from '../../base/index.ts'
import type { Binding, Vector } from '../binding.ts'
import { exactBuffer } from '../decode-strings.ts'
import { isValid, readValidity, type Validity } from '../validity.ts'
import { type ArrowColumn, type ColumnChunk, Rows } from './column.ts'
import type { LayoutBuilder } from './layout.ts'

/** `duckdb_string_t`: four bytes of length, then twelve bytes inline, or a prefix of four and a pointer. */
const STRING_BYTES = 16
const INLINE_BYTES = 12
/** Short texts are written in whole words of twelve bytes; what is too much is overwritten or is padding. */
const SLACK_BYTES = 12
const MEMO_SLOTS = 256

interface Segment {
  /** The vector's `duckdb_string_t`s; undefined where all rows are null because a parent is. */
  readonly data: Uint8Array | undefined
  readonly words: Uint32Array
  readonly validity: Validity
  readonly from: number
  readonly count: number
}

/** VARCHAR and BLOB as Arrow's Utf8 and Binary: 32-bit offsets and the bytes of all values together. */
export class StringColumn implements ArrowColumn {
  readonly #binding: Binding
  readonly #rows = new Rows()
  #segments: Segment[] = []
  #dataBytes = 0
  #offsetsAt = 0
  #dataAt = 0

  constructor(binding: Binding) {
    this.#binding = binding
  }

  read(vector: Vector, count: number): ColumnChunk {
    const validity = readValidity(this.#binding, vector, count)
    const data = this.#binding.vector_get_data(vector, count * STRING_BYTES)
    const words = new Uint32Array(data.buffer, data.byteOffset, count * 4)
    return {
      measure: (from, rows) => rows * 4 + textBytes(words, validity, from, rows),
      add: (from, rows) => {
        this.#rows.add(validity, from, rows)
        this.#segments.push({ data, words, validity, from, count: rows })
        this.#dataBytes = checkedSize(this.#dataBytes + textBytes(words, validity, from, rows))
      },
    }
  }

  addNulls(count: number): void {
    this.#rows.addNulls(count)
    this.#segments.push({ data: undefined, words: new Uint32Array(), validity: null, from: 0, count })
  }

  place(layout: LayoutBuilder): void {
    const rows = this.#rows.count
    this.#rows.place(layout)
    this.#offsetsAt = layout.buffer((rows + 1) * 4)
    this.#dataAt = layout.buffer(this.#dataBytes, SLACK_BYTES)
  }

  write(body: Uint8Array<ArrayBuffer>): void {
    const offsets = new Int32Array(body.buffer, body.byteOffset + this.#offsetsAt, this.#rows.count + 1)
    const writer = new TextWriter(
      this.#binding,
      body.subarray(this.#dataAt, this.#dataAt + this.#dataBytes + SLACK_BYTES),
    )
    let row = 0
    offsets[0] = 0
    for (const segment of this.#segments) {
      if (segment.data === undefined) offsets.fill(writer.end, row + 1, row + 1 + segment.count)
      else writer.write(segment.data, segment, offsets, row)
      row += segment.count
    }
    this.#segments = []
    this.#dataBytes = 0
    this.#rows.write(body)
  }
}

function textBytes(words: Uint32Array, validity: Validity, from: number, count: number): number {
  let bytes = 0
  const end = (from + count) * 4
  if (validity === null) for (let at = from * 4; at < end; at += 4) bytes += words[at] ?? 0
  else for (let at = from * 4; at < end; at += 4) if (isValid(validity, at >> 2)) bytes += words[at] ?? 0
  return bytes
}

/** Offsets have 32 bits and a sign. Rejects `sql/value-too-large`. */
export function checkedSize(bytes: number): number {
  if (bytes <= 2_147_483_647) return bytes
  throw new IceboxError('sql/value-too-large', {
    message: 'the values of one column in one batch pass 2 GiB, the most that an Arrow column holds',
    remedy: 'select fewer or smaller values',
    context: { sizeBytes: bytes },
  })
}

/**
 * Copies texts one behind the other. A call to native memory costs more than a short copy, so each long text is read as
 * seldom as it can be: those of a scan lie back to back and are read together, and one that stands in the batch already
 * (pages with a dictionary give the same pointer again) is copied from there. 2M long texts: 4,884 calls.
 */
class TextWriter {
  readonly #binding: Binding
  readonly #target: Uint8Array
  readonly #view: DataView
  /** Long texts of this batch by pointer: low word, high word, length, where they stand. */
  readonly #memo = new Uint32Array(MEMO_SLOTS * 4)
  /** Stretches of the run that is open: from in the run, at in the target, length. */
  readonly #stretches: number[] = []
  #runBytes = 0
  #runEnd = -1
  #runPointerAt = 0
  #runData: Uint8Array | undefined
  end = 0

  constructor(binding: Binding, target: Uint8Array) {
    this.#binding = binding
    this.#target = target
    this.#view = new DataView(target.buffer, target.byteOffset, target.byteLength)
  }

  write(data: Uint8Array, { words, validity, from, count }: Segment, offsets: Int32Array, firstRow: number): void {
    const view = this.#view
    let end = this.end
    for (let row = 0; row < count; row++) {
      if (validity !== null && !isValid(validity, from + row)) {
        offsets[firstRow + row + 1] = end
        continue
      }
      const at = (from + row) * 4
      const length = words[at] ?? 0
      if (length <= INLINE_BYTES) {
        view.setUint32(end, words[at + 1] ?? 0, true)
        if (length > 4) {
          view.setUint32(end + 4, words[at + 2] ?? 0, true)
          view.setUint32(end + 8, words[at + 3] ?? 0, true)
        }
      } else {
        this.#long(data, at, length, words[at + 2] ?? 0, words[at + 3] ?? 0, end)
      }
      end += length
      offsets[firstRow + row + 1] = end
    }
    this.end = end
    this.#flush()
    // The next segment's vector may be another one.
    this.#runEnd = -1
  }

  #long(data: Uint8Array, at: number, length: number, low: number, high: number, to: number): void {
    const address = low + high * 0x1_0000_0000
    const slot = ((Math.imul(low, 0x9e3779b1) ^ length) >>> 24) * 4
    const memo = this.#memo
    if (address === this.#runEnd) {
      const last = this.#stretches.length
      if ((this.#stretches[last - 2] ?? 0) + (this.#stretches[last - 1] ?? 0) === to)
        this.#stretches[last - 1] = (this.#stretches[last - 1] ?? 0) + length
      else this.#stretches.push(this.#runBytes, to, length)
      this.#runBytes += length
      this.#runEnd = address + length
    } else if (memo[slot] === low && memo[slot + 1] === high && memo[slot + 2] === length) {
      // It may stand in the run that is not written yet.
      this.#flush()
      const seen = memo[slot + 3] ?? 0
      this.#target.copyWithin(to, seen, seen + length)
      return
    } else {
      this.#flush()
      this.#runData = data
      this.#runPointerAt = data.byteOffset + at * 4 + 8
      this.#runBytes = length
      this.#stretches.push(0, to, length)
      this.#runEnd = address + length
    }
    memo[slot] = low
    memo[slot + 1] = high
    memo[slot + 2] = length
    memo[slot + 3] = to
  }

  #flush(): void {
    const data = this.#runData
    if (data === undefined) return
    const bytes = this.#binding.get_data_from_pointer(exactBuffer(data), this.#runPointerAt, this.#runBytes)
    const stretches = this.#stretches
    for (let at = 0; at < stretches.length; at += 3) {
      const from = stretches[at] ?? 0
      const length = stretches[at + 2] ?? 0
      this.#target.set(bytes.subarray(from, from + length), stretches[at + 1])
    }
    stretches.length = 0
    this.#runData = undefined
    this.#runEnd = -1
  }
}
