import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { messageOf } from '../../base/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import { invalidMetadata } from './json-object.ts'
import { parseTableMetadata } from './table-metadata.ts'

const unzip = promisify(gunzip)

/** Metadata larger than this, unpacked, is refused: V8 has no longer strings, and none is known that comes near. */
const MAX_METADATA_BYTES = 512 * 1024 * 1024

/**
 * Reads and parses a metadata file; gzip is recognised by its first bytes, so that `.gz.metadata.json` and
 * `.metadata.json.gz` and misnamed files are read alike. Rejects as {@link parseTableMetadata}, and `storage/*`.
 */
export async function readTableMetadata(
  io: ObjectStore,
  location: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<TableMetadata> {
  const raw = await io.read(location, { maxBytes: MAX_METADATA_BYTES, ...options })
  const bytes = raw[0] === 0x1f && raw[1] === 0x8b ? await unpack(raw, location) : raw
  return parseTableMetadata(decode(bytes, location), location)
}

async function unpack(bytes: Uint8Array, location: string): Promise<Uint8Array> {
  try {
    return await unzip(bytes, { maxOutputLength: MAX_METADATA_BYTES })
  } catch (cause) {
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
