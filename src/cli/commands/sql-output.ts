import { formatBytes, IceboxError } from '../../base/index.ts'
import type { CommandLakehouse, OperationSummary, RunSqlOptions, StatementResult } from '../../lakehouse/api.ts'
import type { CommandContext } from '../context.ts'
import { type FileSink, openFileSink } from '../output/file-sink.ts'
import { countText, footerText } from '../output/footer.ts'
import { profileText } from '../output/profile.ts'
import { documentText } from '../output/json-value.ts'
import type { OutputFormat } from '../output/writer.ts'
import { presentStatement } from '../present.ts'
import { progressFor } from '../progress/index.ts'
import { queryProgress } from '../progress/query-progress.ts'
import { splitStatements } from '../shell/statement-splitter.ts'
import { makeStyle } from '../style.ts'

export interface OutputTarget {
  readonly path: string
  readonly format: OutputFormat
  readonly maxRows: number
}

/** `icebox sql … --output FILE`: the rows of one statement in a file that appears whole or not at all. */
export async function writeToFile(
  context: CommandContext,
  lake: CommandLakehouse,
  sql: string,
  target: OutputTarget,
): Promise<void> {
  const statements = splitStatements(sql)
  const count = statements.length
  const [statement] = statements
  if (statement === undefined || count !== 1) {
    throw new IceboxError('usage/invalid', {
      message: `--output takes one statement; there ${count === 0 ? 'is none' : `are ${count}`}`,
      remedy: 'run the others before, or write CREATE TABLE … AS',
    })
  }
  refuseWithoutRows(statement)
  const file = await openFileSink(target.path, context.io.cwd)
  const written = await rowsInto(context, lake, sql, target, file)
  const bytesWritten = await file.commit()
  const summary = {
    ...written.summary,
    rows: written.rows,
    bytesWritten,
    files: 1,
    output: target.path,
    format: target.format,
  }
  if (context.globals.json) {
    await context.io.stdout.write(`${documentText(summary)}\n`)
    return
  }
  await context.note(`wrote ${countText(written.rows, 'row')} (${formatBytes(bytesWritten)}) to ${target.path}`)
  await context.note(footerText(undefined, written.summary), context.errStyle.dim)
  if (context.globals.profile) await context.note(profileText(written.summary))
}

const GIVES_ROWS = /^[\s(]*(select|with|from|values|table|show|describe|desc|explain|summarize|pivot|unpivot|call)\b/i

/** Refused before it runs: a DELETE must not happen and then fail for want of rows. */
function refuseWithoutRows(statement: string): void {
  const bare = statement.replace(/^(\s|--[^\n]*(\n|$)|\/\*[\s\S]*?\*\/)*/, '')
  if (GIVES_ROWS.test(bare)) return
  const first = /^\S*/.exec(bare)?.[0] ?? ''
  throw new IceboxError('usage/invalid', {
    message: `--output needs a statement that gives rows, not ${first.toUpperCase()}`,
    remedy: 'run it without --output',
    context: { statement: first },
  })
}

interface Written {
  readonly rows: number
  readonly summary: OperationSummary
}

/** Leaves nothing behind when the statement fails or has no rows to give. */
async function rowsInto(
  context: CommandContext,
  lake: CommandLakehouse,
  sql: string,
  target: OutputTarget,
  file: FileSink,
): Promise<Written> {
  try {
    using bar = await progressFor(context)
    const progress = queryProgress(bar, lake.budgetBytes)
    const { signal } = context
    const options: RunSqlOptions = {
      signal,
      ...progress.options,
      ...(target.format === 'parquet' ? { parquetFile: file.writingTo } : {}),
    }
    let written: Written | undefined
    for await (const result of lake.run(sql, [], options))
      written = await one(context, result, target, file, progress.onRows)
    if (written === undefined)
      throw new IceboxError('usage/invalid', {
        message: 'the statement gave no result',
        remedy: 'use --output with a SELECT',
      })
    return written
  } catch (error) {
    await file.discard()
    throw error
  }
}

async function one(
  context: CommandContext,
  result: StatementResult,
  target: OutputTarget,
  file: FileSink,
  onRows: (rows: number) => void,
): Promise<Written> {
  if (target.format === 'parquet') {
    await using statement = result
    for await (const batch of statement.batches) {
      throw new IceboxError('internal/unreachable', {
        message: `${batch.rowCount} rows came past the Parquet file`,
        remedy: 'report this as a bug of Icebox',
      })
    }
    const summary = statement.summary()
    return { rows: summary.rows, summary }
  }
  const how = {
    format: target.format,
    sink: file,
    width: undefined,
    style: makeStyle(false),
    maxRows: target.maxRows,
    footer: false,
    onRows,
  }
  const { rows, summary } = await presentStatement(context, result, how)
  return { rows, summary }
}
