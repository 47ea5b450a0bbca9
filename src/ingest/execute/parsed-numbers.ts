import { type DataFile, decodeValue, type Schema } from '../../iceberg/index.ts'
import { EXACT_IN_DOUBLE } from '../inspect/checked-cast.ts'
import { isParsedByReader } from '../read/csv-select.ts'
import type { ColumnMapping } from '../read/description.ts'

/**
 * Whether numbers that the reader parsed itself (`CsvSelectOptions.parsesNumbers`) are what the texts said, by the bounds of
 * the files that hold them: below 2^53 in size a double is right whatever its text. An infinity may have been `1e400`, and
 * bounds that are missing prove nothing; NaN is not in the bounds, and has no other text. A check of each row cost 8 ns a value (0017).
 */
export function wereParsedExactly(
  mapping: readonly ColumnMapping[],
  schema: Schema,
  files: readonly DataFile[],
): boolean {
  const parsed = new Set(mapping.filter(isParsedByReader).map((column) => column.name))
  const fieldIds = schema.fields.filter((field) => parsed.has(field.name)).map((field) => field.id)
  return files.every((file) => fieldIds.every((id) => isExact(file, id)))
}

const LIMIT = Number(EXACT_IN_DOUBLE)

function isExact(file: DataFile, fieldId: number): boolean {
  const nulls = file.nullValueCounts?.get(fieldId)
  if (nulls !== undefined && nulls === file.valueCounts?.get(fieldId)) return true
  const bounds = [file.lowerBounds?.get(fieldId), file.upperBounds?.get(fieldId)]
  return bounds.every((bound) => {
    const value = bound === undefined ? undefined : decodeValue({ kind: 'double' }, bound)
    return typeof value === 'number' && Math.abs(value) < LIMIT
  })
}
