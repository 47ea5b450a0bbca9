import { IceboxError, isIceboxError } from '../../base/index.ts'
import { type CreateTableRequest, type TableIdentifier, tableText } from '../../catalog/index.ts'
import { type NestedField, sameSpec, type Schema, schemaOf, type Type, typeToString } from '../../iceberg/index.ts'
import type { DescribedColumn } from '../../ingest/index.ts'
import type { CreateTable } from '../parse/ast.ts'
import { Cursor } from '../parse/cursor.ts'
import { FieldIds, parseTypeAt } from '../parse/types.ts'
import type { Meter, QueryServices, StatementOptions, StatementResult } from '../port.ts'
import { quoteName } from '../text/names.ts'
import { type StatementText, splitStatements } from '../text/statements.ts'
import { partitionSpecOf, sortOrderOf } from './layout.ts'
import { prepare, type QueryParts, type SessionState } from './query.ts'
import { doneResult } from './results.ts'
import { findTable, knownNamespace, writtenTable } from './table-names.ts'
import { commit, commitWritten, rowsText, targetOf, writableQuery, writeRows, writtenFigures } from './write.ts'

/** `CREATE TABLE` with columns, or `AS` a query: then the table appears with its rows, in one commit. */
export async function runCreateTable(
  create: CreateTable,
  statement: StatementText,
  state: SessionState,
  options: StatementOptions,
  parts: QueryParts,
  services: QueryServices,
  meter: Meter,
): Promise<StatementResult> {
  const written = writtenTable(create.table, statement, state.defaultNamespace)
  const existing = await findTable(parts.catalog, create.table, statement, state.defaultNamespace)
  if (existing !== undefined && create.mode === 'if not exists') {
    return doneResult('create table', `table ${tableText(existing)} exists already; nothing was done`, meter)
  }
  if (existing !== undefined && create.mode === 'create') throw tableExists(existing)
  const namespace = await knownNamespace(parts.catalog, written.namespace)
  const identifier = existing ?? { namespace: namespace.split('.'), name: written.table }
  if (create.query === undefined) {
    const schema = create.schema ?? { schemaId: 0, fields: [], identifierFieldIds: [] }
    if (existing !== undefined)
      return replace(create, existing, schema, undefined, statement, state, options, parts, services, meter)
    await createEmpty(create, identifier, schema, statement, services, options)
    return doneResult('create table', `created table ${tableText(identifier)}`, meter)
  }
  await using prepared = await prepare(parts, create.query, state, options)
  await using query = await writableQuery(prepared, options)
  const schema = schemaOfQuery(query.columns)
  if (existing !== undefined) {
    return replace(create, existing, schema, { prepared, query }, statement, state, options, parts, services, meter)
  }
  const base = await parts.catalog.stageTable(identifier, requestOf(create, schema, statement))
  const target = targetOf(base)
  const targets = target.schema.fields.map((field, source) => ({ field, source }))
  const rows = await writeRows(prepared, query, targets, target, services, options, create.query, state)
  const committed = await commitWritten(
    rows,
    services,
    identifier,
    base,
    (transaction) => {
      if (rows.files.length > 0) transaction.append(rows.files)
    },
    options,
    true,
  )
  const message = `created table ${tableText(identifier)} with ${rowsText(rows.rows)}`
  const figures = writtenFigures(rows, committed, prepared.scans)
  return doneResult('create table', message, meter, figures, undefined, prepared.scans)
}

function requestOf(create: CreateTable, schema: Schema, statement: StatementText): CreateTableRequest {
  return {
    schema,
    partitionSpec: partitionSpecOf(schema, create.partitions, statement),
    sortOrder: sortOrderOf(schema, create.sort, statement),
    properties: create.properties,
    ...(create.location === undefined ? {} : { location: create.location }),
  }
}

async function createEmpty(
  create: CreateTable,
  identifier: TableIdentifier,
  schema: Schema,
  statement: StatementText,
  services: QueryServices,
  options: StatementOptions,
): Promise<void> {
  try {
    const base = await services.catalog.stageTable(identifier, requestOf(create, schema, statement))
    await commit(services, identifier, base, () => {}, options, true)
  } catch (error) {
    // Another process made it meanwhile: that is what IF NOT EXISTS asks for.
    if (create.mode !== 'if not exists' || !isIceboxError(error, 'table/exists')) throw error
  }
}

interface Rows {
  readonly prepared: Awaited<ReturnType<typeof prepare>>
  readonly query: Awaited<ReturnType<typeof writableQuery>>
}

/**
 * `CREATE OR REPLACE` of a table that is there: all rows are replaced in one snapshot and the history is kept. Only where
 * columns and partitioning stay the same: a change of both at once cannot be undone by time travel alone.
 */
