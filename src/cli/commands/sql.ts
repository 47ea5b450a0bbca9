import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { formatBytes, IceboxError, messageOf, systemCode, textOfUtf8 } from '../../base/index.ts'
import type { CommandLakehouse } from '../../lakehouse/api.ts'
import type { CommandContext } from '../context.ts'
import { inputChunks } from '../io.ts'
import type { SqlFlags } from '../program/sql-flags.ts'
import { MAX_STATEMENT_CHARS } from '../shell/statement-splitter.ts'
import { runScript } from './run-script.ts'
import { type SqlOptions, sqlOptions } from './sql-options.ts'
import { writeToFile } from './sql-output.ts'

/** `icebox sql [SQL]` */
export async function sqlCommand(context: CommandContext, sql: string | undefined, flags: SqlFlags): Promise<void> {
  const options = sqlOptions(flags, context)
  if (sql !== undefined && flags.file !== undefined) {
    throw new IceboxError('usage/invalid', { message: 'both SQL and -f FILE are given', remedy: 'give one of them' })
  }
  const isFile = flags.file !== undefined && flags.file !== '-'
  const text = isFile ? await readScript(flags.file, context.io.cwd) : sql
  const isInteractive = text === undefined && context.io.editorTerminal !== undefined && options.output === undefined
  // Loaded before the engine takes its share of the budget: what it takes is counted with the process.
  if ((options.output?.format ?? options.presentation.format) === 'arrow') await import('apache-arrow')
  await using lake = await context.openLake()
  if (text !== undefined) {
    await runText(context, lake, text, options)
    if (context.io.editorTerminal !== undefined)
      await context.next('icebox sql', 'the shell, with history and completion')
  } else if (options.output !== undefined) {
    await runText(context, lake, await readAll(inputChunks(context.io.stdin, context.signal)), options)
  } else if (isInteractive) {
    const { interactiveShell } = await import('../shell/interactive.ts')
    await interactiveShell(context, lake, options)
  } else {
    const { pipedShell } = await import('../shell/piped.ts')
    await pipedShell(context, lake, options)
  }
}

async function runText(
  context: CommandContext,
  lake: CommandLakehouse,
  text: string,
  options: SqlOptions,
): Promise<void> {
  if (options.output === undefined) await runScript(context, lake, text, options.presentation)
  else await writeToFile(context, lake, text, options.output)
}

/** A script is held in memory whole, so its size has a limit. */
async function readScript(path: string, cwd: string): Promise<string> {
  const absolute = resolve(cwd, path)
  try {
    const file = await open(absolute, 'r')
    try {
      const { size } = await file.stat()
      if (size > MAX_STATEMENT_CHARS) {
        throw new IceboxError('usage/invalid', {
          message: `${absolute} holds ${formatBytes(size)}; a script may hold ${formatBytes(MAX_STATEMENT_CHARS)}`,
          remedy: 'pipe it into icebox sql, which runs it statement by statement, or load data with icebox import',
          context: { path: absolute, sizeBytes: size },
        })
      }
      return textOfUtf8(await file.readFile(), absolute)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof IceboxError) throw error
    const code = systemCode(error)
    throw new IceboxError(
      code === 'ENOENT' ? 'storage/not-found' : code === 'EACCES' ? 'storage/denied' : 'storage/io',
      {
        message: `cannot read ${absolute}: ${code === 'ENOENT' ? 'no such file' : messageOf(error)}`,
        remedy: 'name a file that exists and may be read',
        context: { path: absolute },
        cause: error,
      },
    )
  }
}

async function readAll(input: AsyncIterable<Buffer | string>): Promise<string> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of input) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece
    size += bytes.length
    if (size > MAX_STATEMENT_CHARS) {
      throw new IceboxError('usage/invalid', {
        message: `standard input holds more than ${formatBytes(MAX_STATEMENT_CHARS)} of SQL`,
        remedy: 'load data with icebox import',
      })
    }
    pieces.push(bytes)
  }
  return textOfUtf8(Buffer.concat(pieces), 'standard input')
}
