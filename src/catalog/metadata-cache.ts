import type { TableMetadata } from '../iceberg/index.ts'

const DEFAULT_MAX_BYTES = 16 * 1024 * 1024
/** Bytes of parsed objects in V8, rounded up: a snapshot with its summary of about 14 counters, and the rest by piece. */
const SNAPSHOT_BYTES = 3000
const FIELD_BYTES = 400
const SMALL_PIECE_BYTES = 300

/**
 * Parsed metadata by location, least recently used out first, at most `maxBytes` (estimated; default 16 MiB). What is at a
 * metadata location never changes, so an entry is never wrong.
 */
export class MetadataCache {
  private readonly maxBytes: number
  private readonly entries = new Map<string, { readonly metadata: TableMetadata; readonly bytes: number }>()
  private heldBytes = 0

  constructor(options: { maxBytes?: number } = {}) {
    this.maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES
  }

  get(location: string): TableMetadata | undefined {
    const entry = this.entries.get(location)
    if (entry === undefined) return undefined
    this.entries.delete(location)
    this.entries.set(location, entry)
    return entry.metadata
  }

  /** Metadata larger than the whole cache is not kept. */
  put(location: string, metadata: TableMetadata): void {
    this.remove(location)
    const bytes = estimateMetadataBytes(metadata)
    if (bytes > this.maxBytes) return
    this.entries.set(location, { metadata, bytes })
    this.heldBytes += bytes
    for (const oldest of this.entries.keys()) {
      if (this.heldBytes <= this.maxBytes) break
      this.remove(oldest)
    }
  }

  remove(location: string): void {
    this.heldBytes -= this.entries.get(location)?.bytes ?? 0
    this.entries.delete(location)
  }

  /** Estimated bytes of what it holds. */
  get sizeBytes(): number {
    return this.heldBytes
  }
}

/** About how many bytes parsed metadata takes; top-level fields only, since that is where the difference is made. */
function estimateMetadataBytes(metadata: TableMetadata): number {
  const fields = metadata.schemas.reduce((sum, schema) => sum + schema.fields.length, 0)
  const small =
    metadata.snapshotLog.length +
    metadata.metadataLog.length +
    metadata.partitionSpecs.length +
    metadata.sortOrders.length +
    Object.keys(metadata.properties).length +
    Object.keys(metadata.refs).length
  return 2000 + metadata.snapshots.length * SNAPSHOT_BYTES + fields * FIELD_BYTES + small * SMALL_PIECE_BYTES
}
