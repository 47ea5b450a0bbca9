import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { isIceboxError, messageOf } from '../../base/index.ts'
import type { ObjectStore, Room } from '../../storage/index.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import { unpackWithin } from '../unpack.ts'
import { invalidMetadata } from './json-object.ts'
import { parseTableMetadata } from './table-metadata.ts'

const unzip = promisify(gunzip)

/** Metadata larger than this, unpacked, is refused: V8 has no longer strings, and none is known that comes near. */
const MAX_METADATA_BYTES = 512 * 1024 * 1024

/** Heap for each byte of the text: the text, its JSON and the metadata that is made of it (docs/decisions/0025-reads-in-the-budget.md). */
const HEAP_PER_BYTE = 4

/**
 * Reads and parses a metadata file; gzip is recognised by its first bytes, so that `.gz.metadata.json` and
 * `.metadata.json.gz` and misnamed files are read alike. What it takes is asked for before. Rejects as
 * {@link parseTableMetadata}, `memory/refused` and `storage/*`.
 */
export async function readTableMetadata(
  io: ObjectStore,
  location: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<TableMetadata> {
  using room = io.reads.room(`the metadata file ${location}`, options.signal)
  const text = await readText(io, location, room, options)
  return parseTableMetadata(text, location)
}

/** The bytes are gone when the text is parsed. */
async function readText(
  io: ObjectStore,
  location: string,
  room: Room,
  options: { readonly signal?: AbortSignal },
): Promise<string> {
  using file = await io.read(location, { maxBytes: MAX_METADATA_BYTES, ...options })
  const isPacked = file.bytes[0] === 0x1f && file.bytes[1] === 0x8b
  const bytes = isPacked ? await unpack(file.bytes, location, room) : file.bytes
  await room.grow(bytes.length * HEAP_PER_BYTE)
  return decode(bytes, location)
}

async function unpack(bytes: Uint8Array, location: string, room: Room): Promise<Uint8Array> {
  try {
    return await unpackWithin((maxOutputLength) => unzip(bytes, { maxOutputLength }), MAX_METADATA_BYTES, room)
  } catch (cause) {
    if (isIceboxError(cause)) throw cause
    throw invalidMetadata({ location, path: '' }, `cannot be unpacked (gzip): ${messageOf(cause)}`, cause)
  }
}

function decode(bytes: Uint8Array, location: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw invalidMetadata({ location, path: '' }, 'is not UTF-8 text', cause)
  }
}
