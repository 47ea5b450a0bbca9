import type { Type } from '../../iceberg/index.ts'
import type { CsvDialect } from '../inspect/records.ts'
import type { Compression } from '../source/format.ts'
import type { HiveColumn } from '../source/hive.ts'

/** How the files of an import are read: data, found by inspection, from which the SQL is made. */
export type SourceDescription = CsvDescription | JsonDescription | ParquetDescription | ArrowDescription

export interface CsvDescription {
  readonly format: 'csv'
  readonly groups: readonly CsvGroup[]
  readonly encoding: string | undefined
  readonly nullText: string | undefined
  /** Longest record that was seen to need it; DuckDB's default where undefined. */
  readonly maxLineSizeBytes?: number
  readonly hive: readonly HiveColumn[]
}

/** Files with the same first line. */
export interface CsvGroup {
  readonly paths: readonly string[]
  readonly compression: Compression
  readonly dialect: CsvDialect
  /** Before the header. The engine passes over blank lines elsewhere, and takes one in its place for the header. */
  readonly blankLines?: number
  readonly names: readonly string[]
}

/** Objects that are lines; those of documents (`json`) were made lines (`source/json-documents.ts`). */
export interface JsonDescription {
  readonly format: 'ndjson' | 'json'
  readonly paths: readonly string[]
  readonly compression: Compression
  readonly shape: JsonStruct
  /** Longest object that was seen to need it. */
  readonly maxObjectBytes?: number
  /** For sampling only: objects that cannot be read come as NULL. */
  readonly isTolerant?: boolean
  readonly hive: readonly HiveColumn[]
}

/** What the objects of a JSON source look like. */
export type JsonShape = JsonStruct | { readonly kind: 'list'; readonly element: JsonShape } | JsonLeaf
export interface JsonStruct {
  readonly kind: 'struct'
  readonly fields: readonly { readonly name: string; readonly shape: JsonShape }[]
}
export interface JsonLeaf {
  readonly kind: 'leaf'
  readonly values: 'boolean' | 'integer' | 'real' | 'text' | 'none' | 'mixed'
  /** Of mixed values, in words: what they are. Empty: they are nested too deep; undefined: DuckDB does not say. */
  readonly kinds?: readonly string[]
}

export interface ParquetDescription {
  readonly format: 'parquet'
  readonly groups: readonly ParquetGroup[]
  readonly hive: readonly HiveColumn[]
}
/** Files with the same columns. */
export interface ParquetGroup {
  readonly paths: readonly string[]
  readonly columns: readonly { readonly name: string; readonly type: string }[]
}

export interface ArrowDescription {
  readonly format: 'arrow'
  readonly paths: readonly string[]
  readonly columns: readonly { readonly name: string; readonly type: string }[]
}

/** A column of the table and where its values come from. */
export interface ColumnMapping {
  /** Name in the table. */
  readonly name: string
  readonly type: Type
  /** Name in the source. */
  readonly source: string
  /** strptime's format of dates in text. */
  readonly format?: string | undefined
  /** The type was given, not inferred. */
  readonly isDeclared: boolean
  /** The table takes no NULL. */
  readonly isRequired?: boolean
  /** CSV: what the texts of the sample are, in DuckDB's words. */
  readonly sampledType?: string
  /** Average length of the texts of the sample. */
  readonly usualLength?: number | undefined
  /** CSV: the first rows of the sample have few different texts: a guess, for what is quicker then. */
  readonly hasFewValues?: boolean | undefined
}

/** A column that inspection found. */
export interface FoundColumn {
  readonly name: string
  /** The source's own type in DuckDB's words. */
  readonly sourceType: string
  readonly why: string
  readonly note?: string | undefined
  readonly format?: string | undefined
  readonly isAmbiguous?: boolean | undefined
  /** Average length of the texts of the sample. */
  readonly usualLength?: number | undefined
  /** CSV: the first rows of the sample have few different texts: a guess, for what is quicker then. */
  readonly hasFewValues?: boolean | undefined
}

export interface Inspection {
  readonly description: SourceDescription
  readonly columns: readonly FoundColumn[]
  readonly sampledRows: number
  readonly estimatedRows: number | undefined
  /** All rows were counted: `estimatedRows` is how many there are. */
  readonly areRowsCounted: boolean
  /** Average bytes of a row in memory. */
  readonly rowWidthBytes: number
  /** What the largest footer takes while its file is read, beside the engine's limit. */
  readonly footerBytes?: number
  readonly notes: readonly string[]
}
