import type { CsvBytes } from '../source/record-cutter.ts'

const NEW_LINE = 10
const RETURN = 13
/** Between the values of a key; a value that holds it only makes a group of its own. */
const BETWEEN = 31
/** Bytes of a key, all of its values; what is longer is cut. */
export const LONGEST_KEY = 64
/** Places of the hash table, a power of two far above the groups. */
const TABLE_PLACES = 4096
/** Half of the table, so that a free place is always near. */
export const MOST_GROUPS = TABLE_PLACES / 2

/** In each byte of a word all bits but the highest, and the lowest one. */
const LOW_BITS = 0x7f7f7f7f
const LOWEST_BITS = 0x01010101
const FOUR_LINE_ENDS = Math.imul(NEW_LINE, LOWEST_BITS)

/** A value by which records are divided: its place in the record, and how many of its bytes count. */
export interface KeyField {
  readonly index: number
  readonly bytes: number
}

/** How the records of a text are told apart, and by what they are divided. */
export interface TextDivision {
  /** Quotes are escaped by doubling them. */
  readonly csv: Omit<CsvBytes, 'escape'>
  readonly hasHeader: boolean
  /** In the order of their places, each place once. */
  readonly fields: readonly KeyField[]
}

export interface RecordDividerOptions extends Pick<TextDivision, 'csv' | 'fields'> {
  /** A window of text and slots, in one buffer: within one, V8 copies without making views (50 ns a record instead of 130). */
  readonly buffer: Buffer
  /** Where the slots begin; there is one for each group. */
  readonly slotsFrom: number
  readonly slotBytes: number
  /** {@link MOST_GROUPS} at most. */
  readonly groups: number
}

/** The group of records that have no such value, or whose group would be one too many. */
export const OTHERS = 0

/**
 * Puts records of CSV into slots by some of their bytes. It guesses: whether two records belong together is for others to
 * prove. A record is never cut, and its bytes are not changed, so that a reader finds the same rows in the groups as in the
 * whole. 370 ns a record of lineitem (docs/decisions/0023-divided-text.md).
 */
export class RecordDivider {
  readonly #options: RecordDividerOptions
  readonly #view: DataView
  readonly #quote: number
  readonly #fourDelimiters: number
  /** Line ends where there are no quotes. */
  readonly #fourQuotes: number
  readonly #indexes: Int32Array
  readonly #lengths: Int32Array
  /** Group and one, by hash. */
  readonly #table = new Int32Array(TABLE_PLACES)
  readonly #keys: Uint8Array
  readonly #keyLengths: Int32Array
  readonly #key = new Uint8Array(LONGEST_KEY)
  #keyLength = 0
  readonly #used: Int32Array
  #groups = OTHERS + 1
  #full = -1
  #isIrregular = false

  constructor(options: RecordDividerOptions) {
    this.#options = options
    const { buffer, csv, fields, groups } = options
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    this.#fourDelimiters = Math.imul(csv.delimiter, LOWEST_BITS)
    this.#quote = csv.quote ?? -1
    this.#fourQuotes = Math.imul(csv.quote ?? NEW_LINE, LOWEST_BITS)
    this.#indexes = Int32Array.from(fields, ({ index }) => index)
    this.#lengths = Int32Array.from(fields, ({ bytes }) => bytes)
    this.#keys = new Uint8Array(groups * LONGEST_KEY)
    this.#keyLengths = new Int32Array(groups)
    this.#used = new Int32Array(groups)
  }

  /** The group whose slot has no room for the next record; -1 where there is none. */
  get full(): number {
    return this.#full
  }

  /** The text is not CSV as the dialect says, or a record is larger than a slot: it cannot be divided. */
  get isIrregular(): boolean {
    return this.#isIrregular
  }

  /**
   * Divides the text between two places, of which the first begins a record, but no record that begins at `stop` or after
   * it; answers with where it stopped.
   */
  divide(from: number, to: number, stop: number): number {
    const { buffer, slotsFrom, slotBytes } = this.#options
    this.#full = -1
    const most = Math.min(to, stop)
    let at = from
    while (at < most) {
      let end = this.#plainRecord(at, to)
      let hasKey = end > 0
      if (!hasKey) {
        end = this.recordEnd(at, to)
        if (end === 0) break
        hasKey = this.#takeKey(at, end)
      }
      const group = hasKey ? this.#groupOfKey() : OTHERS
      const used = this.#used[group] ?? 0
      const bytes = end - at
      if (used + bytes > slotBytes) {
        if (bytes > slotBytes) this.#isIrregular = true
        else this.#full = group
        break
      }
      buffer.copyWithin(slotsFrom + group * slotBytes + used, at, end)
      this.#used[group] = used + bytes
      at = end
    }
    return at
  }

