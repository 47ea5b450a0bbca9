import type { OperationSummary, StatementResult } from '../lakehouse/api.ts'
import type { CommandContext } from './context.ts'
import { footerText } from './output/footer.ts'
import { csvWriter } from './output/csv.ts'
import { documentText } from './output/json-value.ts'
import { profileText } from './output/profile.ts'
import { jsonWriter, ndjsonWriter, rowsWriter } from './output/json.ts'
import { markdownWriter } from './output/markdown.ts'
import { tableWriter } from './output/table-writer.ts'
import { isTextResult, textWriter } from './output/text-writer.ts'
import type { ByteSink, OutputFormat, ResultWriter } from './output/writer.ts'
import { errorObjectJson } from './report-error.ts'
import type { Style } from './style.ts'

/** Formats that are written here; parquet is written by the engine. */
export type RowFormat = Exclude<OutputFormat, 'parquet'>

export interface Presentation {
  /** `document`: the `--json` form, one document a statement. */
  readonly format: RowFormat | 'document'
  readonly sink: ByteSink
  /** Columns of the terminal that the sink is, if it is one. */
  readonly width: number | undefined
  readonly style: Style
  readonly maxRows: number
  /** Row count, time and memory after each result, on standard error. */
  readonly footer: boolean
  /** What a person types to see all rows of a table, where it is not the flag. */
  readonly allRowsBy?: string
  /** Told how many rows were read so far, after each batch. */
  readonly onRows?: (rows: number) => void
}

export interface Presented {
  /** Rows of the result (statements without rows: 0). */
  readonly rows: number
  readonly hasRows: boolean
  readonly summary: OperationSummary
}

/** Writes one statement's result as it is read, and disposes it. */
export async function presentStatement(
  context: CommandContext,
  result: StatementResult,
  how: Presentation,
): Promise<Presented> {
  await using statement = result
  // Awaited here: the statement is disposed when this function returns.
  if (how.format === 'document') return await presentDocument(context, statement, how)
  const { format } = how
  const hasRows = statement.columns.length > 0
  let rows = 0
  if (hasRows && format === 'arrow') {
    const { writeArrow } = await import('./output/arrow.ts')
    rows = await writeArrow(statement, how.sink, (written) => how.onRows?.(written))
  } else if (hasRows && format !== 'arrow') {
    const isText = format === 'table' && isTextResult(statement.columns)
    const writer = isText ? textWriter(how.sink) : rowWriter(format, how)
    await writer.begin(statement.columns)
    for await (const batch of statement.batches) {
      rows += batch.rowCount
      await writer.batch(batch)
      how.onRows?.(rows)
    }
    await writer.end()
  } else {
    for await (const batch of statement.batches) rows += batch.rowCount
  }
  const summary = statement.summary()
  if (statement.message !== '') await context.note(statement.message)
  if (how.footer) await context.note(footerText(hasRows ? rows : undefined, summary), context.errStyle.dim)
  if (context.globals.profile) await context.note(profileText(summary))
  return { rows, hasRows, summary }
}

function rowWriter(format: Exclude<RowFormat, 'arrow'>, how: Presentation): ResultWriter {
  switch (format) {
    case 'table':
      return tableWriter(how.sink, how)
    case 'csv':
      return csvWriter(how.sink)
    case 'json':
      return jsonWriter(how.sink)
    case 'ndjson':
      return ndjsonWriter(how.sink)
    case 'markdown':
      return markdownWriter(how.sink)
  }
}

/** `{"columns","rows","summary"}`; a statement that fails midway ends its document with `"error"` instead of `"summary"`. */
async function presentDocument(
  context: CommandContext,
  statement: StatementResult,
  how: Presentation,
): Promise<Presented> {
  const writer = rowsWriter(how.sink)
  let rows = 0
  await how.sink.write(
    `{"columns":${documentText(statement.columns.map(({ name, type }) => ({ name, type })))},"rows":[`,
  )
  try {
    for await (const batch of statement.batches) {
      rows += batch.rowCount
      await writer.batch(batch)
    }
    await writer.end()
  } catch (error) {
    await writer.end()
    await how.sink.write(`],"error":${errorObjectJson(error)}}\n`)
    if (typeof error === 'object' && error !== null) context.reported.add(error)
    throw error
  }
  const summary = statement.summary()
  await how.sink.write(
    `],"summary":${documentText({ statement: statement.kind, message: statement.message, ...summary })}}\n`,
  )
  return { rows, hasRows: statement.columns.length > 0, summary }
}
