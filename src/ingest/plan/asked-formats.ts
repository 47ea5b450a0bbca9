import { type AskedFormats, askedDecisions } from '../inspect/asked-formats.ts'
import { hasOffset } from '../inspect/checked-cast.ts'
import type { ColumnMapping } from '../read/description.ts'

/**
 * Columns with the formats of dates and times that the caller gave, and notes of what became of them: columns that were found
 * to be written so have theirs already (those of folders, for which `isText` is false, have none); one that is declared a
 * date gets it where its texts are not ISO 8601. A format that no column uses is said, so that an option is never without
 * effect in silence.
 */
export function applyAskedFormats(
  asked: AskedFormats,
  mapping: readonly ColumnMapping[],
  isText: (column: ColumnMapping) => boolean,
): { readonly mapping: readonly ColumnMapping[]; readonly notes: readonly string[] } {
  const decisions = askedDecisions(asked)
  if (decisions.length === 0) return { mapping, notes: [] }
  const applied = mapping.map((column): ColumnMapping => {
    const format = isText(column) ? formatOf(asked, column) : undefined
    return format === undefined ? column : { ...column, format }
  })
  const users = (format: string) => applied.filter((column) => column.format === format && isTime(column))
  const notes = decisions.flatMap(({ format }) => {
    const columns = users(format)
    return columns.length === 0
      ? [`no column is written as ${format} in all of the sample: the format that was asked for is not used`]
      : columns.map((column) => `column '${column.source}': read as ${format}, as asked`)
  })
  return { mapping: applied, notes }
}

function formatOf(asked: AskedFormats, column: ColumnMapping): string | undefined {
  if (!column.isDeclared || column.format !== undefined || !isTime(column)) return undefined
  if (/^(DATE|TIMESTAMP)/.test(column.sampledType ?? '')) return undefined
  if (column.type.kind === 'date') return asked.dateFormat
  const { timestampFormat } = asked
  if (timestampFormat === undefined || (column.type.kind === 'timestamptz') !== hasOffset(timestampFormat))
    return undefined
  return timestampFormat
}

function isTime(column: ColumnMapping): boolean {
  return ['date', 'timestamp', 'timestamptz'].includes(column.type.kind)
}
