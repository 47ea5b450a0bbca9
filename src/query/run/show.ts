import { IceboxError } from '../../base/index.ts'
import type { Catalog, TableIdentifier } from '../../catalog/index.ts'
import type { ResultColumn } from '../../engine/index.ts'
import {
  columnName,
  type LoadedTable,
  type NestedField,
  type PartitionField,
  type Schema,
  schemaOf,
  type SortField,
  transformCall,
  type Type,
} from '../../iceberg/index.ts'
import { quoteName, quoteText } from '../text/names.ts'
import type { StatementText } from '../text/statements.ts'
import { tokenize } from '../text/tokenizer.ts'
import { readType } from '../views/read-type.ts'

/** What the catalog answers, not the engine; all of it is text. */
export interface SmallTable {
  readonly columns: readonly ResultColumn[]
  readonly rows: readonly (readonly (string | null)[])[]
}

/** A query of the same rows, in their order. */
export function valuesOf({ columns, rows }: SmallTable): StatementText {
  const cell = (value: string | null): string => (value === null ? 'NULL' : quoteText(value))
  const values = rows.map((row, at) => `(${[at, ...row.map(cell)].join(', ')})`)
  const nothing = `(0${', NULL'.repeat(columns.length)})`
  const names = columns.map((_, at) => `c${at}`)
  const shown = columns.map(({ name }, at) => `CAST(c${at} AS VARCHAR) AS ${quoteName(name)}`).join(', ')
  const from = `(VALUES ${values.length === 0 ? nothing : values.join(', ')}) AS t(${['n', ...names].join(', ')})`
  const sql = `SELECT ${shown} FROM ${from} WHERE ${rows.length > 0} ORDER BY n ASC`
  return { sql, offset: 0, script: sql, tokens: tokenize(sql) }
}

/** Columns of a table under the names that DuckDB's DESCRIBE uses; `extra` holds the comment. */
export function describeTable({ metadata }: LoadedTable): SmallTable {
  const names = ['column_name', 'column_type', 'null', 'key', 'default', 'extra']
  const schema = schemaOf(metadata)
  return {
    columns: names.map((name) => ({ name, type: 'VARCHAR' })),
    rows: schema.fields.map((field) => [
      field.name,
      readType(field.type, field.name),
      field.required ? 'NO' : 'YES',
      schema.identifierFieldIds.includes(field.id) ? 'PRI' : null,
      null,
      field.doc ?? null,
    ]),
  }
}

export async function showSchemas(catalog: Catalog, like: string | undefined): Promise<SmallTable> {
  const names = (await catalog.listNamespaces()).map((levels) => levels.join('.'))
  return { columns: [{ name: 'namespace', type: 'VARCHAR' }], rows: names.filter(matcher(like)).map((name) => [name]) }
}

export async function showTables(
  catalog: Catalog,
  namespaces: readonly string[] | undefined,
  like: string | undefined,
): Promise<SmallTable> {
  const all = namespaces ?? (await catalog.listNamespaces()).map((levels) => levels.join('.'))
  const rows: string[][] = []
  for (const namespace of all) {
    for (const { name } of await catalog.listTables(namespace.split('.')))
      if (matcher(like)(name)) rows.push([namespace, name])
  }
  const columns = ['namespace', 'name'].map((name) => ({ name, type: 'VARCHAR' }))
  return { columns, rows }
}

/** SQL's LIKE: `%` any text, `_` one character. */
function matcher(pattern: string | undefined): (name: string) => boolean {
  if (pattern === undefined) return () => true
  const text = pattern
    .replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('%', '.*')
    .replaceAll('_', '.')
  const expression = new RegExp(`^${text}$`, 'isu')
  return (name) => expression.test(name)
}

