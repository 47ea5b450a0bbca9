import { fieldById, type NestedField, type Schema } from '../../iceberg/index.ts'
import { tokenize } from '../text/tokenizer.ts'
import { and, or } from './connectives.ts'
import { type FilterReading, readFilters } from './filter-text.ts'
import { linesOf, type PlanNode, readPlanTree, textOf } from './plan-tree.ts'

/** The column of a view's scan: table `t<n>`, field `f<id>` (query.md, step 3). The dot is U+00B7. */
export function scanColumn(table: number, fieldId: number): string {
  return `t${table}·f${fieldId}`
}

/** The estimate that a probe's scan of a table is given, by which a scan without columns is known again. */
export function probeCardinality(table: number): number {
  return 1_000_000 + table
}

/** What a plan says of one table. */
export interface TableReading extends FilterReading {
  /** Scans of the table in the plan; 0 where the optimizer removed it or the plan does not show it. */
  readonly scans: number
}

export interface PlanReading {
  readonly tables: ReadonlyMap<number, TableReading>
  /** Scans of something that is no table of ours, by the function's name. */
  readonly foreignScans: readonly string[]
  /** True where rows of one scan go through a LIMIT and nothing else: any of its files will do. */
  readonly isBareLimit: boolean
  /** True where DuckDB found that there is no row to return. */
  readonly isEmpty: boolean
  /** True where the plan is one scan and filters on it: what is read of the table is all that decides about its rows. */
  readonly isSingleScan: boolean
  /** True where rows of any table meet others: the optimizer makes joins of sub-queries, long lists in IN and windows too. */
  readonly hasJoins: boolean
}

interface Scan {
  readonly table: number | undefined
  readonly reading: FilterReading
  readonly function: string
  /** A Parquet scan that shows no column: it may be of any table. */
  readonly isNameless: boolean
}

/** Names of the reader's columns by which the optimizer fetches rows that were chosen before. */
const POSITION_NAMES = /^(file_index|file_row_number)$/i

/**
 * Reads the JSON of EXPLAIN (FORMAT json): which filter holds on every row that the statement needs of each table. `sql` is
 * the statement explained.
 */
export function readPlan(text: string, sql: string, schemas: ReadonlyMap<number, Schema>, isUtc: boolean): PlanReading {
  const roots = readPlanTree(text)
  // A join of a person's own on columns of these names looks like the optimizer's fetch by position.
  const hasNamesakes = [...schemas.values()].some(({ fields }) => fields.some(({ name }) => POSITION_NAMES.test(name)))
  const scene: Scene = { schemas, isUtc, trustsFetch: !hasNamesakes && !/file_index|file_row_number/i.test(sql) }
  const scans: Scan[] = []
  for (const root of roots) collect(root, undefined, scans, scene)
  const unknown = scans.filter((scan) => scan.table === undefined && scan.isNameless)
  const tables = new Map<number, TableReading>()
  for (const table of schemas.keys()) {
    const own = scans.filter((scan) => scan.table === table)
    // A scan that cannot be told to be of one table may be of any.
    const readings = unknown.length > 0 ? [...own, ...unknown].map((scan) => scan.reading) : own.map((s) => s.reading)
    tables.set(table, {
      predicate: readings.length === 0 ? { op: 'true' } : or(readings.map((reading) => reading.predicate)),
      isExact: readings.length === 1 && (readings[0]?.isExact ?? false),
      scans: own.length,
    })
  }
  const [root] = roots
  return {
    tables,
    foreignScans: scans.filter((scan) => scan.table === undefined).map((scan) => scan.function),
    isBareLimit: scene.trustsFetch && roots.length === 1 && root !== undefined && isBareLimit(root),
    isEmpty: root?.name === 'EMPTY_RESULT',
    isSingleScan: roots.length === 1 && root !== undefined && isSingleScan(root, 0),
    hasJoins: roots.some((node) => hasJoins(node, scene)),
  }
}

/** What the reading of a plan depends on. */
interface Scene {
  readonly schemas: ReadonlyMap<number, Schema>
  readonly isUtc: boolean
  /** True where a semi join by position is the optimizer's own. */
  readonly trustsFetch: boolean
}

function collect(node: PlanNode, above: PlanNode | undefined, scans: Scan[], scene: Scene): void {
  const name = textOf(node.info.Function)
  if (name !== undefined && node.children.length === 0) {
    scans.push(scanOf(node, above?.name === 'FILTER' ? above : undefined, scene, name))
    return
  }
  // Late materialization: the first side fetches by position the rows that the second side has chosen.
  const children = scene.trustsFetch && isFetchByPosition(node) ? node.children.slice(1) : node.children
  for (const child of children) collect(child, node, scans, scene)
}

