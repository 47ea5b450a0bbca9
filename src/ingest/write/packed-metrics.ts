import type { FileMetrics } from '../../iceberg/index.ts'

/** Of one file until it is committed: its names, and what names its partition. */
const FILE_BYTES = 1_500
/** Of one column in one file: two bounds and three or four counts, packed. */
const COLUMN_BYTES = 80

/** What written files hold until they are committed, to be reserved. */
export function writtenFilesBytes(files: number, columns: number): number {
  return files * (FILE_BYTES + columns * COLUMN_BYTES)
}

type Counts = ReadonlyMap<number, bigint>
type Bounds = ReadonlyMap<number, Uint8Array>

/**
 * Metrics of a file as bytes, read again when they are asked for. As maps those of 16 columns take 12 kB of V8's heap, here
 * 0.7: a write into 10,000 partitions holds the metrics of 10,000 files until it is committed.
 */
export class PackedMetrics implements FileMetrics {
  readonly #bytes: Uint8Array
  /** Where the sections end, in the order of {@link SECTIONS}. */
  readonly #ends: readonly number[]

  constructor(metrics: FileMetrics) {
    const parts: Uint8Array[] = []
    const ends: number[] = []
    let end = 0
    for (const section of SECTIONS) {
      for (const [fieldId, value] of metrics[section] ?? []) {
        const content = typeof value === 'bigint' ? countBytes(value) : value
        const head = new Uint8Array(HEAD_BYTES)
        const view = new DataView(head.buffer)
        view.setUint32(0, fieldId)
        view.setUint16(4, content.length)
        parts.push(head, content)
        end += HEAD_BYTES + content.length
      }
      ends.push(end)
    }
    this.#bytes = new Uint8Array(Buffer.concat(parts, end))
    this.#ends = ends
  }

  get columnSizes(): Counts {
    return this.#counts('columnSizes')
  }

  get valueCounts(): Counts {
    return this.#counts('valueCounts')
  }

  get nullValueCounts(): Counts {
    return this.#counts('nullValueCounts')
  }

  get nanValueCounts(): Counts {
    return this.#counts('nanValueCounts')
  }

  get lowerBounds(): Bounds {
    return this.#section('lowerBounds')
  }

  get upperBounds(): Bounds {
    return this.#section('upperBounds')
  }

  #counts(section: Section): Counts {
    const counts = new Map<number, bigint>()
    for (const [fieldId, bytes] of this.#section(section)) {
      counts.set(fieldId, new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0))
    }
    return counts
  }

  #section(section: Section): Map<number, Uint8Array> {
    const place = SECTIONS.indexOf(section)
    const found = new Map<number, Uint8Array>()
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength)
    const end = this.#ends[place] ?? 0
    for (let at = this.#ends[place - 1] ?? 0; at < end; ) {
      const fieldId = view.getUint32(at)
      const length = view.getUint16(at + 4)
      at += HEAD_BYTES
      found.set(fieldId, this.#bytes.subarray(at, at + length))
      at += length
    }
    return found
  }
}

const SECTIONS = [
  'columnSizes',
  'valueCounts',
  'nullValueCounts',
  'nanValueCounts',
  'lowerBounds',
  'upperBounds',
] as const
type Section = (typeof SECTIONS)[number]

/** A field id, and the length of what follows; bounds are cut to 16 characters (invariant I11). */
const HEAD_BYTES = 6

function countBytes(count: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigInt64(0, count)
  return bytes
}
