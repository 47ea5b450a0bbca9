import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib'
import { IceboxError, messageOf, unpackZstandard } from '../../base/index.ts'
import type { Room } from '../../storage/index.ts'
import { type Unpack, unpackWithin } from '../unpack.ts'
import { invalidAvro } from './invalid.ts'
import { decompressSnappy, snappyLength } from './snappy.ts'

/** Blocks larger than this, unpacked, are refused; writers make them of 64 kB, some of a whole manifest. */
export const MAX_BLOCK_BYTES = 256 * 1024 * 1024

/** Level 1 packs manifests to within a few per cent of level 6 in a third of the time. */
const DEFLATE_LEVEL = 1

/** Unpacks a block by the file's codec, within `room`. Others than those of Iceberg's writers are refused by name. */
export async function unpackBlock(codec: string, bytes: Uint8Array, room: Room): Promise<Uint8Array> {
  switch (codec) {
    case 'null':
      return bytes
    case 'deflate':
      return await unpacked(codec, (maxOutputLength) => inflateRawSync(bytes, { maxOutputLength }), room)
    case 'snappy':
      return await unpackSnappy(bytes, room)
    case 'zstandard':
      return await unpacked(codec, (maxOutputLength) => unpackZstandard(bytes, maxOutputLength), room)
    default:
      throw new IceboxError('iceberg/unsupported', {
        message: `Avro files with the codec ${codec} are not supported; null, deflate, snappy and zstandard are`,
        remedy: 'have the writer rewrite its manifests with write.avro.compression-codec=gzip',
        context: { codec },
      })
  }
}

async function unpacked(codec: string, unpack: Unpack, room: Room): Promise<Uint8Array> {
  try {
    return await unpackWithin(unpack, MAX_BLOCK_BYTES, room)
  } catch (cause) {
    if (cause instanceof IceboxError) throw cause
    throw invalidAvro(`a block cannot be unpacked (${codec}): ${messageOf(cause)}`, cause)
  }
}

export function packDeflate(bytes: Uint8Array): Uint8Array {
  return deflateRawSync(bytes, { level: DEFLATE_LEVEL })
}

/** Avro puts the CRC-32 of the unpacked bytes behind a snappy block, big-endian. */
async function unpackSnappy(bytes: Uint8Array, room: Room): Promise<Uint8Array> {
  if (bytes.length < 5) throw invalidAvro('a snappy block is shorter than its checksum')
  const body = bytes.subarray(0, -4)
  const expected = new DataView(bytes.buffer, bytes.byteOffset + body.length, 4).getUint32(0)
  await room.grow(snappyLength(body, MAX_BLOCK_BYTES).size)
  const unpacked = decompressSnappy(body, MAX_BLOCK_BYTES)
  const found = crc32(unpacked)
  if (found !== expected) throw invalidAvro(`a snappy block has the checksum ${found}, not ${expected}`)
  return unpacked
}