/** The statement that would make the table as it is now. */
export function createStatement(table: TableIdentifier, { metadata }: LoadedTable): string {
  const schema = schemaOf(metadata)
  const columns = schema.fields.map((field) => `  ${definition(field)}`)
  const lines = [
    `CREATE TABLE ${quoteName(table.namespace.join('.'))}.${quoteName(table.name)} (`,
    columns.join(',\n'),
    ')',
  ]
  const spec = metadata.partitionSpecs.find((known) => known.specId === metadata.defaultSpecId)
  const parts = (spec?.fields ?? [])
    .filter((field) => field.transform.kind !== 'void')
    .map((field) => partition(field, schema))
  if (parts.length > 0) lines.push(`PARTITIONED BY (${parts.join(', ')})`)
  const order = metadata.sortOrders.find((known) => known.orderId === metadata.defaultSortOrderId)
  const keys = (order?.fields ?? []).map((field) => sortKey(field, schema))
  if (keys.length > 0) lines.push(`SORTED BY (${keys.join(', ')})`)
  const properties = { 'format-version': String(metadata.formatVersion), ...metadata.properties }
  const shown = Object.entries(properties).map(([key, value]) => `  ${quoteText(key)} = ${quoteText(value)}`)
  lines.push(`LOCATION ${quoteText(metadata.location)}`, `TBLPROPERTIES (\n${shown.join(',\n')}\n)`)
  return lines.join('\n')
}

function definition(field: NestedField): string {
  const comment = field.doc === undefined ? '' : ` COMMENT ${quoteText(field.doc)}`
  return `${quoteName(field.name)} ${typeText(field.type, field.name)}${field.required ? ' NOT NULL' : ''}${comment}`
}

/** As {@link readType}, with what only Iceberg tells apart. */
function typeText(type: Type, column: string): string {
  if (type.kind === 'fixed') return `FIXED(${type.length})`
  if (type.kind === 'struct') {
    return `STRUCT(${type.fields.map((field) => `${quoteName(field.name)} ${typeText(field.type, `${column}.${field.name}`)}${field.required ? ' NOT NULL' : ''}`).join(', ')})`
  }
  if (type.kind === 'list') return `${typeText(type.element, column)}[]`
  if (type.kind === 'map') return `MAP(${typeText(type.key, column)}, ${typeText(type.value, column)})`
  return readType(type, column)
}

function source(ids: readonly number[], schema: Schema): string {
  const name = columnName(schema, ids[0] ?? 0)
  return (name ?? '').split('.').map(quoteName).join('.')
}

function partition(field: PartitionField, schema: Schema): string {
  return `${transformCall(field.transform, source(field.sourceIds, schema))} AS ${quoteName(field.name)}`
}

function sortKey(field: SortField, schema: Schema): string {
  const nulls = field.nullOrder === 'nulls-first' ? 'NULLS FIRST' : 'NULLS LAST'
  return `${transformCall(field.transform, source(field.sourceIds, schema))} ${field.direction.toUpperCase()} ${nulls}`
}

/** Settings that a person may change; all others follow from the configuration. */
export const SETTINGS: readonly string[] = [
  'TimeZone',
  'Calendar',
  'default_collation',
  'default_null_order',
  'default_order',
  'ieee_floating_point_ops',
  'integer_division',
  'max_expression_depth',
  'order_by_non_integer_literal',
  'pivot_limit',
  'scalar_subquery_error_on_multiple_rows',
]

const INSTEAD_OF_SETTING: Readonly<Record<string, string>> = {
  memory_limit: 'set performance.memory.max_usage in icebox.yaml, or pass --memory',
  max_memory: 'set performance.memory.max_usage in icebox.yaml, or pass --memory',
  threads: 'set performance.cpu.threads in icebox.yaml',
  worker_threads: 'set performance.cpu.threads in icebox.yaml',
  temp_directory: 'set performance.memory.spill_directory in icebox.yaml',
  schema: 'use USE namespace',
  search_path: 'use USE namespace',
}

/** The setting under DuckDB's name. Rejects `sql/unsupported` naming what may be set. */
export function allowedSetting(name: string): string {
  const lower = name.toLowerCase()
  const known = SETTINGS.find(
    (setting) => setting.toLowerCase() === (lower === 'null_order' ? 'default_null_order' : lower),
  )
  if (known !== undefined) return known
  throw new IceboxError('sql/unsupported', {
    message: `the setting ${name} cannot be changed by SQL`,
    remedy: INSTEAD_OF_SETTING[lower] ?? `these can: ${SETTINGS.join(', ')}`,
    context: { setting: name, allowed: SETTINGS },
  })
}
