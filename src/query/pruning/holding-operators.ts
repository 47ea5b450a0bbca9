import type { HoldingKind, HoldingOperator } from '../../memory/index.ts'
import { linesOf, type PlanNode, readPlanTree, textOf } from './plan-tree.ts'

/** What of a plan holds rows. */
export interface HoldingReading {
  /** `rowBytes` is the number of columns here: what a column takes is the caller's to say. */
  readonly operators: readonly HoldingOperator[]
  /** Rows of all scans together, as the optimizer estimates them. */
  readonly scannedRows: number
  /** True where all rows are sorted and nothing follows but choosing columns. */
  readonly endsInSort: boolean
}

/** Operators that hold rows until they have seen all of them; TOP_N, STREAMING_WINDOW and the like hold few. */
const KINDS: Readonly<Record<string, HoldingKind>> = {
  ORDER_BY: 'sort',
  WINDOW: 'window',
  HASH_GROUP_BY: 'group by',
  HASH_JOIN: 'join',
  LEFT_DELIM_JOIN: 'join',
  RIGHT_DELIM_JOIN: 'join',
  NESTED_LOOP_JOIN: 'join',
  BLOCKWISE_NL_JOIN: 'join',
  PIECEWISE_MERGE_JOIN: 'join',
  IE_JOIN: 'join',
  ASOF_JOIN: 'join',
  CROSS_PRODUCT: 'join',
}

/** Aggregates whose state is the values themselves; DuckDB 1.5.5 does not write such states to disk. */
const HOLDS_VALUES = /^(list|array_agg|string_agg|group_concat|listagg|median|quantile\w*|mode|mad|histogram)\(/i

/** Reads the JSON of EXPLAIN (FORMAT json). */
export function readHoldingOperators(text: string): HoldingReading {
  const operators: HoldingOperator[] = []
  let scannedRows = 0
  const visit = (node: PlanNode): void => {
    if (node.children.length === 0) scannedRows += rowsOf(node)
    const found = operatorOf(node)
    if (found !== undefined) operators.push(found)
    for (const child of node.children) visit(child)
  }
  const roots = readPlanTree(text)
  for (const root of roots) visit(root)
  return { operators, scannedRows, endsInSort: roots.every(endsInSort) }
}

function endsInSort({ name, children }: PlanNode): boolean {
  const [input] = children
  return name === 'ORDER_BY' || (name === 'PROJECTION' && input !== undefined && endsInSort(input))
}

function operatorOf(node: PlanNode): HoldingOperator | undefined {
  const kind = KINDS[node.name]
  const [input, built] = node.children
  if (input === undefined) return undefined
  const holdsValues = linesOf(node.info['Aggregates']).some((aggregate) => HOLDS_VALUES.test(aggregate))
  if (holdsValues) return { kind: 'group by', rows: rowsOf(input), rowBytes: columnsOf(input), canSpill: false }
  if (kind === undefined) return undefined
  if (kind === 'group by') {
    const columns = linesOf(node.info['Groups']).length + linesOf(node.info['Aggregates']).length
    return { kind, rows: rowsOf(node), rowBytes: columns, canSpill: true }
  }
  // The build side of a join stands last.
  const held = (kind === 'join' ? built : undefined) ?? input
  return { kind, rows: rowsOf(held), rowBytes: columnsOf(held), canSpill: true }
}

/** Rows that leave a node: its own estimate, else that of what it reads. */
function rowsOf(node: PlanNode): number {
  const estimate = Number(textOf(node.info['Estimated Cardinality']) ?? Number.NaN)
  if (Number.isFinite(estimate)) return estimate
  return node.children.reduce((most, child) => Math.max(most, rowsOf(child)), 0)
}

function columnsOf(node: PlanNode): number {
  const own = linesOf(node.info['Projections']).length
  if (own > 0 && node.name !== 'WINDOW') return own
  const below = node.children.reduce((sum, child) => sum + columnsOf(child), 0)
  return Math.max(1, below + (node.name === 'WINDOW' ? own : 0))
}
