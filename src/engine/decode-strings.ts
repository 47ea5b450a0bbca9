import { IceboxError } from '../base/index.ts'
import type { Binding, Vector } from './binding.ts'

/** `duckdb_string_t`: four bytes of length, then twelve bytes inline, or a prefix of four and a pointer. */
const STRING_BYTES = 16
const STRING_WORDS = 4
const INLINE_BYTES = 12
const MEMO_SLOTS = 64

/** Texts as they lie in a vector: reads each distinct one as seldom as it can, since every read is a native call. */
export function decodeTexts(
  binding: Binding,
  vector: Vector,
  count: number,
  isValid: (row: number) => boolean,
): (string | null)[] {
  const data = binding.vector_get_data(vector, count * STRING_BYTES)
  const words = new Uint32Array(data.buffer, data.byteOffset, count * STRING_WORDS)
  const inline = Buffer.from(data.buffer, data.byteOffset, count * STRING_BYTES)
  const texts: (string | null)[] = []
  // The row that was seen last in each slot: equal words mean equal text, inline or by pointer.
  const memo = new Int32Array(MEMO_SLOTS).fill(-1)
  const runs = new LongRuns(binding, data, words)
  for (let row = 0; row < count; row++) {
    if (!isValid(row)) {
      texts.push(null)
      continue
    }
    const at = row * STRING_WORDS
    const [a, b, c, d] = [words[at] ?? 0, words[at + 1] ?? 0, words[at + 2] ?? 0, words[at + 3] ?? 0]
    const slot = (a ^ Math.imul(b, 0x9e3779b1) ^ Math.imul(c, 0x85ebca6b) ^ Math.imul(d, 0xc2b2ae35)) >>> 26
    const seen = memo[slot] ?? -1
    if (seen >= 0) {
      const to = seen * STRING_WORDS
      if (words[to] === a && words[to + 1] === b && words[to + 2] === c && words[to + 3] === d) {
        const text = texts[seen]
        if (text === undefined || text === null) runs.sameAs(row, seen)
        texts.push(text ?? null)
        continue
      }
    }
    memo[slot] = row
    if (a <= INLINE_BYTES) {
      const start = row * STRING_BYTES + 4
      texts.push(inline.toString('utf8', start, start + a))
    } else {
      texts.push(null)
      runs.add(row, a, c + d * 0x1_0000_0000)
    }
  }
  runs.read(texts)
  return texts
}

/** Each value's bytes, which are valid until `convert` returns. */
export function decodeBytes<T>(
  binding: Binding,
  vector: Vector,
  count: number,
  isValid: (row: number) => boolean,
  convert: (bytes: Uint8Array) => T,
): (T | null)[] {
  const data = binding.vector_get_data(vector, count * STRING_BYTES)
  const view = new DataView(data.buffer, data.byteOffset, count * STRING_BYTES)
  const values: (T | null)[] = []
  for (let row = 0; row < count; row++) {
    const at = row * STRING_BYTES
    const length = isValid(row) ? view.getUint32(at, true) : -1
    if (length < 0) values.push(null)
    else if (length <= INLINE_BYTES) values.push(convert(data.subarray(at + 4, at + 4 + length)))
    else values.push(convert(binding.get_data_from_pointer(exactBuffer(data), data.byteOffset + at + 8, length)))
  }
  return values
}

/** Long texts of a scan lie back to back: those whose end is the next one's start are read by one call. */
class LongRuns {
  readonly #binding: Binding
  readonly #data: Uint8Array
  readonly #words: Uint32Array
  readonly #rows: number[] = []
  /** Rows at which a new run begins. */
  readonly #starts: number[] = []
  readonly #copies: { readonly row: number; readonly of: number }[] = []
  #end = -1

  constructor(binding: Binding, data: Uint8Array, words: Uint32Array) {
    this.#binding = binding
    this.#data = data
    this.#words = words
  }

  add(row: number, length: number, address: number): void {
    if (address !== this.#end) this.#starts.push(this.#rows.length)
    this.#rows.push(row)
    this.#end = address + length
  }

  sameAs(row: number, of: number): void {
    this.#copies.push({ row, of })
  }

  read(texts: (string | null)[]): void {
    this.#starts.forEach((start, index) => {
      const rows = this.#rows.slice(start, this.#starts[index + 1])
      const lengths = rows.map((row) => this.#words[row * STRING_WORDS] ?? 0)
      const total = lengths.reduce((sum, length) => sum + length, 0)
      const pointerAt = this.#data.byteOffset + (rows[0] ?? 0) * STRING_BYTES + 8
      const bytes = this.#binding.get_data_from_pointer(exactBuffer(this.#data), pointerAt, total)
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, total)
      let from = 0
      rows.forEach((row, at) => {
        const to = from + (lengths[at] ?? 0)
        texts[row] = text.toString('utf8', from, to)
        from = to
      })
    })
    for (const { row, of } of this.#copies) texts[row] = texts[of] ?? null
  }
}

/** The binding declares plain ArrayBuffers; a vector's data is never shared memory. */
export function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer } = bytes
  if (buffer instanceof ArrayBuffer) return buffer
  throw new IceboxError('internal/unreachable', { message: 'vector data in shared memory' })
}
