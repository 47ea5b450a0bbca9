import { csvSelect } from './csv-select.ts'
import type { ColumnMapping, SourceDescription } from './description.ts'
import { jsonSelect } from './json-select.ts'
import { exactCast, parquetSelect } from './parquet-select.ts'
import { quoteIdentifier } from '../sql.ts'

export interface SelectOptions {
  /** Longest line or object; the reader's own default where undefined. */
  readonly maxLineSizeBytes?: number
  /** Bytes of a CSV reader's buffer (`CopyPlan.csvBufferBytes`). */
  readonly bufferBytes?: number
  /** CSV: the reader parses floating point numbers itself (`CsvSelectOptions.parsesNumbers`). */
  readonly parsesNumbers?: boolean
  /** CSV: `CsvSelectOptions.refusesNul`. */
  readonly refusesNul?: boolean
  /** CSV: `CsvSelectOptions.looksAtFewLater`. */
  readonly looksAtFewLater?: boolean
}

/** Where the rows of Arrow files are put before they are written. */
export const ARROW_TABLE = 'icebox_arrow'

/** SQL that reads a source as the columns of the table. */
export function sourceSelect(
  description: SourceDescription,
  mapping: readonly ColumnMapping[],
  options: SelectOptions,
): string {
  switch (description.format) {
    case 'csv':
      return csvSelect(description, mapping, options)
    case 'json':
    case 'ndjson':
      return jsonSelect(description, mapping, options.maxLineSizeBytes)
    case 'parquet':
      return parquetSelect(description, mapping)
    case 'arrow': {
      const columns = mapping.map((column) => {
        const type = description.columns.find((some) => some.name === column.source)?.type ?? 'VARCHAR'
        return `${exactCast(type, column.type, quoteIdentifier(column.source), column.source)} AS ${quoteIdentifier(column.name)}`
      })
      return `SELECT ${columns.join(', ')} FROM ${ARROW_TABLE}`
    }
  }
}
