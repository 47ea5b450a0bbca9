import { IceboxError, isIceboxError } from '../../base/index.ts'
import { type CreateTableRequest, type TableIdentifier, tableText } from '../../catalog/index.ts'
import {
  applyUpdates,
  type DataFile,
  type LoadedTable,
  type NestedField,
  type Replacement,
  replacementUpdates,
  type Schema,
  type Transaction,
  type Type,
} from '../../iceberg/index.ts'
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
import {
  commit,
  commitWritten,
  rowsText,
  targetOf,
  writableQuery,
  writeRows,
  type WriteTarget,
  writtenFigures,
} from './write.ts'

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
  // Loaded before the query's tables, as for an INSERT: what it may read is not newer than what the commit asserts.
  const replaced = existing === undefined ? undefined : await parts.catalog.loadTable(existing)
  const namespace = await knownNamespace(parts.catalog, written.namespace)
  const identifier = existing ?? { namespace: namespace.split('.'), name: written.table }
  try {
    if (create.query === undefined) {
      const schema = create.schema ?? { schemaId: 0, fields: [], identifierFieldIds: [] }
      const made = await madeTable(identifier, replaced, requestOf(create, schema, statement), services)
      const change = (transaction: Transaction) => made.change(transaction, [])
      const done = await commit(services, identifier, made.base, change, options, made.creates, made.target.loaded)
      const message = `${made.verb} table ${tableText(identifier)}`
      return doneResult('create table', message, meter, { snapshotId: done.snapshot?.snapshotId })
    }
    await using prepared = await prepare(parts, create.query, state, options)
    await using query = await writableQuery(prepared, options)
    const request = requestOf(create, schemaOfQuery(query.columns), statement)
    const made = await madeTable(identifier, replaced, request, services)
    const { base, target, creates } = made
    const targets = target.schema.fields.map((field, source) => ({ field, source }))
    const rows = await writeRows(prepared, query, targets, target, services, options, create.query, state)
    const change = (transaction: Transaction) => made.change(transaction, rows.files)
    const committed = await commitWritten(rows, services, identifier, base, change, options, creates)
    const message = `${made.verb} table ${tableText(identifier)} with ${rowsText(rows.rows)}`
    const figures = writtenFigures(rows, committed, prepared.scans)
    return doneResult('create table', message, meter, figures, undefined, prepared.scans)
  } catch (error) {
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

/** A table in the making: what is there, what it will be, and the change from the one to the other. */
interface MadeTable {
  /** The table that is replaced; a staged one where there is none. */
  readonly base: LoadedTable
  readonly target: WriteTarget
  readonly creates: boolean
  readonly verb: 'created' | 'replaced'
  change(transaction: Transaction, files: readonly DataFile[]): void
}

async function madeTable(
  identifier: TableIdentifier,
  replaced: LoadedTable | undefined,
  request: CreateTableRequest,
  services: QueryServices,
): Promise<MadeTable> {
  if (replaced === undefined) {
    const base = await services.catalog.stageTable(identifier, request)
    const change = (transaction: Transaction, files: readonly DataFile[]) => {
      if (files.length > 0) transaction.append(files)
    }
    return { base, target: targetOf(base), creates: true, verb: 'created', change }
  }
  const { partitionSpec: spec, ...rest } = request
  const replacement: Replacement = spec === undefined ? rest : { ...rest, spec }
  const { metadata, metadataLocation } = replaced
  const nowMs = Number(metadata.lastUpdatedMs)
  const becomes = applyUpdates(metadata, replacementUpdates(metadata, replacement), { nowMs })
  return {
    base: replaced,
    target: targetOf({ metadata: becomes, metadataLocation }),
    creates: false,
    verb: 'replaced',
    change: (transaction, files) => transaction.replaceTable(replacement, files),
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
