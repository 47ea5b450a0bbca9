import { formatBytes, formatCount } from '../../base/index.ts'
import { type CellSummary, summarizeCells } from '../matrix/cells.ts'
import type { MatrixRunFile } from '../matrix/run-file.ts'
import { firstLine } from '../matrix/outcome.ts'

/** One row of the report, as text; the terminal and the page show the same. */
export interface MatrixRow {
  readonly cell: CellSummary
  readonly cells: readonly string[]
}

export const MATRIX_COLUMNS = [
  { name: 'workload', align: 'left' },
  { name: 'system', align: 'left' },
  { name: 'budget', align: 'right' },
  { name: 'rows/s', align: 'right' },
  { name: 'peak', align: 'right' },
  { name: 'of budget', align: 'right' },
  { name: 'spill', align: 'right' },
  { name: 'outcome', align: 'left' },
] as const

export function matrixRows(file: Pick<MatrixRunFile, 'results'>): readonly MatrixRow[] {
  return summarizeCells(file.results).map((cell) => ({
    cell,
    cells: [
      cell.workload,
      cell.system,
      formatBytes(cell.budgetBytes),
      cell.rowsPerSecond === undefined ? '-' : formatCount(Math.round(cell.rowsPerSecond)),
      formatBytes(cell.peakRssBytes),
      `${Math.round((cell.peakRssBytes / cell.budgetBytes) * 100)}%`,
      cell.spilledBytes === undefined ? '-' : formatBytes(cell.spilledBytes),
      outcomeText(cell),
    ],
  }))
}

/** `finished 5 of 5`, and what became of the others. */
function outcomeText(cell: CellSummary): string {
  const parts = [`finished ${cell.finished} of ${cell.runs}`]
  // Others have no budget but the limit around them, in which the page cache counts too.
  if (cell.above > 0 && cell.system === 'icebox') parts.push(`ABOVE THE BUDGET in ${cell.above}`)
  switch (cell.worst.kind) {
    case 'finished':
      break
    case 'refused':
      parts.push(`refused: ${firstLine(cell.worst.message)}`)
      break
    case 'failed':
    case 'killed':
      parts.push(`${cell.worst.kind}: ${cell.worst.reason}`)
      break
  }
  return parts.join('; ').replaceAll(/\s+/g, ' ')
}

/** What every form of the report says first. */
export function matrixHeading(file: MatrixRunFile): readonly string[] {
  const { machine } = file
  const full = file.scale === 1 ? '' : `scale ${file.scale}: NOT the full size, figures compare with nothing else`
  return [
    `${machine.cores} cores, ${machine.cpu}, ${formatBytes(machine.memoryBytes)}, ${machine.platform}, Node ${machine.node}`,
    `Icebox ${machine.icebox}${machine.commit === undefined ? '' : ` at ${machine.commit}`}, DuckDB ${machine.duckdb}, ${file.date}`,
    ...(full === '' ? [] : [full]),
    ...file.absent.map((sentence) => `absent: ${sentence}`),
  ]
}
