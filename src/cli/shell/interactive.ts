import { basename, join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { formatBytes, IceboxError, messageOf, ownPackage } from '../../base/index.ts'
import type { CommandLakehouse } from '../../lakehouse/api.ts'
import type { SqlOptions } from '../commands/sql-options.ts'
import type { CommandContext } from '../context.ts'
import { errorText } from '../report-error.ts'
import { complete, tablesIn } from './completion.ts'
import { type EditorEvent, EditorEvents } from './editor-events.ts'
import { HistoryKeys } from './history-keys.ts'
import { HistoryWalk } from './history-walk.ts'
import { entryOf, isKept, ShellHistory } from './history.ts'
import { ShellSession } from './shell-session.ts'

/** Columns of at most so many tables are offered for completion. */
const MAX_COMPLETED_TABLES = 8

/** The shell on a terminal. Errors are printed and it goes on; Ctrl-C cancels the statement, twice on an empty line leaves. */
export async function interactiveShell(
  context: CommandContext,
  lake: CommandLakehouse,
  options: SqlOptions,
): Promise<void> {
  const terminal = context.io.editorTerminal
  if (terminal === undefined)
    throw new IceboxError('internal/unreachable', {
      message: 'the shell was started without a terminal',
      remedy: 'report this as a bug of Icebox',
    })
  const session = new ShellSession(context, lake, options, true)
  const warnings: string[] = []
  const history = new ShellHistory(join(lake.directory, '.icebox', 'history'), (error) =>
    warnings.push(`the history is not kept: ${messageOf(error)}`),
  )
  const walk = new HistoryWalk(await history.load())
  const editor = createInterface({
    input: context.io.stdin,
    output: terminal,
    terminal: true,
    historySize: 0,
    completer: completer(lake, session),
  })
  using events = new EditorEvents(editor, context.signal)
  using _idle = context.interrupts.takeOver(() => events.interrupt())
  using _keys = new HistoryKeys(editor, context.io.stdin, walk)
  await context.note(
    `Icebox ${ownPackage().version} · ${basename(lake.directory)} · memory ${formatBytes(lake.budgetBytes)} · SQL ends with ;  .help for more`,
    context.errStyle.dim,
  )
  try {
    /** The lines of the statement that is typed. */
    const typed: string[] = []
    let interrupts = 0
    while (!session.hasQuit) {
      context.signal.throwIfAborted()
      for (const warning of warnings.splice(0)) await context.note(warning)
      const event = await nextEvent(events, editor, session)
      if (event.kind === 'end') {
        terminal.write('\n')
        context.signal.throwIfAborted()
        break
      }
      if (event.kind === 'interrupt') {
        const wasOpen = session.dropOpen()
        const hadText = wasOpen || editor.line !== ''
        const given = entryOf(typed.splice(0))
        if (isKept(given)) walk.add(given)
        interrupts = hadText ? 0 : interrupts + 1
        if (interrupts >= 2) {
          terminal.write('\n')
          break
        }
        terminal.write(hadText ? '^C\n' : '\n(Ctrl-C again or .quit leaves)\n')
        clearLine(editor)
        continue
      }
      interrupts = 0
      typed.push(event.text)
      await carryOut(context, editor, session, event.text)
      if (session.isOpen) continue
      const entry = entryOf(typed.splice(0))
      if (isKept(entry)) walk.add(entry)
      await history.add(entry)
    }
  } finally {
    editor.close()
    await session.closeOutput()
  }
}

function nextEvent(events: EditorEvents, editor: Interface, session: ShellSession): Promise<EditorEvent> {
  if (!events.hasWaiting) {
    editor.setPrompt(session.isOpen ? '   ...> ' : 'icebox> ')
    editor.prompt()
  }
  return events.next()
}

/** Empties what was typed: the editor takes Ctrl-E and Ctrl-U as a person would press them. */
function clearLine(editor: Interface): void {
  editor.write(null, { ctrl: true, name: 'e' })
  editor.write(null, { ctrl: true, name: 'u' })
}

/** Runs a line with the terminal as it normally is, so that Ctrl-C is a signal, which cancels the statement. */
async function carryOut(
  context: CommandContext,
  editor: Interface,
  session: ShellSession,
  line: string,
): Promise<void> {
  const { stdin, stderr } = context.io
  const statement = new AbortController()
  using _cancel = context.interrupts.takeOver(() => {
    statement.abort(new IceboxError('cancelled', { message: 'the statement was stopped by Ctrl-C' }))
  })
  const end = () => statement.abort(context.signal.reason)
  context.signal.addEventListener('abort', end, { once: true })
  editor.pause()
  stdin.setRawMode?.(false)
  try {
    await session.line(line, statement.signal)
  } catch (error) {
    if (context.signal.aborted) throw error
    session.dropOpen()
    await stderr.write(errorText(error, context.errStyle))
  } finally {
    context.signal.removeEventListener('abort', end)
    stdin.setRawMode?.(true)
    editor.resume()
  }
}

type Completer = (line: string, callback: (error: Error | null, result: [string[], string]) => void) => void

/** Looks names up when Tab is pressed; a lake that cannot answer completes nothing. */
function completer(lake: CommandLakehouse, session: ShellSession): Completer {
  const answer = async (line: string, callback: Parameters<Completer>[1]) => {
    const { candidates, word } = await completionsFor(lake, session.pending, line).catch(() => ({
      candidates: [],
      word: line,
    }))
    callback(null, [candidates, word])
  }
  return (line, callback) => void answer(line, callback)
}

async function completionsFor(
  lake: CommandLakehouse,
  pending: string,
  line: string,
): Promise<{ candidates: string[]; word: string }> {
  const tables = await lake.tableNames()
  const named = tablesIn(`${pending} ${line}`, tables).slice(0, MAX_COMPLETED_TABLES)
  const described = await Promise.all(named.map((table) => lake.describeTable(table)))
  return complete(line, { tables, columns: described.flatMap((table) => table.columns.map((column) => column.name)) })
}