  /**
   * Where the record ends that begins at `from`, or 0 where it goes on beyond `to`. Quotes are read as `CsvCutter` does:
   * one opens a field only as its first byte, and a doubled one does not close.
   */
  recordEnd(from: number, to: number): number {
    return this.#startsQuoted(from) ? this.#endAfterQuote(from, to) : this.#endFrom(from, to)
  }

  /** The end of a record from a place outside of quotes in it; 0 where it goes on beyond `to`, or quotes are not as they should be. */
  #endFrom(from: number, to: number): number {
    const { buffer, csv } = this.#options
    for (let at = this.#special(from, to); at < to; at = this.#special(at + 1, to)) {
      if (buffer[at] === NEW_LINE) return at + 1
      const before = buffer[at - 1]
      if (before === csv.delimiter || before === RETURN) return this.#endAfterQuote(at, to)
    }
    return 0
  }

  /** The same from a quote that opens a field. */
  #endAfterQuote(open: number, to: number): number {
    const { buffer, csv } = this.#options
    const close = this.#closingQuote(open, to)
    if (close === to) return 0
    const after = buffer[close + 1]
    if (after === NEW_LINE) return close + 2
    if (after === csv.delimiter || after === RETURN) return this.#endFrom(close + 1, to)
    this.#isIrregular = true
    return 0
  }

  /** Empties the slot of a group: what was in it lies between these places until the next record comes. */
  take(group: number): { readonly from: number; readonly to: number } {
    const { slotsFrom, slotBytes } = this.#options
    const from = slotsFrom + group * slotBytes
    const to = from + (this.#used[group] ?? 0)
    this.#used[group] = 0
    return { from, to }
  }

  /** The key of a group in hexadecimal digits, the same in every divider; empty for the {@link OTHERS}. */
  keyOf(group: number): string {
    const from = group * LONGEST_KEY
    return Buffer.from(this.#keys.subarray(from, from + (this.#keyLengths[group] ?? 0))).toString('hex')
  }

  /** Groups that hold records. */
  *unwritten(): Generator<number> {
    for (let group = OTHERS; group < this.#groups; group++) if ((this.#used[group] ?? 0) > 0) yield group
  }

  #startsQuoted(at: number): boolean {
    return this.#options.buffer[at] === this.#quote
  }

  /** The next line end or quote; `to` where there is none. Four bytes at a time: V8's own search takes 35 ns a call. */
  #special(from: number, to: number): number {
    const view = this.#view
    const fourQuotes = this.#fourQuotes
    for (let at = from; at < to; at += 4) {
      const word = view.getInt32(at, true)
      const found = zeroBytes(word ^ FOUR_LINE_ENDS) | zeroBytes(word ^ fourQuotes)
      if (found !== 0) return Math.min(to, at + firstByte(found))
    }
    return to
  }

  /** `to` where it is not there. */
  #closingQuote(open: number, to: number): number {
    const view = this.#view
    const fourQuotes = this.#fourQuotes
    for (let at = open + 1; at < to; ) {
      const found = zeroBytes(view.getInt32(at, true) ^ fourQuotes)
      if (found === 0) {
        at += 4
        continue
      }
      at += firstByte(found)
      // A quote at the very end may be half of a doubled one.
      if (at + 1 >= to) return to
      if (this.#options.buffer[at + 1] !== this.#quote) return at
      at += 2
    }
    return to
  }

  /**
   * Takes the key of a record that has no quotes up to its last value, and answers with the end of the record; 0 where it is
   * not so, the record is too short, or goes on beyond `to`.
   */
  #plainRecord(from: number, to: number): number {
    const { buffer, csv } = this.#options
    const { delimiter } = csv
    const indexes = this.#indexes
    const key = this.#key
    let length = 0
    let field = 0
    let at = from
    for (let place = 0; place < indexes.length; place++) {
      const index = indexes[place] ?? 0
      at = this.#afterDelimiters(at, to, index - field)
      if (at < 0) return 0
      field = index
      const stop = Math.min(to, at + (this.#lengths[place] ?? 0), at + LONGEST_KEY - 1 - length)
      for (; at < stop; at++) {
        const byte = buffer[at] ?? 0
        if (byte === delimiter || byte === NEW_LINE) break
        if (byte === this.#quote) return 0
        key[length++] = byte
      }
      if (length < LONGEST_KEY) key[length++] = BETWEEN
    }
    this.#keyLength = length
    return this.#endFrom(at, to)
  }

  /** The place after so many delimiters of a record; -1 where it ends before, or a quote comes before. */
  #afterDelimiters(from: number, to: number, count: number): number {
    const { buffer, csv } = this.#options
    const view = this.#view
    const fourQuotes = this.#fourQuotes
    const fourDelimiters = this.#fourDelimiters
    let at = from
    let missing = count
    // Four bytes at a time: 50 ns for ten of lineitem, byte by byte 120.
    for (; at < to && missing > 0; at += 4) {
      const word = view.getInt32(at, true)
      if ((zeroBytes(word ^ FOUR_LINE_ENDS) | zeroBytes(word ^ fourQuotes)) !== 0) break
      const found = zeroBytes(word ^ fourDelimiters)
      if (found === 0) continue
      const counted = Math.imul((found >>> 7) & LOWEST_BITS, LOWEST_BITS) >>> 24
      if (counted >= missing) break
      missing -= counted
    }
    for (; missing > 0; at++) {
      const byte = buffer[at]
      if (at >= to || byte === NEW_LINE || byte === this.#quote) return -1
      if (byte === csv.delimiter) missing--
    }
    return at
  }

  /** Takes the key of any record; false where it is too short to have it. */
  #takeKey(from: number, end: number): boolean {
    const { buffer, csv } = this.#options
    let length = 0
    let place = 0
    let at = from
    for (let field = 0; at < end && place < this.#indexes.length; field++) {
      const isQuoted = buffer[at] === this.#quote
      const first = isQuoted ? at + 1 : at
      const last = isQuoted ? this.#closingQuote(at, end) : this.#valueEnd(at, end)
      if (this.#indexes[place] === field) {
        const bytes = Math.min(last - first, this.#lengths[place] ?? 0, LONGEST_KEY - 1 - length)
        for (let offset = 0; offset < bytes; offset++) this.#key[length++] = buffer[first + offset] ?? 0
        if (length < LONGEST_KEY) this.#key[length++] = BETWEEN
        place++
      }
      at = isQuoted ? last + 1 : last
      if (buffer[at] === RETURN) at++
      if (buffer[at] !== csv.delimiter) break
      at++
    }
    this.#keyLength = length
    return place === this.#indexes.length
  }

  #valueEnd(from: number, end: number): number {
    const { buffer, csv } = this.#options
    let at = from
    while (at < end - 1 && buffer[at] !== csv.delimiter) at++
    return at
  }

  #groupOfKey(): number {
    const key = this.#key
    const length = this.#keyLength
    const table = this.#table
    let hash = 0
    for (let at = 0; at < length; at++) hash = (Math.imul(hash, 31) + (key[at] ?? 0)) | 0
    for (let place = (hash ^ (hash >>> 12)) & (TABLE_PLACES - 1); ; place = (place + 1) & (TABLE_PLACES - 1)) {
      const group = (table[place] ?? 0) - 1
      if (group >= 0) {
        if (this.#isKeyOf(group)) return group
      } else {
        if (this.#groups === this.#options.groups) return OTHERS
        const made = this.#groups++
        table[place] = made + 1
        this.#keys.set(key.subarray(0, length), made * LONGEST_KEY)
        this.#keyLengths[made] = length
        return made
      }
    }
  }

  #isKeyOf(group: number): boolean {
    const length = this.#keyLength
    if (this.#keyLengths[group] !== length) return false
    const from = group * LONGEST_KEY
    for (let at = 0; at < length; at++) if (this.#keys[from + at] !== this.#key[at]) return false
    return true
  }
}

/** The high bit of each byte of a word that is zero (Warren, Hacker's Delight, 6-1). */
function zeroBytes(word: number): number {
  return ~(((word & LOW_BITS) + LOW_BITS) | word | LOW_BITS)
}

/** The place of the first byte whose high bit is set, of a word that was read as little endian. */
function firstByte(found: number): number {
  return (31 - Math.clz32(found & -found)) >> 3
}