function scanOf(node: PlanNode, filter: PlanNode | undefined, { schemas, isUtc }: Scene, name: string): Scan {
  const lines = linesOf(node.info.Filters)
  const table = tableOf([...linesOf(node.info.Projections), ...lines].join('\n'), node, schemas)
  const schema = table === undefined ? undefined : schemas.get(table)
  if (table === undefined || schema === undefined) {
    const isNameless = name === 'READ_PARQUET' && linesOf(node.info['Projections']).length === 0
    return { table: undefined, reading: { predicate: { op: 'true' }, isExact: false }, function: name, isNameless }
  }
  const resolve = (column: string, path: readonly string[]): NestedField | undefined =>
    fieldOf(schema, table, column, path)
  const pushed = readFilters(lines, { resolve, isUtc })
  if (filter === undefined) return { table, reading: pushed, function: name, isNameless: false }
  const above = readFilters(linesOf(filter.info.Expression), { resolve, isUtc })
  return {
    table,
    reading: { predicate: and([pushed.predicate, above.predicate]), isExact: pushed.isExact && above.isExact },
    function: name,
    isNameless: false,
  }
}

/** By a column of the scan; a scan without any by its estimate. */
function tableOf(text: string, node: PlanNode, schemas: ReadonlyMap<number, Schema>): number | undefined {
  for (const token of tokenize(text)) {
    const column = token.kind === 'word' ? /^t(\d+)·f\d+$/.exec(token.text) : null
    if (column !== null) return schemas.has(Number(column[1])) ? Number(column[1]) : undefined
  }
  const estimate = Number(textOf(node.info['Estimated Cardinality']) ?? Number.NaN)
  return [...schemas.keys()].find((table) => probeCardinality(table) === estimate)
}

const PLAIN_NAME = /^[\p{L}\p{N}_]+$/u

function fieldOf(schema: Schema, table: number, column: string, path: readonly string[]): NestedField | undefined {
  const prefix = scanColumn(table, 0).slice(0, -1)
  const id = column.startsWith(prefix) ? column.slice(prefix.length) : ''
  if (!/^\d+$/.test(id)) return undefined
  let field = fieldById(schema, Number(id))
  if (field === undefined || !schema.fields.includes(field)) return undefined
  for (const name of path) {
    const fields: readonly NestedField[] = field?.type.kind === 'struct' ? field.type.fields : []
    // DuckDB prints them unquoted: `a.b` may be one name.
    if (fields.some((child) => !PLAIN_NAME.test(child.name))) return undefined
    const matching = fields.filter((child) => child.name.toLowerCase() === name.toLowerCase())
    field = matching.length === 1 ? matching[0] : undefined
  }
  return field
}

function hasJoins(node: PlanNode, scene: Scene): boolean {
  const isFetch = scene.trustsFetch && isFetchByPosition(node)
  return (/JOIN/.test(node.name) && !isFetch) || node.children.some((child) => hasJoins(child, scene))
}

function isFetchByPosition(node: PlanNode): boolean {
  const conditions = linesOf(node.info.Conditions)
  return (
    node.name === 'HASH_JOIN' &&
    textOf(node.info['Join Type']) === 'SEMI' &&
    node.children.length === 2 &&
    conditions.length > 0 &&
    conditions.every((condition) => /^file_(index|row_number) = file_(index|row_number)$/.test(condition))
  )
}

function isBareLimit(node: PlanNode): boolean {
  if (node.name === 'STREAMING_LIMIT' || node.name === 'LIMIT') {
    let below = node.children[0]
    while (below?.name === 'PROJECTION') below = below.children[0]
    return below?.name === 'READ_PARQUET' && below.info.Filters === undefined
  }
  if (node.name === 'PROJECTION') return node.children.length === 1 && node.children.every(isBareLimit)
  if (node.name === 'ORDER_BY') {
    const order = linesOf(node.info['Order By'])
    const isByPosition = order.length > 0 && order.every((key) => /^file_(index|row_number) ASC$/.test(key))
    return isByPosition && node.children.every(isBareLimit)
  }
  return isFetchByPosition(node) && node.children.slice(1).every(isBareLimit)
}

/** PROJECTION*, at most one FILTER right above the scan, READ_PARQUET. */
function isSingleScan(node: PlanNode, filters: number): boolean {
  if (node.name === 'READ_PARQUET') return node.children.length === 0
  const [child] = node.children
  if (node.children.length !== 1 || child === undefined) return false
  if (node.name === 'PROJECTION') return filters === 0 && isSingleScan(child, 0)
  return node.name === 'FILTER' && filters === 0 && child.name === 'READ_PARQUET' && isSingleScan(child, 1)
}
