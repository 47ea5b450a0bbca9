import { BACKSLASH, CLOSE_LIST, CLOSE_OBJECT, OPEN_LIST, OPEN_OBJECT, QUOTE } from './json-bytes.ts'

const NEW_LINE = 10
const RETURN = 13
const TAB = 9
const SPACE = 32
const COMMA = 44
/** What closes a bracket is so far behind what opens it, of both kinds. */
const TO_CLOSE = 2
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const
/** A byte a level. */
const MOST_LEVELS = 65_536

/** Why a document cannot be split. */
export interface SplitFault {
  readonly kind: 'encoding' | 'kind' | 'row' | 'truncated' | 'long'
  /** Number of the object that it is about, and the line that this begins in; both from 1. */
  readonly object: number
  readonly line: number
  readonly what: string
}

/**
 * Puts the objects of a JSON document, the elements of its array or one after another, on a line each: by writing blanks over
 * what is between them and over the line ends inside them, so that nothing is copied. Looks at strings and brackets only:
 * whoever reads the lines knows what is no JSON inside them.
 */
export class JsonSplitter {
  readonly #maxObjectBytes: number
  readonly #wanted: number
  readonly #opened = new Uint8Array(MOST_LEVELS)
  /** Of brackets inside an object; 0 between objects. */
  #depth = 0
  #isInString = false
  #isEscaped = false
  #isAtStart = true
  /** Between objects: what has to come. */
  #expects: 'document' | 'first' | 'element' | 'comma' | 'object' | 'nothing' = 'document'
  #objects = 0
  #line = 1
  #objectLine = 1
  /** Of the open object, without the piece that is looked at; where it begins in that. */
  #objectBytes = 0
  #objectStart = 0
  #fault: SplitFault | undefined
  #wantedLine: number | undefined
  #first = 0
  #breaks: number[] = []

  /** `wanted`: the number of an object whose line is asked for. */
  constructor(maxObjectBytes: number, wanted = 0) {
    this.#maxObjectBytes = maxObjectBytes
    this.#wanted = wanted
  }

  /** What ended the splitting. */
  get fault(): SplitFault | undefined {
    return this.#fault
  }

  /** Objects that have begun. */
  get objects(): number {
    return this.#objects
  }

  /** The line that the wanted object begins in, once it was met. */
  get wantedLine(): number | undefined {
    return this.#wantedLine
  }

  /** Of the piece that was split last: the first byte that belongs to an object, its length where there is none. */
  get first(): number {
    return this.#first
  }

  /** Of that piece: where a line end is missing, because no byte is there to be one. */
  get breaks(): readonly number[] {
    return this.#breaks
  }

