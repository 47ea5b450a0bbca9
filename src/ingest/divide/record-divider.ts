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

/** A value by which records are divided: its place in the record, and how many of its bytes count. */
export interface KeyField {
  readonly index: number
  readonly bytes: number
}

export interface RecordDividerOptions {
  /** A window of text and slots, in one buffer: within one, V8 copies without making views (50 ns a record instead of 130). */
  readonly buffer: Buffer
  /** Quotes are escaped by doubling them. */
  readonly csv: Omit<CsvBytes, 'escape'>
  /** In the order of their places, each place once. */
  readonly fields: readonly KeyField[]
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
 * whole. ? ns a record of lineitem (docs/decisions/0023-divided-text.md).
 */
export class RecordDivider {
  readonly #options: RecordDividerOptions
  readonly #view: DataView
  /** Without the slots: where something is not in the window, it is not looked for in them. */
  readonly #windows: Buffer
  readonly #quote: number
  readonly #fourDelimiters: number
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
  /** The next quote that was not looked at. */
  #nextQuote = 0

  constructor(options: RecordDividerOptions) {
    this.#options = options
    const { buffer, csv, fields, groups } = options
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    this.#windows = buffer.subarray(0, options.slotsFrom)
    this.#fourDelimiters = Math.imul(csv.delimiter, LOWEST_BITS)
    this.#quote = csv.quote ?? -1
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

  /** Takes the text of another window, from a place that begins a record. */
  open(from: number, to: number): void {
    this.#nextQuote = this.#quoteAfter(from, to)
  }

  /**
   * Divides the text of the window between two places, of which the first is where it was opened or stopped the last time,
   * but no record that begins at `stop` or after it; answers with where it stopped.
   */
  divide(from: number, to: number, stop: number): number {
    const { buffer, slotsFrom, slotBytes } = this.#options
    this.#full = -1
    const most = Math.min(to, stop)
    let at = from
    while (at < most) {
      const firstQuote = this.#nextQuote
      const end = this.#recordEnd(at, to)
      if (end === 0) break
      const group = this.#takeKey(at, end, firstQuote) ? this.#groupOfKey() : OTHERS
      const used = this.#used[group] ?? 0
      const bytes = end - at
      if (used + bytes > slotBytes) {
        if (bytes > slotBytes) this.#isIrregular = true
        else this.#full = group
        this.#nextQuote = firstQuote
        break
      }
      buffer.copyWithin(slotsFrom + group * slotBytes + used, at, end)
      this.#used[group] = used + bytes
      at = end
    }
    return at
  }

  /** Where the record ends that begins at `from` and goes into no group, or 0 where it goes on beyond `to`. */
  firstRecordEnd(from: number, to: number): number {
    this.open(from, to)
    return this.#recordEnd(from, to)
  }

  /**
   * Where the record ends that begins at `from`, or 0 where it goes on beyond `to`. Quotes are read as `CsvCutter` does:
   * one opens a field only as its first byte, and a doubled one does not close. From quote to quote: a call into V8's search
   * takes 35 ns, looking at each byte of a record of lineitem 230.
   */
  #recordEnd(from: number, to: number): number {
    const { buffer, csv } = this.#options
    let end = this.#windows.indexOf(NEW_LINE, from) + 1
    if (end === 0 || end > to) return 0
    while (this.#nextQuote < end) {
      const open = this.#nextQuote
      if (open === from || buffer[open - 1] === csv.delimiter || buffer[open - 1] === RETURN) {
        const close = this.#closingQuote(open, to)
        if (close === to) return 0
        const after = buffer[close + 1]
        if (after !== csv.delimiter && after !== NEW_LINE && after !== RETURN) {
          this.#isIrregular = true
          return 0
        }
        if (close >= end) {
          end = this.#windows.indexOf(NEW_LINE, close) + 1
          if (end === 0 || end > to) return 0
        }
        this.#nextQuote = this.#quoteAfter(close + 1, to)
      } else {
        this.#nextQuote = this.#quoteAfter(open + 1, to)
      }
    }
    return end
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

  /** `to` where there is none. */
  #quoteAfter(from: number, to: number): number {
    if (this.#quote < 0) return to
    const at = this.#windows.indexOf(this.#quote, from)
    return at < 0 || at > to ? to : at
  }

  /** `to` where it is not there. */
  #closingQuote(open: number, to: number): number {
    for (let at = open + 1; ; at += 2) {
      at = this.#quoteAfter(at, to)
      // A quote at the very end may be half of a doubled one.
      if (at + 1 >= to) return to
      if (this.#options.buffer[at + 1] !== this.#quote) return at
    }
  }

  /** Takes the key of a record; false where the record is too short to have it. */
  #takeKey(from: number, end: number, firstQuote: number): boolean {
    const { buffer, csv } = this.#options
    const { delimiter } = csv
    const indexes = this.#indexes
    const key = this.#key
    let length = 0
    let field = 0
    let at = from
    for (let place = 0; place < indexes.length; place++) {
      const index = indexes[place] ?? 0
      at = this.#afterDelimiters(at, end, index - field)
      if (at >= end) return false
      field = index
      const stop = Math.min(end - 1, at + (this.#lengths[place] ?? 0), at + LONGEST_KEY - 1 - length)
      for (; at < stop; at++) {
        const byte = buffer[at] ?? 0
        if (byte === delimiter) break
        key[length++] = byte
      }
      if (length < LONGEST_KEY) key[length++] = BETWEEN
    }
    if (at > firstQuote) return this.#takeQuotedKey(from, end)
    this.#keyLength = length
    return true
  }

  /** The place after so many delimiters, or one from `end` on. Four bytes at a time: 50 ns for ten of lineitem, byte by byte 120. */
  #afterDelimiters(from: number, end: number, count: number): number {
    const view = this.#view
    const four = this.#fourDelimiters
    let at = from
    let missing = count
    for (; at < end && missing > 0; at += 4) {
      // The high bit of each byte that is a delimiter (Warren, Hacker's Delight, 6-1: zero bytes of a word).
      const other = view.getInt32(at, true) ^ four
      const found = ~(((other & LOW_BITS) + LOW_BITS) | 0 | other | LOW_BITS)
      if (found === 0) continue
      const counted = Math.imul((found >>> 7) & LOWEST_BITS, LOWEST_BITS) >>> 24
      if (counted >= missing) break
      missing -= counted
    }
    while (missing > 0 && at < end) if (this.#options.buffer[at++] === this.#options.csv.delimiter) missing--
    return missing > 0 ? end : at
  }

  /** The same where quoted values, which may hold delimiters, come before the last value of the key. */
  #takeQuotedKey(from: number, end: number): boolean {
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
