import { IceboxError, nearestNames } from '../../base/index.ts'

export interface DotCommand {
  readonly name: string
  readonly usage: string
  readonly does: string
}

/** What the shell does beside SQL. */
export const DOT_COMMANDS: readonly DotCommand[] = [
  { name: '.help', usage: '.help', does: 'this list' },
  { name: '.tables', usage: '.tables [PATTERN]', does: 'the tables; a pattern is like sales or sales.o*' },
  { name: '.schema', usage: '.schema [TABLE]', does: 'the columns of a table, or of all' },
  { name: '.mode', usage: '.mode [FORMAT]', does: 'how rows are written: table, csv, json, ndjson, markdown' },
  { name: '.maxrows', usage: '.maxrows [N|all]', does: 'rows that a table shows' },
  {
    name: '.output',
    usage: '.output [FILE]',
    does: 'write rows to a file, in the format of its name; without FILE to the terminal again',
  },
  { name: '.timer', usage: '.timer [on|off]', does: 'row count, time and memory after each statement' },
  { name: '.read', usage: '.read FILE', does: 'run the statements of a file' },
  { name: '.quit', usage: '.quit', does: 'leave (also .exit, Ctrl-D, or Ctrl-C twice)' },
]

/** What people of other shells type. Words without a dot count only alone on a line where a statement would begin. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  '.exit': '.quit',
  '.q': '.quit',
  '.h': '.help',
  '.?': '.help',
  quit: '.quit',
  exit: '.quit',
  help: '.help',
  '\\q': '.quit',
  '\\?': '.help',
  '\\h': '.help',
  '\\d': '.schema',
  '\\dt': '.tables',
  '\\timing': '.timer',
  '\\i': '.read',
  '\\o': '.output',
}

export interface ParsedDot {
  readonly name: string
  readonly args: readonly string[]
}

/** True for a line that is a command of the shell: it begins with a dot or backslash and a letter, or is `quit`, `exit` or `help`. */
export function isDotLine(line: string): boolean {
  return /^\s*[.\\][A-Za-z?]/.test(line) || /^\s*(quit|exit|help)\s*;?\s*$/i.test(line)
}

/** Parses `.name arg "arg two"`; a `;` at the end is forgiven. Rejects `usage/invalid` for what is not there, with the nearest name. */
export function parseDot(line: string): ParsedDot {
  const words = [
    ...line
      .trim()
      .replace(/;\s*$/, '')
      .matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g),
  ].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
  const typed = words[0] ?? ''
  const name = OTHER_NAMES[typed.toLowerCase()] ?? typed.toLowerCase()
  const known = DOT_COMMANDS.find((command) => command.name === name)
  if (known === undefined) {
    const near = nearestNames(
      name,
      DOT_COMMANDS.map((command) => command.name),
    )
    throw new IceboxError('usage/invalid', {
      message: `${typed} is not a command of the shell`,
      remedy: near.length > 0 ? `did you mean ${near.join(' or ')}? .help lists all` : '.help lists them',
      context: { command: typed },
    })
  }
  const args = words.slice(1)
  const most = known.usage.split(' ').length - 1
  if (args.length > most)
    throw usageError(known, `${name} takes ${most === 0 ? 'nothing' : `${most} word`}, not '${args.join(' ')}'`)
  if (args.length === 0 && /\s(?!\[)/.test(known.usage)) throw usageError(known, `${name} needs more`)
  return { name, args }
}

function usageError(command: DotCommand, message: string): IceboxError {
  return new IceboxError('usage/invalid', {
    message,
    remedy: `${command.usage}: ${command.does}`,
    context: { command: command.name },
  })
}

export function helpText(): string {
  const width = Math.max(...DOT_COMMANDS.map((command) => command.usage.length))
  const lines = DOT_COMMANDS.map((command) => `  ${command.usage.padEnd(width)}  ${command.does}`)
  return `SQL ends with ; and may take several lines. Beside it:\n${lines.join('\n')}\nTab completes tables, columns and keywords; Ctrl-C cancels the statement.\n`
}
