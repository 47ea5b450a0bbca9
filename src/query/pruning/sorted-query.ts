import { type Json, parseJson, printJson } from '../../base/index.ts'
import type { SortKey } from '../../ingest/index.ts'

/** A query that ends in a sort, taken apart: what it would answer in any order, and the order. */
export interface SortedQuery {
  /** DuckDB's JSON of the rows without their order, with a column more for each key that is none of their columns. */
  readonly rows: string
  /** Keys that are columns of their own there. */
  readonly added: number
  readonly keys: readonly SortKey[]
}

/**
 * Takes apart what `json_serialize_sql` says of a statement with these columns, whose names differ. Undefined where it is
 * not one SELECT with an ORDER BY and nothing after it, or its order is of a kind that a column of its values does not
 * carry on (a collation, ORDER BY ALL).
 */
export function readSortedQuery(serialized: string, columns: readonly string[]): SortedQuery | undefined {
  const document = parseJson(serialized)
  const statement = single(document, 'statements')
  const node = fieldOf(statement, 'node')
  const modifier = single(node, 'modifiers')
  const select = fieldOf(node, 'select_list')
  const orders = fieldOf(modifier, 'orders')
  if (!isRecord(document) || !isRecord(statement) || !isRecord(node) || !Array.isArray(select)) return undefined
  if (node['type'] !== 'SELECT_NODE' || fieldOf(modifier, 'type') !== 'ORDER_MODIFIER') return undefined
  if (!Array.isArray(orders)) return undefined
  const added: Json[] = []
  const keys: SortKey[] = []
  for (const item of orders) {
    const direction = DIRECTIONS[textOf(fieldOf(item, 'type'))]
    const nulls = NULLS[textOf(fieldOf(item, 'null_order'))]
    const expression = fieldOf(item, 'expression')
    if (direction === undefined || nulls === undefined || !isRecord(expression)) return undefined
    if (NOT_CARRIED.has(textOf(expression['class']))) return undefined
    let column = columnOf(expression, columns)
    if (column === undefined) {
      if (expression['class'] === 'CONSTANT') return undefined
      column = `icebox·order ${added.length}`
      added.push({ ...expression, alias: column })
    }
    keys.push({ column, how: `${direction}${nulls}` })
  }
  const rows = { ...node, modifiers: [], select_list: [...select, ...added] }
  return { rows: printJson({ ...document, statements: [{ ...statement, node: rows }] }), added: added.length, keys }
}

const NOT_CARRIED = new Set(['COLLATE', 'STAR'])
const DIRECTIONS: Readonly<Record<string, string>> = { ORDER_DEFAULT: '', ASCENDING: ' ASC', DESCENDING: ' DESC' }
const NULLS: Readonly<Record<string, string>> = {
  ORDER_DEFAULT: '',
  'NULLS FIRST': ' NULLS FIRST',
  'NULLS LAST': ' NULLS LAST',
}

/** The column of the answer that a name or a place in the SELECT list means; names of the answer go before those of its tables. */
function columnOf(expression: Record<string, Json>, columns: readonly string[]): string | undefined {
  if (expression['class'] === 'CONSTANT') {
    const place = fieldOf(expression['value'], 'value')
    return typeof place === 'number' ? columns[place - 1] : undefined
  }
  const names = expression['column_names']
  const [name, ...more] = Array.isArray(names) ? names : []
  if (typeof name !== 'string' || more.length > 0) return undefined
  return columns.find((column) => column.toLowerCase() === name.toLowerCase())
}

function single(json: Json | undefined, field: string): Json | undefined {
  const list = fieldOf(json, field)
  return Array.isArray(list) && list.length === 1 ? list[0] : undefined
}

function fieldOf(json: Json | undefined, field: string): Json | undefined {
  return isRecord(json) ? json[field] : undefined
}

function isRecord(json: Json | undefined): json is Record<string, Json> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function textOf(json: Json | undefined): string {
  return typeof json === 'string' ? json : ''
}
