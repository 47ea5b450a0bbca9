import { IceboxError, isIceboxError, parseJson } from '../../base/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import { asObject } from '../json/json-object.ts'
import { invalidDeletes } from './invalid.ts'

/** `PFA1`, at both ends of a file and at the start of the footer. */
export const PUFFIN_MAGIC = Uint8Array.of(0x50, 0x46, 0x41, 0x31)

/** Puffin spec, `BlobMetadata`. */
export interface PuffinBlob {
  readonly type: string
  readonly fields: readonly number[]
  /** -1 in deletion vectors, as `sequenceNumber`. */
  readonly snapshotId: bigint
  readonly sequenceNumber: bigint
  readonly offset: bigint
  readonly length: bigint
  /** Absent: not compressed. */
  readonly compressionCodec?: string
  readonly properties: Readonly<Record<string, string>>
}
export interface PuffinFooter {
  readonly blobs: readonly PuffinBlob[]
  readonly properties: Readonly<Record<string, string>>
}

/** Payload size, flags, magic. */
const TAIL_BYTES = 12
const MAX_FOOTER_BYTES = 64 * 1024 * 1024

/**
 * The blobs of a Puffin file (Puffin spec, "Footer structure"). Rejects `iceberg/invalid-deletes` where the file is no
 * Puffin file or damaged, `iceberg/unsupported` for compressed footers, and `storage/*`.
 */
export async function readPuffinFooter(io: ObjectStore, uri: string, signal?: AbortSignal): Promise<PuffinFooter> {
  const { sizeBytes } = await io.head(uri, signal)
  if (sizeBytes < PUFFIN_MAGIC.length * 2 + TAIL_BYTES)
    throw invalidDeletes(uri, `${sizeBytes} bytes are no Puffin file`)
  using end = await io.readRange(uri, sizeBytes - TAIL_BYTES, TAIL_BYTES, signal)
  const tail = end.bytes
  const view = new DataView(tail.buffer, tail.byteOffset, TAIL_BYTES)
  if (!hasMagic(tail, 8)) throw invalidDeletes(uri, 'does not end like a Puffin file (PFA1)')
  const size = view.getInt32(0, true)
  const room = sizeBytes - TAIL_BYTES - 2 * PUFFIN_MAGIC.length
  if (size < 0 || size > room || size > MAX_FOOTER_BYTES) throw invalidDeletes(uri, `claims a footer of ${size} bytes`)
  const flags = view.getUint32(4, true)
  if ((flags & 1) !== 0) {
    throw new IceboxError('iceberg/unsupported', {
      message: `${uri}: its Puffin footer is compressed (lz4), which is not supported`,
      remedy: 'have the file rewritten without footer compression',
    })
  }
  if (flags !== 0) throw invalidDeletes(uri, `has the footer flags 0x${flags.toString(16)}, which are not defined`)
  const start = sizeBytes - TAIL_BYTES - size - PUFFIN_MAGIC.length
  using footer = await io.readRange(uri, start, PUFFIN_MAGIC.length + size, signal)
  if (!hasMagic(footer.bytes, 0)) throw invalidDeletes(uri, 'has no magic (PFA1) in front of its footer')
  return parseFooter(footer.bytes.subarray(PUFFIN_MAGIC.length), uri)
}

function hasMagic(bytes: Uint8Array, at: number): boolean {
  return PUFFIN_MAGIC.every((byte, index) => bytes[at + index] === byte)
}

function parseFooter(payload: Uint8Array, uri: string): PuffinFooter {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(payload)
    const object = asObject(parseJson(text), { location: uri, path: '' })
    return {
      blobs: object.array('blobs', (json, place) => {
        const blob = asObject(json, place)
        const compressionCodec = blob.optionalString('compression-codec')
        return {
          type: blob.string('type'),
          fields: blob.optionalInts('fields') ?? [],
          snapshotId: blob.long('snapshot-id'),
          sequenceNumber: blob.long('sequence-number'),
          offset: blob.long('offset'),
          length: blob.long('length'),
          properties: blob.optionalStringMap('properties') ?? {},
          ...(compressionCodec !== undefined && { compressionCodec }),
        }
      }),
      properties: object.optionalStringMap('properties') ?? {},
    }
  } catch (cause) {
    if (cause instanceof TypeError || isIceboxError(cause))
      throw invalidDeletes(uri, 'has a footer that is not what Puffin defines', cause)
    throw cause
  }
}
