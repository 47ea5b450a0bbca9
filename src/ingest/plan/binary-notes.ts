import type { ColumnMapping } from '../read/description.ts'
import type { SourceFormat } from '../source/format.ts'

/** What texts become in columns of bytes, which programs write in many ways: as hexadecimal digits, in base64, with escapes. */
export function binaryNotes(format: SourceFormat, mapping: readonly ColumnMapping[]): string[] {
  if (format === 'parquet' || format === 'arrow') return []
  return mapping
    .filter((column) => column.type.kind === 'binary')
    .map(
      ({ source }) => `column '${source}': binary holds the bytes of the text itself; \\x41 or base64 are not decoded`,
    )
}
