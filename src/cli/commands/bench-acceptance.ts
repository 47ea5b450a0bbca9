import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { IceboxError, messageOf, parseDuration, parseSize } from '../../base/index.ts'
import {
  type AcceptanceFile,
  type AcceptanceOptions,
  defaultWorkFolder,
  parseRunFile,
  printFindings,
  PROMISES,
  runAcceptance,
} from '../../bench/index.ts'
import type { CommandContext } from '../context.ts'
import { documentText } from '../output/json-value.ts'
import { visibleLines } from '../output/text-width.ts'
import type { BenchAcceptanceFlags } from '../program/bench-flags.ts'
import { numberFlag } from './number-flag.ts'
import { saveText } from './save-text.ts'

/** `icebox bench acceptance`: exit code 1 when a promise is missed, 2 where there is no baseline. */
export async function benchAcceptanceCommand(context: CommandContext, flags: BenchAcceptanceFlags): Promise<void> {
  const { cwd, env, stdout } = context.io
  const file = await runAcceptance({
    promises: (flags.promise ?? []).map(promiseNamed),
    runs: numberFlag('--runs', flags.runs),
    scale: numberFlag('--scale', flags.scale),
    budgetBytes: parseSize(flags.budget),
    limitBytes: parseSize(flags.limit),
    matrix: flags.memoryRun === undefined ? undefined : (await runFile(resolve(cwd, flags.memoryRun))).results,
    workFolder: flags.work === undefined ? defaultWorkFolder(env) : resolve(cwd, flags.work),
    timeoutMs: parseDuration(flags.timeout),
    signal: context.signal,
    now: () => new Date(),
    note: (text) => context.note(text),
  })
  if (flags.output !== undefined) await saveText(resolve(cwd, flags.output), `${documentText(file)}\n`)
  await stdout.write(context.globals.json ? `${documentText(file)}\n` : reportText(file))
  const missed = file.findings.filter((finding) => !finding.passed)
  if (missed.length === 0) return
  const error = new IceboxError('bench/missed', {
    message: `${missed.length} of ${file.findings.length} goals are missed: ${[...new Set(missed.map((finding) => finding.benchmark))].join(', ')}`,
    context: { missed: missed.length },
  })
  if (context.globals.json) context.reported.add(error)
  throw error
}

function reportText(file: AcceptanceFile): string {
  const { machine, scale } = file
  const lines = [
    `${machine.cores} cores, ${machine.cpu}, Node ${machine.node}, Icebox ${machine.icebox}${machine.commit === undefined ? '' : ` at ${machine.commit}`}, DuckDB ${machine.duckdb}`,
    ...(scale === 1 ? [] : [`scale ${scale}: NOT the full size, figures compare with nothing else`]),
    '',
    printFindings(file.findings.map((finding) => ({ ...finding, what: `${finding.benchmark} ${finding.what}` }))),
    '',
    ...file.shown,
  ]
  return `${visibleLines(lines.join('\n'))}\n`
}

function promiseNamed(name: string): AcceptanceOptions['promises'][number] {
  const found = PROMISES.find((known) => known === name.toUpperCase())
  if (found !== undefined) return found
  throw new IceboxError('usage/invalid', {
    message: `no promise '${name}'`,
    remedy: `the promises are ${PROMISES.join(', ')}`,
    context: { promise: name },
  })
}

async function runFile(path: string): Promise<ReturnType<typeof parseRunFile>> {
  try {
    return parseRunFile(await readFile(path, 'utf8'), path)
  } catch (error) {
    if (error instanceof IceboxError) throw error
    throw new IceboxError('usage/invalid', {
      message: `${path} cannot be read: ${messageOf(error)}`,
      remedy: 'name a file that icebox bench memory --output wrote',
      context: { path },
      cause: error,
    })
  }
}
