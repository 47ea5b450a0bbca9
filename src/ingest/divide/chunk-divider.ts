import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { OTHERS, RecordDivider, type TextDivision } from './record-divider.ts'

const NEW_LINE = 10
const WINDOW_BYTES = 1024 * 1024

/** Part of a file: the records that begin in it. */
export interface TextChunk {
  readonly path: string
  readonly from: number
  readonly to: number
}

/** Where the first record of a chunk began and the last one ended; undefined where its text cannot be divided, or has NUL bytes. */
export type ChunkDone = { readonly first: number; readonly end: number } | undefined

/** A file with the records that one divider found for a group. */
export interface GroupFile {
  /** The same for the same group of another divider. */
  readonly key: string
  readonly path: string
  readonly bytes: number
  /** Records that share no key. */
  readonly isOthers: boolean
}

export interface ChunkDividerOptions extends TextDivision {
  readonly groups: number
  /** What is written at once; a record that is longer cannot be divided. */
  readonly slotBytes: number
  /** Read at once; the default is 1 MiB. */
  readonly windowBytes?: number
  /** Of the files; their names begin with `name`. */
  readonly folder: string
  readonly name: string
}

/** Bytes that a divider holds. */
export function dividerBytes(groups: number, slotBytes: number, windowBytes = WINDOW_BYTES): number {
  return slotsFrom(slotBytes, windowBytes) + groups * slotBytes
}

/** Before the window is room for the beginning of a record that ends in it, after it for the line end of the last record. */
function slotsFrom(slotBytes: number, windowBytes: number): number {
  return slotBytes + windowBytes + 1
}

/** Divides chunks of files into a file for each group. It waits for the disk: it runs in a thread of its own. */
export class ChunkDivider {
  readonly #options: ChunkDividerOptions
  readonly #windowBytes: number
  readonly #buffer: Buffer
  readonly #divider: RecordDivider
  readonly #files: { readonly descriptor: number; readonly path: string; bytes: number }[] = []

  constructor(options: ChunkDividerOptions) {
    const { csv, fields, groups, slotBytes, windowBytes = WINDOW_BYTES } = options
    this.#options = options
    this.#windowBytes = windowBytes
    this.#buffer = Buffer.allocUnsafeSlow(dividerBytes(groups, slotBytes, windowBytes))
    this.#divider = new RecordDivider({
      buffer: this.#buffer,
      csv,
      fields,
      slotsFrom: slotsFrom(slotBytes, windowBytes),
      slotBytes,
      groups,
    })
  }

  /**
   * Divides the records that begin in a chunk. Where it starts amid a file it takes the first line end for that of a record:
   * whether it is one, the end of the chunk before says. Throws what the file system says.
   */
  divide({ path, from, to }: TextChunk): ChunkDone {
    const buffer = this.#buffer
    const windowFrom = this.#options.slotBytes
    const file = openSync(path, 'r')
    try {
      const { size } = fstatSync(file)
      let rest = 0
      let first = -1
      // One byte more: a chunk that begins after a line end begins with a record.
      for (let position = Math.max(0, from - 1); ; ) {
        const read = readSync(file, buffer, windowFrom, this.#windowBytes, position)
        // Texts are not looked at for NUL bytes any more, which no table takes; the whole says where it is.
        if (buffer.subarray(windowFrom, windowFrom + read).includes(0)) return undefined
        // From places in the buffer to those in the file.
        const shift = position - windowFrom
        let at = windowFrom - rest
        let end = windowFrom + read
        if (first < 0) {
          const start = from === 0 ? this.#afterHead(at, end) : buffer.indexOf(NEW_LINE, at) + 1
          if (start === 0 || start > end)
            return from > 0 && end + shift === size ? { first: size, end: size } : undefined
          at = start
          first = start + shift
        }
        // The last record of a file may have no line end.
        if (read === 0 && rest > 0) buffer[end++] = NEW_LINE
        const last = this.#divide(at, end, to - shift)
        if (this.#divider.isIrregular) return undefined
        if (read === 0) return last === end ? { first, end: size } : undefined
        if (last + shift >= to) return { first, end: last + shift }
        rest = end - last
        if (rest > windowFrom) return undefined
        buffer.copyWithin(windowFrom - rest, last, end)
        position += read
      }
    } finally {
      closeSync(file)
    }
  }

  /** Writes what is left; the files are whole then. */
  finish(): GroupFile[] {
    for (const group of this.#divider.unwritten()) this.#write(group)
    for (const { descriptor } of Object.values(this.#files)) closeSync(descriptor)
    return Object.entries(this.#files).map(([group, { path, bytes }]) => ({
      key: this.#divider.keyOf(Number(group)),
      path,
      bytes,
      isOthers: Number(group) === OTHERS,
    }))
  }

  /** Divides up to the first record that ends at `stop` or after it. */
  #divide(from: number, to: number, stop: number): number {
    let at = this.#divider.divide(from, to, stop)
    while (this.#divider.full >= 0) {
      this.#write(this.#divider.full)
      at = this.#divider.divide(at, to, stop)
    }
    return at
  }

  /** After the mark of UTF-8 and the header; 0 where the header does not end. */
  #afterHead(from: number, end: number): number {
    const isMarked = this.#buffer[from] === 0xef && this.#buffer[from + 1] === 0xbb && this.#buffer[from + 2] === 0xbf
    const start = isMarked ? from + 3 : from
    return this.#options.hasHeader ? this.#divider.recordEnd(start, end) : start
  }

  #write(group: number): void {
    const { folder, name } = this.#options
    const path = join(folder, `${name}-${group}.csv`)
    const file = (this.#files[group] ??= { descriptor: openSync(path, 'wx'), path, bytes: 0 })
    const { from, to } = this.#divider.take(group)
    for (let at = from; at < to; ) at += writeSync(file.descriptor, this.#buffer, at, to - at)
    file.bytes += to - from
  }
}