async function replace(
  create: CreateTable,
  identifier: TableIdentifier,
  schema: Schema,
  rows: Rows | undefined,
  statement: StatementText,
  state: SessionState,
  options: StatementOptions,
  parts: QueryParts,
  services: QueryServices,
  meter: Meter,
): Promise<StatementResult> {
  const base = await parts.catalog.loadTable(identifier)
  const target = targetOf(base)
  const current = schemaOf(base.metadata)
  const isSame =
    shape(current.fields) === shape(schema.fields) &&
    sameSpec(partitionSpecOf(current, create.partitions, statement), target.spec)
  if (!isSame || create.location !== undefined) {
    throw new IceboxError('sql/unsupported', {
      message: `CREATE OR REPLACE TABLE ${tableText(identifier)} would change its columns or partitioning`,
      remedy: 'DROP TABLE and CREATE TABLE, or ALTER TABLE and INSERT OVERWRITE, which keep the history',
      context: { table: tableText(identifier) },
    })
  }
  const properties = Object.keys(create.properties).length === 0 ? undefined : create.properties
  if (rows === undefined) {
    const done = await commit(
      services,
      identifier,
      base,
      (transaction) => {
        transaction.deleteFiles({ where: { op: 'true' } })
        if (properties !== undefined) transaction.setProperties(properties)
      },
      options,
    )
    return doneResult('create table', `replaced table ${tableText(identifier)}`, meter, {
      snapshotId: done.snapshot?.snapshotId,
    })
  }
  const targets = target.schema.fields.map((field, source) => ({ field, source }))
  const written = await writeRows(
    rows.prepared,
    rows.query,
    targets,
    target,
    services,
    options,
    create.query ?? statement,
    state,
  )
  const done = await commitWritten(
    written,
    services,
    identifier,
    base,
    (transaction) => {
      transaction.overwrite({ added: written.files, replaceAll: true })
      if (properties !== undefined) transaction.setProperties(properties)
    },
    options,
  )
  const { scans } = rows.prepared
  const message = `replaced table ${tableText(identifier)} with ${rowsText(written.rows)}`
  return doneResult('create table', message, meter, writtenFigures(written, done, scans), undefined, scans)
}

/** Names and types without ids. */
function shape(fields: readonly NestedField[]): string {
  return fields.map((field) => `${field.name} ${typeToString(field.type).replaceAll(/\d+: /g, '')}`).join('\n')
}

/** The columns of a query as those of a table. Rejects `source/columns`, `schema/unsupported-type`. */
export function schemaOfQuery(columns: readonly DescribedColumn[]): Schema {
  const ids = new FieldIds()
  const seen = new Map<string, string>()
  const fields = columns.map(({ name, type }): NestedField => {
    const twin = seen.get(name.toLowerCase())
    if (twin !== undefined || name === '') {
      throw new IceboxError('source/columns', {
        message:
          twin === undefined
            ? 'a column of the query has no name'
            : `columns '${twin}' and '${name}' of the query differ by case only or not at all`,
        remedy: 'give each column a name of its own with AS',
        context: { column: name },
      })
    }
    seen.set(name.toLowerCase(), name)
    const parsed = typeOfColumn(type, name, ids)
    return { id: ids.next(), name, type: parsed, required: false }
  })
  return { schemaId: 0, fields, identifierFieldIds: [] }
}

/** The type of a column of a query. Its text is the engine's: a place in it would tell nobody anything. */
function typeOfColumn(type: string, column: string, ids: FieldIds): Type {
  try {
    const [text] = splitStatements(type)
    const cursor = new Cursor(text ?? { sql: '', offset: 0, script: type, tokens: [] })
    const parsed = parseTypeAt(cursor, ids, column)
    cursor.expectEnd()
    return parsed
  } catch (error) {
    if (!isIceboxError(error, 'sql/')) throw error
    throw new IceboxError('schema/unsupported-type', {
      message: `column '${column}' has the type ${type}, which has no partner in Iceberg`,
      remedy: /\[\d+\]/.test(type)
        ? `arrays of a fixed length become lists by a cast: CAST(${quoteName(column)} AS ${type.replaceAll(/\[\d+\]/g, '[]')})`
        : 'cast it to one that has: rows need names for their fields, as in STRUCT(a INTEGER), and others go as VARCHAR',
      context: { column, type },
      cause: error,
    })
  }
}

/** `table/exists` */
export function tableExists(table: TableIdentifier): IceboxError {
  return new IceboxError('table/exists', {
    message: `table ${tableText(table)} exists already`,
    remedy: 'use INSERT INTO, CREATE TABLE IF NOT EXISTS, CREATE OR REPLACE TABLE, or DROP TABLE first',
    context: { table: tableText(table) },
  })
}
