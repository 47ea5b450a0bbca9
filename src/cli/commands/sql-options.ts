import { IceboxError } from '../../base/index.ts'
import type { CommandContext } from '../context.ts'
import type { OutputStream } from '../io.ts'
import { isStandardOutput } from '../output/file-sink.ts'
import { escapedText } from '../output/text-width.ts'
import { type ByteSink, formatOfFile, OUTPUT_FORMATS, type OutputFormat } from '../output/writer.ts'
import type { Presentation } from '../present.ts'
import type { SqlFlags } from '../program/sql-flags.ts'

/** Rows that a table shows unless it is told otherwise. */
export const DEFAULT_MAX_ROWS = 40

export interface SqlOptions {
  readonly presentation: Presentation
  readonly output: { readonly path: string; readonly format: OutputFormat; readonly maxRows: number } | undefined
}

/** What the flags of `icebox sql` ask for. Rejects `usage/invalid` for what does not go together. */
export function sqlOptions(flags: SqlFlags, context: CommandContext): SqlOptions {
  const { io, globals, outStyle } = context
  const maxRows = parseMaxRows(flags.maxRows)
  const format = flags.format
  // Standard output by name: what there is without the option.
  if (flags.output !== undefined && !isStandardOutput(flags.output)) {
    const chosen = format ?? formatOfFile(flags.output)
    if (chosen === undefined) {
      throw new IceboxError('usage/invalid', {
        message: `the name of ${flags.output} does not say a format`,
        remedy: `add --format ${OUTPUT_FORMATS.join('|')}`,
        context: { output: flags.output },
      })
    }
    // A file is for keeping: a table in it is whole unless told otherwise.
    const rows = flags.maxRows === undefined ? Number.POSITIVE_INFINITY : maxRows
    return {
      presentation: presentation(context, 'table', maxRows),
      output: { path: flags.output, format: chosen, maxRows: rows },
    }
  }
  if (globals.json && format !== undefined) {
    throw new IceboxError('usage/invalid', {
      message: `--json and --format ${format} both say what standard output holds`,
      remedy: 'drop one of them, or write the rows to a file with --output and keep --json for the summary',
    })
  }
  if (format === 'parquet') {
    throw new IceboxError('usage/invalid', {
      message: '--format parquet needs a file',
      remedy: 'add --output FILE.parquet',
    })
  }
  if (format === 'arrow' && io.stdout.isTerminal) {
    throw new IceboxError('usage/invalid', {
      message: '--format arrow is binary',
      remedy: 'add --output FILE.arrow, or pipe it into a program',
    })
  }
  if (globals.json) {
    const sink = dataSink(io.stdout)
    return {
      presentation: {
        format: 'document',
        sink,
        width: undefined,
        style: outStyle,
        maxRows: Number.POSITIVE_INFINITY,
        footer: false,
      },
      output: undefined,
    }
  }
  return { presentation: presentation(context, format ?? 'table', maxRows), output: undefined }
}

/** How rows are written to standard output in a format. */
export function presentation(context: CommandContext, format: Presentation['format'], maxRows: number): Presentation {
  const { stdout } = context.io
  return {
    format,
    sink: format === 'table' || format === 'markdown' ? stdout : dataSink(stdout),
    width: stdout.width,
    style: context.outStyle,
    maxRows,
    footer: format === 'table' || format === 'markdown',
  }
}

/** What is data for programs does not drive a terminal. Binary formats are refused there. */
function dataSink(stdout: OutputStream): ByteSink {
  if (!stdout.isTerminal) return stdout
  return { write: (chunk) => stdout.write(typeof chunk === 'string' ? escapedText(chunk) : chunk) }
}

/** A count of rows, or Infinity for `all`. */
export function parseMaxRows(text: string | undefined, option = '--max-rows'): number {
  if (text === undefined) return DEFAULT_MAX_ROWS
  if (text.toLowerCase() === 'all') return Number.POSITIVE_INFINITY
  const rows = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(rows)) {
    throw new IceboxError('usage/invalid', {
      message: `${option} ${text} is not a number of rows`,
      remedy: "give a number such as 100, or 'all'",
      context: { value: text },
    })
  }
  return rows
}
