import { printJson } from '../../base/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import type { DataFile } from '../spec/manifest.ts'
import { type DeletionVector, decodeDeletionVector } from './deletion-vector.ts'
import { PUFFIN_MAGIC } from './footer.ts'
import { invalidDeletes } from './invalid.ts'

const BLOB_TYPE = 'deletion-vector-v1'
/** Row positions: the reserved field id of `_pos`, as the reference implementation writes it. */
const POSITION_FIELD_ID = 2_147_483_645
/** A vector of 2^31 bytes marks more than 16 billion scattered rows of one file. */
const MAX_VECTOR_BYTES = 2n ** 31n - 1n

/**
 * Reads the deletion vector that a manifest entry points at, with one range request. Rejects `iceberg/invalid-deletes`
 * where the entry or the bytes do not hold together (place, length, magic, checksum, cardinality), and `storage/*`.
 */
export async function readDeletionVector(
  io: ObjectStore,
  file: DataFile,
  signal?: AbortSignal,
): Promise<DeletionVector> {
  const { contentOffset, contentSizeInBytes, filePath } = file
  if (file.fileFormat !== 'puffin' || contentOffset === undefined || contentSizeInBytes === undefined) {
    throw invalidDeletes(filePath, 'its manifest entry does not say where in the file the deletion vector is')
  }
  if (contentOffset < 4n || contentSizeInBytes < 0n || contentSizeInBytes > MAX_VECTOR_BYTES) {
    throw invalidDeletes(
      filePath,
      `its manifest entry places the deletion vector at byte ${contentOffset}, ${contentSizeInBytes} bytes long`,
    )
  }
  using blob = await io.readRange(filePath, Number(contentOffset), Number(contentSizeInBytes), signal)
  const vector = await decodeDeletionVector(blob.bytes, filePath)
  if (vector.cardinality === file.recordCount) return vector
  const found = vector.cardinality
  vector.dispose()
  throw invalidDeletes(
    filePath,
    `its deletion vector has ${found} positions, its manifest entry says ${file.recordCount}`,
  )
}

export interface VectorOfFile {
  /** The path of the data file, exactly as its manifest entry has it. */
  readonly referencedDataFile: string
  readonly vector: DeletionVector
}

/** Where a vector was written: what its manifest entry needs. */
export interface WrittenVector {
  readonly referencedDataFile: string
  readonly contentOffset: bigint
  readonly contentSizeInBytes: bigint
  readonly recordCount: bigint
}

/** Writes deletion vectors into a new Puffin file, footer not compressed. Rejects `storage/*`. */
export async function writeDeletionVectors(
  io: ObjectStore,
  uri: string,
  vectors: readonly VectorOfFile[],
  options: { readonly createdBy?: string; readonly signal?: AbortSignal } = {},
): Promise<{ readonly fileSizeInBytes: bigint; readonly vectors: readonly WrittenVector[] }> {
  const written: WrittenVector[] = []
  async function* body(): AsyncGenerator<Uint8Array, void> {
    yield PUFFIN_MAGIC
    let at = PUFFIN_MAGIC.length
    for (const { referencedDataFile, vector } of vectors) {
      const blob = vector.encode()
      written.push({
        referencedDataFile,
        contentOffset: BigInt(at),
        contentSizeInBytes: BigInt(blob.length),
        recordCount: vector.cardinality,
      })
      at += blob.length
      yield blob
    }
    yield footer(written, options.createdBy ?? 'Icebox')
  }
  const info = await io.create(uri, body(), options.signal)
  return { fileSizeInBytes: BigInt(info.sizeBytes), vectors: written }
}

function footer(vectors: readonly WrittenVector[], createdBy: string): Uint8Array {
  const payload = Buffer.from(
    printJson({
      blobs: vectors.map((vector) => ({
        type: BLOB_TYPE,
        fields: [POSITION_FIELD_ID],
        // Not known when the file is written.
        'snapshot-id': -1,
        'sequence-number': -1,
        offset: vector.contentOffset,
        length: vector.contentSizeInBytes,
        properties: {
          'referenced-data-file': vector.referencedDataFile,
          cardinality: String(vector.recordCount),
        },
      })),
      properties: { 'created-by': createdBy },
    }),
  )
  const tail = new DataView(new ArrayBuffer(8))
  tail.setInt32(0, payload.length, true)
  return Buffer.concat([PUFFIN_MAGIC, payload, new Uint8Array(tail.buffer), PUFFIN_MAGIC])
}
