import { messageOf, unpackZstandard } from '../../base/index.ts'
import { clearPadding, LayoutBuilder } from '../../engine/index.ts'
import type { BatchMetadata, Region } from './column-tree.ts'
import type { CutBatch, ReadBody } from './cut-batch.ts'
import { truncated } from './errors.ts'

/** `CompressionType` of apache-arrow. */
const LZ4_FRAME = 0
/** The length of what is unpacked stands before each buffer; -1 for one that is not packed (Arrow format, "Compression"). */
const PREFIX_BYTES = 8

export interface PackedMetadata extends BatchMetadata {
  readonly compression: { readonly type: number } | null
}

export interface UnpackScene {
  readonly path: string
  readonly read: ReadBody
  /** Memory for one packed buffer. */
  readonly borrow: (bytes: number) => Disposable & { readonly bytes: Uint8Array }
}

interface Packed extends Region {
  readonly isPacked: boolean
}

/** More than `length` bytes may be refused. */
type Unpack = (packed: Uint8Array, length: number) => Promise<Uint8Array>

/**
 * A batch whose buffers are packed one by one (LZ4 or zstd frames) as one that is not packed. Rejects `source/truncated` where
 * it is damaged; its `fill` does, too, and `memory/refused`.
 */
export async function unpackedBatch(metadata: PackedMetadata, scene: UnpackScene): Promise<CutBatch> {
  const builder = new LayoutBuilder()
  for (const { length, nullCount } of metadata.nodes) builder.node(length, nullCount)
  const sources: Packed[] = []
  for (const { offset, length } of metadata.buffers) {
    const known = length === 0 ? 0 : await unpackedLength({ offset, length }, scene)
    const isPacked = known !== undefined
    builder.buffer(known ?? length - PREFIX_BYTES)
    sources.push({ offset: offset + PREFIX_BYTES, length: length - PREFIX_BYTES, isPacked })
  }
  const layout = builder.finish(metadata.length)
  const unpack: Unpack = metadata.compression?.type === LZ4_FRAME ? unpackLz4 : unpackZstandard
  const fill = async (body: Uint8Array): Promise<void> => {
    clearPadding(body, layout)
    for (const [at, { offset, length }] of layout.buffers.entries()) {
      const source = sources[at]
      if (source === undefined || length === 0) continue
      await fillBuffer(body.subarray(offset, offset + length), source, unpack, scene)
    }
  }
  return { layout, fill }
}

/** Undefined for a buffer that is not packed. */
async function unpackedLength({ offset, length }: Region, { path, read }: UnpackScene): Promise<number | undefined> {
  if (length < PREFIX_BYTES) throw truncated(path, `a packed buffer of ${length} bytes`)
  const prefix = Buffer.alloc(PREFIX_BYTES)
  await read(prefix, offset)
  const unpacked = prefix.readBigInt64LE(0)
  if (unpacked === -1n) return undefined
  if (unpacked < 0n) throw truncated(path, `a buffer of ${unpacked} bytes`)
  return Number(unpacked)
}

async function fillBuffer(target: Uint8Array, source: Packed, unpack: Unpack, scene: UnpackScene): Promise<void> {
  if (!source.isPacked) return await scene.read(target, source.offset)
  using packed = scene.borrow(source.length)
  await scene.read(packed.bytes, source.offset)
  try {
    const bytes = await unpack(packed.bytes, target.byteLength)
    if (bytes.byteLength !== target.byteLength) throw otherLength(bytes.byteLength, target.byteLength)
    target.set(bytes)
  } catch (error) {
    throw truncated(scene.path, `a buffer cannot be unpacked: ${messageOf(error)}`, error)
  }
}

async function unpackLz4(packed: Uint8Array): Promise<Uint8Array> {
  return (await import('lz4-napi')).decompressFrame(packed)
}

function otherLength(found: number, said: number): RangeError {
  return new RangeError(`${found} bytes where the file says ${said}`)
}
