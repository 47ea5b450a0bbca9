import { type DataFile, decodeValue, type Schema } from '../../iceberg/index.ts'
import { EXACT_IN_DOUBLE } from '../inspect/checked-cast.ts'
import { isParsedByReader } from '../read/csv-select.ts'
import type { ColumnMapping, SourceDescription } from '../read/description.ts'
import { isWide } from '../read/line-sizes.ts'
import { mayHoldTwoSigns } from '../source/two-signs.ts'

/** Whether the reader may parse numbers itself (`CsvSelectOptions.parsesNumbers`): {@link wereParsedExactly} is to tell by the bytes. */
export function mayParseNumbers(source: SourceDescription): boolean {
  return (
    source.format === 'csv' && !isWide(source.encoding) && source.groups.every((group) => group.compression === 'none')
  )
}

/**
 * Whether numbers that the reader parsed itself are what the texts said, by the bounds of the files that hold them: from 0
 * to 2^53 a double is right whatever its text. An infinity may have been `1e400`, and bounds that are missing prove nothing;
 * NaN is not in the bounds, and has no other text. What is below 0 may have been `+-1`: then the bytes of the source are
 * looked at. A check of each row cost 8 ns a value (0017), one for a second sign 27 with the text that it needs (0010).
 */
export async function wereParsedExactly(
  source: SourceDescription,
  mapping: readonly ColumnMapping[],
  { schema, files }: { readonly schema: Schema; readonly files: readonly DataFile[] },
  signal: AbortSignal,
): Promise<boolean> {
  if (source.format !== 'csv') return true
  const parsed = new Set(mapping.filter(isParsedByReader).map((column) => column.name))
  const fieldIds = schema.fields.filter((field) => parsed.has(field.name)).map((field) => field.id)
  const bounds = files.flatMap((file) => fieldIds.flatMap((id) => boundsOf(file, id)))
  if (!bounds.every((bound) => Math.abs(bound) < LIMIT)) return false
  if (!bounds.some((bound) => bound < 0)) return true
  for (const { paths, dialect } of source.groups) {
    const marks = new Set(Buffer.from(dialect.delimiter + dialect.quote))
    for (const path of paths) if (await mayHoldTwoSigns(path, marks, signal)) return false
  }
  return true
}

const LIMIT = Number(EXACT_IN_DOUBLE)

/** NaN for a bound that the file should have. */
function boundsOf(file: DataFile, fieldId: number): number[] {
  const nulls = file.nullValueCounts?.get(fieldId)
  if (nulls !== undefined && nulls === file.valueCounts?.get(fieldId)) return []
  return [file.lowerBounds?.get(fieldId), file.upperBounds?.get(fieldId)].map((bound) => {
    const value = bound === undefined ? undefined : decodeValue({ kind: 'double' }, bound)
    return typeof value === 'number' ? value : NaN
  })
}
