import { resolve } from 'node:path'
import { IceboxError, parseDuration } from '../../base/index.ts'
import {
  defaultWorkFolder,
  keepsBudget,
  MATRIX_COLUMNS,
  matrixHeading,
  matrixPage,
  matrixRows,
  type MatrixRunFile,
  runMatrix,
  summarizeCells,
} from '../../bench/index.ts'
import type { CommandContext } from '../context.ts'
import { documentText } from '../output/json-value.ts'
import { smallTable } from '../output/table.ts'
import { visibleLines } from '../output/text-width.ts'
import type { BenchMemoryFlags } from '../program/bench-flags.ts'
import { numberFlag } from './number-flag.ts'
import { saveText } from './save-text.ts'

/** `icebox bench memory`: exit code 1 when a cell of Icebox was above its budget, was killed or failed. */
export async function benchMemoryCommand(context: CommandContext, flags: BenchMemoryFlags): Promise<void> {
  const { cwd, env, stdout } = context.io
  const file = await runMatrix({
    workloads: flags.workload ?? [],
    budgets: flags.budget ?? [],
    runs: numberFlag('--runs', flags.runs),
    peerRuns: numberFlag('--peer-runs', flags.peerRuns),
    scale: numberFlag('--scale', flags.scale),
    timeoutMs: parseDuration(flags.timeout),
    workFolder: flags.work === undefined ? defaultWorkFolder(env) : resolve(cwd, flags.work),
    signal: context.signal,
    now: () => new Date(),
    note: (text) => context.note(text),
  })
  if (flags.output !== undefined) await saveText(resolve(cwd, flags.output), `${documentText(file)}\n`)
  if (flags.html !== undefined) await saveText(resolve(cwd, flags.html), matrixPage(file))
  await stdout.write(context.globals.json ? `${documentText(file)}\n` : reportText(context, file))
  const broken = summarizeCells(file.results).filter((cell) => cell.system === 'icebox' && !keepsBudget(cell))
  if (broken.length === 0) return
  const error = new IceboxError('bench/missed', {
    message: `${broken.length} cells were above their budget, killed or failed: ${[...new Set(broken.map((cell) => cell.workload))].join(', ')}`,
    context: { cells: broken.length },
  })
  if (context.globals.json) context.reported.add(error)
  throw error
}

function reportText(context: CommandContext, file: MatrixRunFile): string {
  const rows = matrixRows(file).map(({ cells }) => cells)
  const table = smallTable(MATRIX_COLUMNS, rows, context.io.stdout.width, context.outStyle)
  return `${visibleLines(matrixHeading(file).join('\n'))}\n\n${table}`
}
