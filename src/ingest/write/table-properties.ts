import { IceboxError } from '../../base/index.ts'
import { integerProperty } from '../../iceberg/index.ts'

/** What a table's properties say about its data files. Each rejects `iceberg/invalid-metadata` for a number that is none. */
type Properties = Readonly<Record<string, string>>

/** COMPRESSION and COMPRESSION_LEVEL of COPY. Rejects `iceberg/unsupported` for a codec that it does not write. */
export function codecOf(properties: Properties): { codec: string; codecLevel?: number } {
  const codec = (properties['write.parquet.compression-codec'] ?? 'zstd').toLowerCase()
  if (!['zstd', 'snappy', 'gzip', 'lz4_raw', 'uncompressed', 'brotli'].includes(codec)) {
    throw new IceboxError('iceberg/unsupported', {
      message: `the table asks for the compression '${codec}'`,
      remedy: 'set write.parquet.compression-codec to zstd, snappy, gzip, brotli or uncompressed',
      context: { codec },
    })
  }
  if (codec !== 'zstd') return { codec }
  return { codec, codecLevel: integerProperty(properties, 'write.parquet.compression-level', ZSTD_LEVEL, -131_072, 22) }
}

/** 7% less CPU for an import than zstd's own 3, at 1.6% more bytes; level 1 is 2% faster still at 10% more (0017). */
const ZSTD_LEVEL = 2

/** Bytes at which a file is ended. */
export function targetSize(properties: Properties, configured: number): number {
  return integerProperty(properties, 'write.target-file-size-bytes', configured, 1)
}

/** `write.parquet.row-group-limit` of DuckDB's own Iceberg writer is in rows; ours is a table property in rows too. */
export function rowGroupLimit(properties: Properties): number {
  return Math.max(2_048, integerProperty(properties, 'write.parquet.row-group-limit', 122_880, 1))
}
