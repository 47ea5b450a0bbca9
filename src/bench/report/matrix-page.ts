import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { formatBytes } from '../../base/index.ts'
import { type CellSummary, summarizeCells } from '../matrix/cells.ts'
import type { MatrixRunFile } from '../matrix/run-file.ts'
import { SYSTEMS } from '../matrix/systems.ts'
import { WORKLOADS } from '../matrix/workloads.ts'
import { MATRIX_COLUMNS, matrixHeading, matrixRows } from './matrix-table.ts'

/** One chart: the curve of rows/s against budget of every system that did the workload. */
export interface MatrixChart {
  readonly workload: string
  readonly about: string
  /** Bytes, ascending. */
  readonly budgets: readonly number[]
  readonly labels: readonly string[]
  /** Rows/s at each budget; null where no run finished. */
  readonly curves: readonly { readonly system: string; readonly rowsPerSecond: readonly (number | null)[] }[]
}

/** The charts of a run, in the order of its workloads. */
export function matrixCharts(file: Pick<MatrixRunFile, 'results'>): readonly MatrixChart[] {
  const cells = summarizeCells(file.results)
  const workloads = [...new Set(cells.map((cell) => cell.workload))]
  return workloads.map((workload) =>
    chartOf(
      workload,
      cells.filter((cell) => cell.workload === workload),
    ),
  )
}

function chartOf(workload: string, cells: readonly CellSummary[]): MatrixChart {
  const budgets = [...new Set(cells.map((cell) => cell.budgetBytes))].sort((a, b) => a - b)
  const systems = SYSTEMS.filter((system) => cells.some((cell) => cell.system === system))
  return {
    workload,
    about: WORKLOADS.find((known) => known.name === workload)?.about ?? '',
    budgets,
    labels: budgets.map((bytes) => formatBytes(bytes)),
    curves: systems.map((system) => ({
      system,
      rowsPerSecond: budgets.map(
        (budget) => cells.find((cell) => cell.system === system && cell.budgetBytes === budget)?.rowsPerSecond ?? null,
      ),
    })),
  }
}

/** One HTML page with charts and table. It needs nothing from the network: uPlot and the figures stand in it. */
export function matrixPage(file: MatrixRunFile): string {
  const require = createRequire(import.meta.url)
  const script = readFileSync(require.resolve('uplot/dist/uPlot.iife.min.js'), 'utf8')
  const style = readFileSync(require.resolve('uplot/dist/uPlot.min.css'), 'utf8')
  const charts = matrixCharts(file)
  const figures = charts.map(
    ({ workload, about }) =>
      `<figure><figcaption><b>${escape(workload)}</b> ${escape(about)}</figcaption><div class="chart"></div></figure>`,
  )
  const head = MATRIX_COLUMNS.map(({ name, align }) => `<th class="${align}">${name}</th>`).join('')
  const rows = matrixRows(file).map(({ cell, cells }) => {
    const data = cells.map((text, at) => `<td class="${MATRIX_COLUMNS[at]?.align ?? 'left'}">${escape(text)}</td>`)
    return `<tr class="${cell.worst.kind}${cell.above > 0 && cell.system === 'icebox' ? ' above' : ''}">${data.join('')}</tr>`
  })
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Icebox: rows per second against memory</title>
<style>${style}
${PAGE_STYLE}</style>
</head>
<body>
<h1>Rows per second against the memory budget</h1>
<p>${matrixHeading(file).map(escape).join('<br>')}</p>
<p>Each point is the median of the runs that finished; a gap is a cell where none did. Icebox gets the budget by
<code>--memory</code>; the others run in a memory cgroup of the same size where one can be made, DuckDB with 55% of it as its limit.</p>
<main>${figures.join('\n')}</main>
<h2>All cells</h2>
<table class="cells"><thead><tr>${head}</tr></thead><tbody>
${rows.join('\n')}
</tbody></table>
<script type="application/json" id="charts">${JSON.stringify(charts).replaceAll('<', '\\u003c')}</script>
<script>${script}</script>
<script>${DRAW}</script>
</body>
</html>
`
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

const PAGE_STYLE = `body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1160px; padding: 0 1rem; color: #1b2430; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(480px, 1fr)); gap: 1.5rem }
figure { margin: 0 } figcaption { margin-bottom: .3rem }
.cells { border-collapse: collapse; width: 100%; font-size: 13px }
.cells th, .cells td { padding: .25rem .6rem; border-bottom: 1px solid #dfe4ea; vertical-align: top }
.left { text-align: left } .right { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
tr.refused { background: #fff8e6 } tr.failed, tr.killed, tr.above { background: #fdecec }`

/** Runs in the browser: plain script, no module, so that the page works from a file. */
const DRAW = `const charts = JSON.parse(document.getElementById('charts').textContent)
const colours = { 'icebox': '#0b62d6', 'raw DuckDB': '#d98200', 'PyIceberg append': '#8a4fc7', 'PyIceberg streamed': '#2d9d5c' }
const short = (value) => value >= 1e6 ? (value / 1e6).toFixed(1) + 'M' : value >= 1e3 ? Math.round(value / 1e3) + 'k' : String(Math.round(value))
document.querySelectorAll('.chart').forEach((place, at) => {
  const { budgets, labels, curves } = charts[at]
  const most = Math.max(1, ...curves.flatMap((curve) => curve.rowsPerSecond.map((value) => value ?? 0)))
  new uPlot({
    width: place.clientWidth, height: 260,
    scales: { x: { time: false, distr: 3, log: 2, range: () => [budgets[0] / 1.3, budgets[budgets.length - 1] * 1.3] }, y: { range: [0, most * 1.1] } },
    axes: [
      { splits: () => budgets, values: () => labels, filter: (u, splits) => splits },
      { values: (u, splits) => splits.map(short), size: 60 },
    ],
    series: [
      { label: 'budget', value: (u, value) => value === null ? '' : labels[budgets.indexOf(value)] },
      ...curves.map(({ system }) => ({ label: system, stroke: colours[system], width: 2, points: { show: true, size: 7 }, value: (u, value) => value === null ? '-' : short(value) + ' rows/s' })),
    ],
  }, [budgets, ...curves.map((curve) => curve.rowsPerSecond)], place)
})`
