import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { IceboxError, isIceboxError, messageOf, systemCode } from '../../base/index.ts'
import type { CommandLakehouse } from '../../lakehouse/api.ts'
import { runScript } from '../commands/run-script.ts'
import { DEFAULT_MAX_ROWS, parseMaxRows, presentation, type SqlOptions } from '../commands/sql-options.ts'
import { matchesPattern } from '../commands/table-list.ts'
import type { CommandContext } from '../context.ts'
import { type FileSink, isStandardOutput, openFileSink } from '../output/file-sink.ts'
import { smallTable } from '../output/table.ts'
import { visibleText } from '../output/text-width.ts'
import { formatOfFile, OUTPUT_FORMATS } from '../output/writer.ts'
import type { Presentation, RowFormat } from '../present.ts'
import { makeStyle } from '../style.ts'
import { helpText, isDotLine, parseDot } from './dot-commands.ts'
import { placedError } from './placed-error.ts'
import { type PlacedStatement, StatementSplitter } from './statement-splitter.ts'
import { utf8Lines } from './utf8-lines.ts'

/** Files that read files that read files: deeper than this is a circle. */
const MAX_READ_DEPTH = 16
/** `.schema` without a name shows at most so many tables. */
const MAX_SCHEMA_TABLES = 100
const ALL_ROWS_BY = '.maxrows all'

/** What `.output` opened. */
interface ShellFile {
  readonly sink: FileSink
  /** By the name of the file, unless `.mode` said another since. */
  readonly format?: Presentation['format']
}

/** What a shell keeps between lines, and how it carries one out; the same on a terminal and for a pipe. */
export class ShellSession {
  readonly #context: CommandContext
  readonly #lake: CommandLakehouse
  readonly #splitter = new StatementSplitter()
  readonly #isTerminal: boolean
  #how: Presentation
  #file: ShellFile | undefined
  /** True when the rows of a table were limited by word, for files too. */
  #areRowsLimited: boolean
  #hasQuit = false
  #showedRows = false

  constructor(context: CommandContext, lake: CommandLakehouse, options: SqlOptions, isTerminal: boolean) {
    this.#context = context
    this.#lake = lake
    this.#how = { ...options.presentation, allRowsBy: ALL_ROWS_BY }
    this.#areRowsLimited = options.presentation.maxRows !== DEFAULT_MAX_ROWS
    this.#isTerminal = isTerminal
  }

  get hasQuit(): boolean {
    return this.#hasQuit
  }

  /** True when the line that comes continues a statement. */
  get isOpen(): boolean {
    return this.#splitter.isOpen
  }

  /** The statement so far, for completion. */
  get pending(): string {
    return this.#splitter.pending
  }

  /** Forgets an open statement; true when there was one. */
  dropOpen(): boolean {
    const wasOpen = this.#splitter.isOpen
    this.#splitter.clear()
    return wasOpen
  }

  /** Takes one line: collects SQL until `;` and runs what ended, or carries out a dot command. */
  async line(text: string, signal: AbortSignal): Promise<void> {
    if (!this.#splitter.isOpen && isDotLine(text)) {
      this.#splitter.skipLine()
      await this.#dot(text, signal, 0)
    } else for (const statement of this.#splitter.push(`${text}\n`)) await this.#run(statement, signal)
  }

  /** Runs what is left without `;` at the end of the input, and closes the output file. */
  async end(signal: AbortSignal): Promise<void> {
    const rest = this.#splitter.rest()
    if (rest !== undefined && !this.#hasQuit) await this.#run(rest, signal)
    await this.closeOutput()
  }

  async closeOutput(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    if (file !== undefined) await file.sink.commit()
  }

  /** Places in errors are those of the file or pipe; on a terminal those of the statement. */
  async #run(statement: PlacedStatement, signal: AbortSignal, isTyped = this.#isTerminal): Promise<void> {
    const file = this.#file
    const how = file === undefined ? this.#how : this.#intoFile(file)
    if (this.#showedRows && !this.#isTerminal && how.format === 'table') await how.sink.write('\n')
    try {
      const last = await runScript(this.#context, this.#lake, statement.text, how, signal)
      this.#showedRows = last?.hasRows === true
    } catch (error) {
      throw isTyped ? error : placedError(error, statement)
    }
  }

  /** A file is for keeping: a table in it is whole unless told otherwise. */
  #intoFile({ sink, format = this.#how.format }: ShellFile): Presentation {
    const maxRows = this.#areRowsLimited ? this.#how.maxRows : Number.POSITIVE_INFINITY
    return { ...this.#how, format, sink, maxRows, width: undefined, style: makeStyle(false) }
  }

  async #dot(text: string, signal: AbortSignal, depth: number): Promise<void> {
    const { name, args } = parseDot(text)
    const argument = args[0]
    switch (name) {
      case '.help':
        return this.#context.io.stdout.write(helpText())
      case '.quit':
        this.#hasQuit = true
        return
      case '.tables':
        return this.#tables(argument)
      case '.schema':
        return this.#schema(argument)
      case '.mode':
        return this.#mode(argument)
      case '.maxrows':
        if (argument === undefined)
          return this.#tell(`maxrows ${Number.isFinite(this.#how.maxRows) ? this.#how.maxRows : 'all'}`)
        this.#how = { ...this.#how, maxRows: parseMaxRows(argument, '.maxrows') }
        this.#areRowsLimited = true
        return
      case '.timer':
        if (argument === undefined) return this.#tell(`timer ${this.#how.footer ? 'on' : 'off'}`)
        this.#how = { ...this.#how, footer: onOrOff('.timer', argument) }
        return
      case '.output':
        return this.#output(argument)
      case '.read':
        return this.#read(argument ?? '', signal, depth)
      default:
        throw new IceboxError('internal/unreachable', {
          message: `${name} is listed and not carried out`,
          remedy: 'report this as a bug of Icebox',
        })
    }
  }

  async #tell(text: string): Promise<void> {
    await this.#context.io.stdout.write(`${text}\n`)
  }

  async #tables(pattern: string | undefined): Promise<void> {
    const names = (await this.#lake.tableNames()).filter((name) => matchesPattern(name, pattern))
    if (names.length === 0)
      return this.#context.note(pattern === undefined ? 'no tables yet' : `no table matches ${pattern}`)
    await this.#context.io.stdout.write(`${names.map(visibleText).join('\n')}\n`)
  }

  async #schema(table: string | undefined): Promise<void> {
    if (table !== undefined) return this.#columns(table.replace(/;$/, ''))
    const names = await this.#lake.tableNames()
    for (const name of names.slice(0, MAX_SCHEMA_TABLES)) {
      try {
        await this.#columns(name)
      } catch (error) {
        // One that cannot be read is named, and does not keep the others from being shown.
        if (!isIceboxError(error, 'iceberg/') && !isIceboxError(error, 'storage/') && !isIceboxError(error, 'lake/'))
          throw error
        const { bold } = this.#context.outStyle
        const problem = visibleText(`${error.code}: ${error.message}`)
        await this.#context.io.stdout.write(`${bold(visibleText(name))}\n${problem}\n`)
      }
    }
    if (names.length > MAX_SCHEMA_TABLES)
      await this.#context.note(`${names.length - MAX_SCHEMA_TABLES} more tables; .schema TABLE shows one`)
  }

