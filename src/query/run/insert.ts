import { IceboxError, sqlName } from '../../base/index.ts'
import { tableText } from '../../catalog/index.ts'
import { isUnpartitioned, type NestedField, refuseRolledBack, type Schema } from '../../iceberg/index.ts'
import type { DescribedColumn } from '../../ingest/index.ts'
import type { Insert } from '../parse/ast.ts'
import type { Meter, QueryServices, StatementOptions, StatementResult } from '../port.ts'
import type { StatementText } from '../text/statements.ts'
import { refuseLostFields } from './lost-fields.ts'
import { prepare, type QueryParts, type SessionState } from './query.ts'
import { doneResult } from './results.ts'
import { needTable } from './table-names.ts'
import { columnsOfValues, refuseLostFieldsOfValues, valuesTarget, writableValues } from './values-rows.ts'
import { commitWritten, rowsText, targetOf, writableQuery, writeRows, writtenFigures } from './write.ts'

/** `INSERT INTO` appends; `INSERT OVERWRITE` replaces the partitions that the rows fall into, or the whole unpartitioned table. */
export async function runInsert(
  insert: Insert,
  statement: StatementText,
  state: SessionState,
  options: StatementOptions,
  parts: QueryParts,
  services: QueryServices,
  meter: Meter,
): Promise<StatementResult> {
  const identifier = await needTable(parts.catalog, insert.table, statement, state.defaultNamespace)
  // Loaded before the query's tables: what is committed is decided on this state or an older one, never a newer.
  const loaded = await parts.catalog.loadTable(identifier)
  refuseRolledBack(loaded.metadata, tableText(identifier))
  const target = targetOf(loaded)
  const { values } = insert
  const table = tableText(identifier)
  const elements = values && assign(insert, target.schema, columnsOfValues(values), table)
  const into = values && elements && valuesTarget(values, elements)
  await using prepared = await prepare(parts, insert.query, state, options, { into })
  await using query = elements
    ? writableValues(values, insert.query, prepared, elements, options)
    : await writableQuery(prepared, options)
  const targets = elements ?? assign(insert, target.schema, query.columns, table)
  if (values) await refuseLostFieldsOfValues(values, insert.query, prepared, targets, table, options)
  else refuseLostFields(query.columns, targets, table)
  const written = await writeRows(prepared, query, targets, target, services, options, insert.query, state)
  const isOverwrite = insert.mode === 'overwrite'
  const isReplaceAll = isUnpartitioned(target.spec)
  if (written.files.length === 0 && (!isOverwrite || !isReplaceAll)) {
    await written.settle()
    return doneResult(
      'insert',
      `inserted 0 rows into ${tableText(identifier)}`,
      meter,
      { rows: 0 },
      undefined,
      prepared.scans,
    )
  }
  const committed = await commitWritten(
    written,
    services,
    identifier,
    loaded,
    (transaction) => {
      if (!isOverwrite) transaction.append(written.files)
      else
        transaction.overwrite(
          isReplaceAll ? { added: written.files, replaceAll: true } : { added: written.files, dynamicPartitions: true },
        )
    },
    options,
  )
  const verb = isOverwrite ? 'overwrote' : 'inserted'
  const where = isOverwrite
    ? isReplaceAll
      ? `${tableText(identifier)} with`
      : `partitions of ${tableText(identifier)} with`
    : ''
  const count = rowsText(written.rows)
  const message = isOverwrite ? `${verb} ${where} ${count}` : `${verb} ${count} into ${tableText(identifier)}`
  const figures = writtenFigures(written, committed, prepared.scans)
  return doneResult('insert', message, meter, figures, undefined, prepared.scans)
}

/** Which column of the query goes into which column of the table. Rejects `schema/mismatch` naming both. */
export function assign(
  insert: Pick<Insert, 'columns' | 'byName'>,
  schema: Schema,
  columns: readonly DescribedColumn[],
  table: string,
): { field: NestedField; source: number }[] {
  const names = insert.byName ? columns.map(({ name }) => name) : insert.columns
  const fields = names === undefined ? schema.fields : names.map((name) => fieldNamed(schema, name, table))
  if (fields.length !== columns.length) {
    const wanted = `${fields.length} ${fields.length === 1 ? 'column' : 'columns'}`
    throw new IceboxError('schema/mismatch', {
      message: `${insert.columns === undefined ? `table ${table} has` : 'the list names'} ${wanted} (${fields.map((field) => field.name).join(', ')}), the query gives ${columns.length} (${columns.map((column) => column.name).join(', ')})`,
      remedy: 'name the columns: INSERT INTO t (a, b) …, or match them by name: INSERT INTO t BY NAME …',
      context: { table, tableColumns: fields.length, queryColumns: columns.length },
    })
  }
  const twice = fields.find((field, at) => fields.indexOf(field) !== at)
  if (twice !== undefined) {
    throw new IceboxError('schema/mismatch', {
      message: `column '${twice.name}' is named twice`,
      remedy: insert.byName ? 'name each column of the query once, with AS or EXCLUDE' : 'name each column once',
      context: { table, column: twice.name },
    })
  }
  return fields.map((field, source) => ({ field, source }))
}

function fieldNamed(schema: Schema, name: string, table: string): NestedField {
  const lower = name.toLowerCase()
  const field =
    schema.fields.find((known) => known.name === name) ??
    schema.fields.find((known) => known.name.toLowerCase() === lower)
  if (field !== undefined) return field
  throw new IceboxError('sql/unknown-column', {
    message: `table ${table} has no column '${name}'`,
    remedy: `its columns are ${schema.fields.map((known) => sqlName(known.name)).join(', ')}`,
    context: { table, column: name, candidates: schema.fields.map((known) => known.name) },
  })
}
