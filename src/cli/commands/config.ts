import {
  type ExplainRow,
  explainConfiguration,
  findConfigurationProblems,
  loadConfiguration,
} from '../../config/index.ts'
import { IceboxError, nearestNames } from '../../base/index.ts'
import type { CommandContext } from '../context.ts'
import { countText } from '../output/footer.ts'
import { documentText } from '../output/json-value.ts'
import { visibleText } from '../output/text-width.ts'
import { errorText, shownError } from '../report-error.ts'
import type { Style } from '../style.ts'

/** `icebox config explain [KEY]`: works without a lakehouse too, for the defaults, the environment and the flags. */
export async function configExplain(context: CommandContext, key: string | undefined): Promise<void> {
  const sources = await context.door.configurationSources(context.globals, context.io)
  const configuration = await loadConfiguration(sources)
  const budgetBytes = await context.door.budgetBytes(configuration)
  const all = explainConfiguration(configuration, budgetBytes)
  const rows = key === undefined ? all : all.filter((row) => row.key.startsWith(key.toLowerCase()))
  if (rows.length === 0) throw unknownKey(key ?? '', all)
  if (context.globals.json) {
    await context.io.stdout.write(`${documentText(rows)}\n`)
    return
  }
  await context.io.stdout.write(explainText(rows, context.outStyle, context.io.stdout.width ?? 100))
  if (sources.file === undefined)
    await context.note('no icebox.yaml here or above: these are the defaults, the environment and the flags')
  await context.next('icebox config check', 'finds mistakes')
}

/** A key a paragraph: value and source first, then what it does. */
export function explainText(rows: readonly ExplainRow[], style: Style, width: number): string {
  const paragraphs = rows.map((row) => {
    const value = `${style.bold(row.key)} = ${style.green(visibleText(row.value))}${row.note === '' ? '' : ` (${row.note})`}`
    const source =
      row.source === 'default' ? 'default' : `from ${visibleText(row.source).replace(/^.*\/(icebox\.yaml line)/, '$1')}`
    const otherwise = row.value === row.default ? '' : `; default ${row.default}`
    const status = row.status === 'in effect' ? '' : `${row.status}. `
    const facts = [
      ...wrapped(`${status}${row.effect}`, width - 4),
      ...wrapped(`${source}${otherwise}; allowed: ${row.allowed}`, width - 4).map(style.dim),
    ]
    return [value, ...facts.map((line) => `    ${line}`)].join('\n')
  })
  return `${paragraphs.join('\n')}\n`
}

/** Breaks text at spaces into lines of at most `width` columns. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}

function unknownKey(key: string, all: readonly ExplainRow[]): IceboxError {
  const near = nearestNames(
    key,
    all.map((row) => row.key),
  )
  return new IceboxError('config/unknown-key', {
    message: `there is no key ${key}`,
    remedy: near.length > 0 ? `did you mean ${near.join(' or ')}?` : 'icebox config explain lists all keys',
    context: { key },
  })
}

/** `icebox config check`: all that is wrong, not only the first. */
export async function configCheck(context: CommandContext): Promise<void> {
  const sources = await context.door.configurationSources(context.globals, context.io)
  const problems = await findConfigurationProblems(sources)
  const [first] = problems
  const where = sources.file ?? 'no icebox.yaml; environment and flags'
  if (context.globals.json) {
    const shown = problems.map((problem) => {
      const { code, message, remedy, context: details } = shownError(problem)
      return { code, message, remedy: remedy ?? null, context: details }
    })
    await context.io.stdout.write(
      `${documentText({ file: sources.file ?? null, ok: problems.length === 0, problems: shown })}\n`,
    )
  } else if (first === undefined) {
    await context.say(`ok  ${where}`)
    await context.next('icebox config explain', 'every key with its value and effect')
  } else {
    for (const problem of problems) await context.io.stderr.write(errorText(problem, context.errStyle))
    await context.note(`${countText(problems.length, 'problem')} in ${where}`)
  }
  if (first !== undefined) {
    context.reported.add(first)
    throw first
  }
}
