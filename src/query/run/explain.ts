import { formatBytes, formatDuration } from '../../base/index.ts'
import { type MemoryPlan, memoryPlanText } from '../../memory/index.ts'
import type { OperationFigures, TableScanReport } from '../port.ts'
import type { ResolvedTable } from '../resolve/resolved-table.ts'

/** What Icebox adds to DuckDB's plan: files and manifests of each table, the plan of memory, and the bill of what was run. */
export function scanReportText(
  scans: readonly TableScanReport[],
  plan: MemoryPlan,
  figures: OperationFigures | undefined,
): string {
  const lines = scans.flatMap((scan) => [
    `${scan.table}${scan.snapshotId === null ? '' : ` at snapshot ${scan.snapshotId}`}`,
    `  files: ${scan.filesTotal ?? 'unknown'} total, ${scan.filesRead} read (${formatBytes(scan.dataBytes)}), ${scan.filesPruned} pruned`,
    `  manifests: ${scan.manifestsTotal} total, ${scan.manifestsRead} read, ${scan.manifestsTotal - scan.manifestsRead} pruned (${formatBytes(scan.manifestBytes)} from storage)`,
    ...(scan.deleteFiles === 0 ? [] : [`  delete files: ${scan.deleteFiles}`]),
  ])
  lines.push(...memoryPlanText(plan))
  if (figures !== undefined) {
    const { bill } = figures
    lines.push(
      `time: ${formatDuration(figures.elapsedMs)} elapsed, ${formatDuration(figures.cpuMs)} of CPU`,
      `memory: peak ${formatBytes(bill.peakRssBytes)} of a budget of ${formatBytes(bill.budgetBytes)}, ${formatBytes(bill.spilledBytes)} spilled`,
      ...bill.consumers.map(({ name, peakBytes }) => `  ${name}: ${formatBytes(peakBytes)}`),
      `  not attributed: ${formatBytes(bill.unattributedBytes)}`,
    )
  }
  return lines.join('\n')
}

/** The plan with the names that people know in place of `t1·f3`; boxes keep their width. */
export function withColumnNames(plan: string, tables: ReadonlyMap<number, ResolvedTable>): string {
  const nameOf = (table: number, field: number): string | undefined => {
    const fields = tables.get(table)?.schema.fields
    return fields?.find((known) => known.id === field)?.name
  }
  return plan
    .split('\n')
    .map((line) =>
      line
        .split('│')
        .map((cell) => renamedCell(cell, nameOf))
        .join('│'),
    )
    .join('\n')
}

function renamedCell(cell: string, nameOf: (table: number, field: number) => string | undefined): string {
  const renamed = cell.replaceAll(
    /t(\d+)·f(\d+)/g,
    (whole, table: string, field: string) => nameOf(Number(table), Number(field)) ?? whole,
  )
  if (renamed === cell) return cell
  const missing = cell.length - renamed.length
  if (missing >= 0) return `${' '.repeat(Math.floor(missing / 2))}${renamed}${' '.repeat(Math.ceil(missing / 2))}`
  const bare = renamed.trim()
  if (bare.length <= cell.length) {
    const free = cell.length - bare.length
    return `${' '.repeat(Math.floor(free / 2))}${bare}${' '.repeat(Math.ceil(free / 2))}`
  }
  return `${bare.slice(0, Math.max(0, cell.length - 1))}…`
}