  async #columns(table: string): Promise<void> {
    const { stdout } = this.#context.io
    const described = await this.#lake.describeTable(table)
    const columns = [
      { name: 'column', align: 'left' },
      { name: 'type', align: 'left' },
      { name: 'null', align: 'left' },
    ] as const
    const rows = described.columns.map((column) => [column.name, column.type, column.required ? 'not null' : ''])
    await stdout.write(
      `${this.#context.outStyle.bold(visibleText(described.table))}\n${smallTable(columns, rows, stdout.width, this.#context.outStyle)}\n`,
    )
  }

  async #mode(format: string | undefined): Promise<void> {
    if (format === undefined) return this.#context.io.stdout.write(`${this.#how.format}\n`)
    this.#how = presentationLike(this.#how, this.#context, shellFormat(format, '.mode'), this.#isTerminal)
    if (this.#file !== undefined) this.#file = { sink: this.#file.sink }
  }

  async #output(file: string | undefined): Promise<void> {
    const path = file === undefined || isStandardOutput(file) ? undefined : file
    const named = path === undefined ? undefined : formatOfFile(path)
    const format = named === undefined ? {} : { format: shellFormat(named, '.output') }
    await this.closeOutput()
    if (path !== undefined) this.#file = { sink: await openFileSink(path, this.#context.io.cwd), ...format }
  }

  /** Runs a file line by line, so a script of any size needs little memory. */
  async #read(path: string, signal: AbortSignal, depth: number): Promise<void> {
    const absolute = resolve(this.#context.io.cwd, path)
    if (depth >= MAX_READ_DEPTH) {
      throw new IceboxError('usage/invalid', {
        message: `.read ${path}: files read each other more than ${MAX_READ_DEPTH} deep`,
        remedy: 'take the circle out',
      })
    }
    const splitter = new StatementSplitter()
    try {
      for await (const line of utf8Lines(createReadStream(absolute), absolute)) {
        if (!splitter.isOpen && isDotLine(line)) {
          splitter.skipLine()
          await this.#dot(line, signal, depth + 1)
        } else for (const statement of splitter.push(`${line}\n`)) await this.#run(statement, signal, false)
        if (this.#hasQuit) return
      }
    } catch (error) {
      if (error instanceof IceboxError) throw error
      throw new IceboxError(systemCode(error) === 'ENOENT' ? 'storage/not-found' : 'storage/io', {
        message: `cannot read ${absolute}: ${systemCode(error) === 'ENOENT' ? 'no such file' : messageOf(error)}`,
        remedy: 'name a file that exists and may be read',
        context: { path: absolute },
        cause: error,
      })
    }
    const rest = splitter.rest()
    if (rest !== undefined) await this.#run(rest, signal, false)
  }
}

function shellFormat(text: string, command: string): RowFormat {
  const format = OUTPUT_FORMATS.find((one) => one === text.toLowerCase())
  if (format === undefined || format === 'arrow' || format === 'parquet') {
    throw new IceboxError('usage/invalid', {
      message: format === undefined ? `${command} ${text} is not a format` : `${format} is not a format for the shell`,
      remedy:
        format === undefined
          ? 'use table, csv, json, ndjson or markdown'
          : `leave the shell and run icebox sql "…" --output FILE.${format}`,
      context: { format: text },
    })
  }
  return format
}

function presentationLike(
  before: Presentation,
  context: CommandContext,
  format: RowFormat,
  isTerminal: boolean,
): Presentation {
  const fresh = { ...presentation(context, format, before.maxRows), allRowsBy: ALL_ROWS_BY }
  return isTerminal ? { ...fresh, footer: before.footer } : fresh
}

function onOrOff(command: string, text: string | undefined): boolean {
  if (text === 'on') return true
  if (text === 'off') return false
  throw new IceboxError('usage/invalid', {
    message: `${command} ${text ?? ''} is neither on nor off`,
    remedy: `${command} on, or ${command} off`,
  })
}