  /** Splits the next piece in place, until its end or a fault. */
  split(piece: Buffer): void {
    const view = new DataView(piece.buffer, piece.byteOffset, piece.length)
    this.#first = this.#objects === 0 ? piece.length : 0
    this.#breaks = []
    this.#objectStart = 0
    let at = this.#isAtStart ? this.#afterMark(piece) : 0
    this.#isAtStart = false
    while (at < piece.length && this.#fault === undefined) {
      at = this.#depth === 0 ? this.#between(piece, at) : this.#inside(piece, view, at)
    }
    if (this.#depth > 0) this.#grown(piece.length)
    this.#objectStart = 0
  }

  /** The document has no more bytes. */
  end(): void {
    if (this.#depth > 0) this.#fail('truncated', 'has no end')
    else if (this.#expects === 'comma') this.#fail('truncated', 'is the last, and the array has no end')
    else if (this.#expects === 'first' || this.#expects === 'element') this.#missing('is missing', 'truncated')
  }

  #afterMark(piece: Buffer): number {
    if ((piece[0] === 0xff && piece[1] === 0xfe) || (piece[0] === 0xfe && piece[1] === 0xff))
      this.#missing('is UTF-16', 'encoding')
    return BYTE_ORDER_MARK.every((byte, at) => piece[at] === byte) ? BYTE_ORDER_MARK.length : 0
  }

  /** From between objects to the first byte inside of one. */
  #between(piece: Buffer, from: number): number {
    for (let at = from; at < piece.length; at++) {
      const byte = piece[at] ?? 0
      if (byte === OPEN_OBJECT && this.#begin(piece, at, from)) return at + 1
      if (byte === NEW_LINE) this.#line++
      else if (byte !== SPACE && byte !== TAB && byte !== RETURN && !this.#isPunctuation(byte)) return at
      piece[at] = SPACE
    }
    return piece.length
  }

  #begin(piece: Buffer, at: number, from: number): boolean {
    if (this.#expects === 'comma' || this.#expects === 'nothing') return false
    this.#expects = this.#expects === 'document' || this.#expects === 'object' ? 'object' : 'comma'
    this.#objects++
    this.#objectLine = this.#line
    if (this.#objects === this.#wanted) this.#wantedLine = this.#line
    this.#objectBytes = 0
    this.#objectStart = at
    this.#opened[0] = OPEN_OBJECT
    this.#depth = 1
    if (this.#objects === 1) this.#first = at
    else if (at > from) piece[at - 1] = NEW_LINE
    else this.#breaks.push(at)
    return true
  }

  /** The comma between elements, and the ends of an array. */
  #isPunctuation(byte: number): boolean {
    const expects = this.#expects
    if (byte === OPEN_LIST && expects === 'document') this.#expects = 'first'
    else if (byte === COMMA && expects === 'comma') this.#expects = 'element'
    else if (byte === CLOSE_LIST && (expects === 'first' || expects === 'comma')) this.#expects = 'nothing'
    else if (expects === 'nothing') return this.#missing('is not JSON: it follows the end of the array')
    else if (expects === 'comma')
      return this.#fail('row', 'is not JSON: neither a comma nor the end of the array follows it')
    else if (byte === COMMA || byte === CLOSE_LIST)
      return this.#missing(`is not JSON: '${String.fromCharCode(byte)}' is in its place`)
    // What begins a value of another kind.
    else if (/["[\d\-tfn]/.test(String.fromCharCode(byte))) return this.#missing('is not an object', 'kind')
    else return this.#missing('is not JSON: unexpected character')
    return true
  }

  /**
   * To the first byte behind the object. Four bytes at a time, of which those are looked at that mean something: 300 MB/s
   * where byte by byte is 190. Of `(word - 0x01010101) & ~word & 0x80808080` the lowest bit is that of the first zero byte.
   */
  #inside(piece: Buffer, view: DataView, from: number): number {
    const opened = this.#opened
    const end = piece.length
    const lastWord = end - 4
    let isInString = this.#isInString
    let depth = this.#depth
    let at = from
    if (this.#isEscaped) {
      this.#isEscaped = false
      if ((piece[at] ?? 0) >= SPACE) at++
    }
    while (at < end) {
      if (at <= lastWord) {
        const word = view.getInt32(at, true)
        const quote = word ^ 0x22222222
        // In strings the backslash; outside the brackets, and a few more.
        const other = isInString ? word ^ 0x5c5c5c5c : (word & 0xd9d9d9d9) ^ 0x59595959
        const found =
          (((quote - 0x01010101) & ~quote) | ((other - 0x01010101) & ~other) | ((word - 0x20202020) & ~word)) &
          0x80808080
        if (found === 0) {
          at += 4
          continue
        }
        at += (31 - Math.clz32(found & -found)) >> 3
      }
      const byte = piece[at++] ?? 0
      if (byte === QUOTE) isInString = !isInString
      else if (isInString) {
        if (byte === BACKSLASH) {
          if (at === end) this.#isEscaped = true
          else if ((piece[at] ?? 0) >= SPACE) at++
        } else if (byte < SPACE) {
          this.#controlByte(byte, ' inside a string')
          break
        }
      } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
        if (depth === MOST_LEVELS) {
          this.#fail('row', `is nested deeper than ${MOST_LEVELS} levels`)
          break
        }
        opened[depth++] = byte
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
        depth--
        if (opened[depth] !== byte - TO_CLOSE) {
          this.#fail('row', `is not JSON: '${String.fromCharCode(byte)}' closes what was not opened`)
          break
        }
        if (depth === 0) {
          this.#grown(at)
          break
        }
      } else if (byte === NEW_LINE) {
        piece[at - 1] = SPACE
        this.#line++
      } else if (byte === RETURN) piece[at - 1] = SPACE
      else if (byte < SPACE && byte !== TAB) {
        this.#controlByte(byte, '')
        break
      }
    }
    this.#isInString = isInString
    this.#depth = depth
    return at
  }

  /** The open object reaches to `to`. */
  #grown(to: number): void {
    this.#objectBytes += to - this.#objectStart
    this.#objectStart = to
    if (this.#objectBytes > this.#maxObjectBytes) this.#fail('long', 'is too long')
  }

  #controlByte(byte: number, where: string): void {
    if (byte === 0) this.#fail('encoding', 'holds a NUL byte')
    else if (byte === NEW_LINE) this.#fail('row', `is not JSON: a line ends${where}`)
    else this.#fail('row', `is not JSON: a control character (${byte})${where}`)
  }

  #fail(kind: SplitFault['kind'], what: string): false {
    this.#fault ??= { kind, object: Math.max(1, this.#objects), line: this.#objectLine, what }
    return false
  }

  /** Something is wrong where the next object should be. */
  #missing(what: string, kind: SplitFault['kind'] = 'row'): false {
    this.#fault ??= { kind, object: this.#objects + 1, line: this.#line, what }
    return false
  }
}
