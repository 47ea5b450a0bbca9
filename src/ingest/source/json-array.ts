import { readGzipHead, readHead } from './bytes.ts'
import { compressionOf } from './format.ts'
import { BACKSLASH, CLOSE_LIST, CLOSE_OBJECT, OPEN_LIST, OPEN_OBJECT, QUOTE } from './json-bytes.ts'

/** `null`, by its first letter: it says nothing of the elements behind it. */
const NULL = 110
const BLANKS: ReadonlySet<number | undefined> = new Set([9, 10, 13, 32])

/** As much of a document is looked at. */
const HEAD_BYTES = 1 << 20

/** A JSON document that is one array. */
export interface JsonArray {
  /** Whether its first element is an object. */
  readonly ofObjects: boolean
  /** True where it goes on behind its first 1 MiB. */
  readonly isLong: boolean
}

/**
 * Whether a file is one array, plain or in gzip. Undefined for anything else (also for lines of which the first is an array
 * within the first 1 MiB), for an empty array, and for what cannot be read: who reads it tells.
 */
export async function jsonArray(path: string): Promise<JsonArray | undefined> {
  try {
    const head = await documentHead(path)
    const open = skipBlanks(head, 0)
    const first = head[skipBlanks(head, open + 1)]
    if (head[open] !== OPEN_LIST || first === undefined || first === CLOSE_LIST || first === NULL) return undefined
    const end = endOfArray(head, open)
    const isLong = head.length === HEAD_BYTES
    const isOne = isLong ? end < 0 : end >= 0 && skipBlanks(head, end) === head.length
    return isOne ? { ofObjects: first === OPEN_OBJECT, isLong } : undefined
  } catch {
    return undefined
  }
}

/** The first 1 MiB that is unpacked; of zstd, which Node 20 has not, none. */
async function documentHead(path: string): Promise<Uint8Array> {
  const compression = compressionOf(await readHead(path, 4))
  if (compression === 'zstd') return new Uint8Array()
  return compression === 'gzip' ? readGzipHead(path, HEAD_BYTES) : readHead(path, HEAD_BYTES)
}

function skipBlanks(bytes: Uint8Array, from: number): number {
  let at = from
  while (BLANKS.has(bytes[at])) at++
  return at
}

/** Behind the bracket that closes the one at `open`; -1 where none does. */
function endOfArray(bytes: Uint8Array, open: number): number {
  let depth = 0
  for (let at = open; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) at = endOfString(bytes, at)
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth++
    else if ((byte === CLOSE_LIST || byte === CLOSE_OBJECT) && --depth === 0) return at + 1
  }
  return -1
}

/** The quote that ends a string, or the end of the bytes. */
function endOfString(bytes: Uint8Array, quote: number): number {
  let at = quote + 1
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
  return at
}
