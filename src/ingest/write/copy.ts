import type { EngineSession, RunOptions, SqlValue } from '../../engine/index.ts'
import type { PartitionTuple } from '../../iceberg/index.ts'
import { quoteText, textOf } from '../sql.ts'
import { pairs } from './metrics.ts'
import { textDictionaryBytes } from './text-dictionaries.ts'

/** One COPY to Parquet into a folder of its own. */
export interface CopyStatement {
  readonly select: string
  readonly folder: string
  readonly fieldIds?: string
  readonly rowGroupSize: number
  /** Ends a row group earlier; DuckDB refuses it where rows keep their order. */
  readonly rowGroupBytes?: number | undefined
  readonly usesDictionaries: boolean
  /** Columns of text below lists, maps and structs, too. */
  readonly textColumns: number
  /** About, where each file gets few of them. */
  readonly rowsPerFile?: number
  readonly codec: string
  readonly codecLevel?: number | undefined
  /** Columns to partition by; without them files are cut at `fileSizeBytes`. */
  readonly partitionBy: readonly string[]
  readonly fileSizeBytes: number
}

/** A file that a COPY wrote, as `RETURN_STATS` describes it. */
export interface CopiedFile {
  readonly path: string
  readonly rows: bigint
  readonly sizeBytes: bigint
  readonly statistics: SqlValue
  /** By helper column; null for the null partition. */
  readonly keys: ReadonlyMap<string, string | null>
  /** Where it is known otherwise than by the keys. */
  readonly partition?: PartitionTuple
}

/**
 * Values of a column chunk's dictionary, at most; DuckDB's own limit is a fifth of the row group. A column that has more is
 * hashed in vain until it is found out: 4% of an import of lineitem, whose files become 1% smaller besides (0017).
 */
const MAX_DICTIONARY = 8_192

export function copySql(copy: CopyStatement): string {
  const options = [
    'FORMAT parquet',
    `COMPRESSION ${quoteText(copy.codec)}`,
    ...(copy.codecLevel === undefined ? [] : [`COMPRESSION_LEVEL ${copy.codecLevel}`]),
    `ROW_GROUP_SIZE ${copy.rowGroupSize}`,
    `DICTIONARY_SIZE_LIMIT ${dictionaryLimit(copy)}`,
    `STRING_DICTIONARY_PAGE_SIZE_LIMIT ${textDictionaryBytes(copy.textColumns)}`,
    ...(copy.rowGroupBytes === undefined ? [] : [`ROW_GROUP_SIZE_BYTES ${copy.rowGroupBytes}`]),
    "FILENAME_PATTERN '{i}'",
    'RETURN_STATS',
    // DuckDB 1.5.5 looks for bytes under their printed form and for -0.0 apart from 0.0 in the Bloom filters that it writes,
    // and then skips rows that match (duckdb/duckdb#24994). Iceberg's writers make none unless asked to.
    'WRITE_BLOOM_FILTER false',
    ...(copy.fieldIds === undefined ? [] : [`FIELD_IDS ${copy.fieldIds}`]),
    // DuckDB refuses the two together.
    copy.partitionBy.length > 0
      ? `PARTITION_BY (${copy.partitionBy.join(', ')})`
      : `FILE_SIZE_BYTES ${copy.fileSizeBytes}`,
  ]
  return `COPY (${copy.select}) TO ${quoteText(copy.folder)} (${options.join(', ')})`
}

/** Memory of this size is made and cleared for each column of each file: a quarter of the time of a file of 300 rows. */
function dictionaryLimit({ usesDictionaries, rowGroupSize, rowsPerFile = rowGroupSize }: CopyStatement): number {
  return usesDictionaries ? Math.min(MAX_DICTIONARY, Math.floor(Math.min(rowGroupSize, rowsPerFile) / 5)) : 0
}

/** Runs a COPY and hands over its files one by one: with thousands of files the statistics are large as a whole. */
export async function* runCopy(
  session: EngineSession,
  copy: CopyStatement,
  options: RunOptions,
): AsyncGenerator<CopiedFile> {
  await using stream = await session.stream(copySql(copy), { ...options, isSmallResult: true })
  for await (const batch of stream) {
    for (const row of batch.rows()) {
      yield {
        path: textOf(row['filename']),
        rows: BigInt(textOf(row['count'])),
        sizeBytes: BigInt(textOf(row['file_size_bytes'])),
        statistics: row['column_statistics'] ?? null,
        keys: new Map(
          pairs(row['partition_keys']).map(([name, value]) => [name, value === null ? null : textOf(value)]),
        ),
      }
    }
  }
}
