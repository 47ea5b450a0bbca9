import { IceboxError, isIceboxError } from '../../base/index.ts'
import { type CreateTableRequest, type TableIdentifier, tableText } from '../../catalog/index.ts'
import type { NestedField, Schema, Transaction, Type } from '../../iceberg/index.ts'
import type { DescribedColumn } from '../../ingest/index.ts'
import type { CreateTable } from '../parse/ast.ts'
import { Cursor } from '../parse/cursor.ts'
import { FieldIds, parseTypeAt } from '../parse/types.ts'
import type { Meter, QueryServices, StatementOptions, StatementResult } from '../port.ts'
import { quoteName } from '../text/names.ts'
import { type StatementText, splitStatements } from '../text/statements.ts'
import { tokenize } from '../text/tokenizer.ts'
import { partitionSpecOf, sortOrderOf } from './layout.ts'
import { type MadeTable, madeTable } from './made-table.ts'
import { prepare, type QueryParts, type SessionState } from './query.ts'
import { doneResult } from './results.ts'
import { findTable, knownNamespace, writtenTable } from './table-names.ts'
import { commit, commitWritten, rowsText, writableQuery, writeRows, writtenFigures } from './write.ts'

/** `CREATE TABLE` with columns, or `AS` a query: then the table appears, or is replaced, with its rows, in one commit. */
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
  if (existing !== undefined && create.mode === 'if not exists') return nothingDone(existing, meter)
  if (existing !== undefined && create.mode === 'create') throw tableExists(existing)
  if (existing !== undefined) await services.settle(existing)
  // Loaded before the query's tables, as for an INSERT: what it may read is not newer than what the commit asserts.
  const replaced = existing === undefined ? undefined : await parts.catalog.loadTable(existing)
  const namespace = await knownNamespace(parts.catalog, written.namespace)
  const identifier = existing ?? { namespace: namespace.split('.'), name: written.table }
  if (existing === undefined) await parts.catalog.requireFree(identifier)
  let made: MadeTable | undefined
  try {
    if (create.query === undefined) {
      const schema = create.schema ?? { schemaId: 0, fields: [], identifierFieldIds: [] }
      made = await madeTable(identifier, replaced, requestOf(create, schema, statement), services)
      const { base, target, creates, verb, change } = made
      const done = await commit(services, identifier, base, (t) => change(t, []), options, creates, target.loaded)
      const message = `${verb} table ${tableText(identifier)}`
      return doneResult('create table', message, meter, { snapshotId: done.snapshot?.snapshotId })
    }
    await using prepared = await prepare(parts, create.query, state, options)
    await using query = await writableQuery(prepared, options)
    const request = requestOf(create, schemaOfQuery(query.columns), statement)
    made = await madeTable(identifier, replaced, request, services)
    const { base, target, creates, verb, change } = made
    const targets = target.schema.fields.map((field, source) => ({ field, source }))
    const rows = await writeRows(prepared, query, targets, target, services, options, create.query, state)
    const add = (transaction: Transaction) => change(transaction, rows.files)
    const committed = await commitWritten(rows, services, identifier, base, add, options, creates)
    const message = `${verb} table ${tableText(identifier)} with ${rowsText(rows.rows)}`
    const figures = writtenFigures(rows, committed, prepared.scans)
    return doneResult('create table', message, meter, figures, undefined, prepared.scans)
  } catch (error) {
    await made?.folders.removeEmpty()
    if (!isIceboxError(error, 'table/exists') || create.mode === 'create') throw error
    // Another process made it meanwhile: that is what IF NOT EXISTS asks for.
    if (create.mode === 'if not exists') return nothingDone(identifier, meter)
    throw madeMeanwhile(identifier, error)
  }
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

function nothingDone(table: TableIdentifier, meter: Meter): StatementResult {
  return doneResult('create table', `table ${tableText(table)} exists already; nothing was done`, meter)
}

function madeMeanwhile(table: TableIdentifier, cause: unknown): IceboxError {
  return new IceboxError('table/conflict', {
    message: `another writer made table ${tableText(table)} meanwhile`,
    remedy: 'run the statement again to replace it',
    context: { table: tableText(table) },
    cause,
  })
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
    const cursor = new Cursor(text ?? { sql: '', offset: 0, script: type, tokens: tokenize('') })
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
