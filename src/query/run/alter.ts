import { IceboxError } from '../../base/index.ts'
import { tableText } from '../../catalog/index.ts'
import {
  fieldByPath,
  isPrimitive,
  type PartitionSpec,
  type Schema,
  type SchemaUpdate,
  schemaOf,
  type SpecUpdate,
  type TableMetadata,
  type Transaction,
} from '../../iceberg/index.ts'
import type { AlterTable, TableChange } from '../parse/ast.ts'
import type { PartitionTerm } from '../parse/layout.ts'
import type { Meter, QueryServices, StatementOptions, StatementResult } from '../port.ts'
import type { StatementText } from '../text/statements.ts'
import { columnPath, hasColumn, sortOrderOf } from './layout.ts'
import type { QueryParts, SessionState } from './query.ts'
import { doneResult } from './results.ts'
import { findTable, needTable } from './table-names.ts'
import { commit } from './write.ts'

/** `ALTER TABLE`: all its changes in one commit. */
export async function runAlter(
  alter: AlterTable,
  statement: StatementText,
  state: SessionState,
  options: StatementOptions,
  parts: QueryParts,
  services: QueryServices,
  meter: Meter,
): Promise<StatementResult> {
  const found = await findTable(parts.catalog, alter.table, statement, state.defaultNamespace)
  if (found === undefined && alter.ifExists)
    return doneResult('alter table', 'there is no such table; nothing was done', meter)
  const identifier = found ?? (await needTable(parts.catalog, alter.table, statement, state.defaultNamespace))
  await services.settle(identifier)
  const base = await parts.catalog.loadTable(identifier)
  const done = await commit(
    services,
    identifier,
    base,
    (transaction) => {
      // Each change sees what the ones before it made of the columns.
      for (const change of alter.changes) apply(change, transaction, base.metadata, statement, change.start)
    },
    options,
  )
  return doneResult('alter table', `altered table ${tableText(identifier)}`, meter, {
    snapshotId: done.snapshot?.snapshotId,
    bytesWritten: done.bytesWritten,
  })
}

function apply(
  change: TableChange,
  transaction: Transaction,
  metadata: TableMetadata,
  statement: StatementText,
  offset: number,
): void {
  const schema = schemaOf(metadata)
  const pathIn = (draft: Schema, path: readonly string[]): string => columnPath(draft, path, statement, offset)
  const edit = (act: (update: SchemaUpdate, draft: Schema) => void): void => {
    transaction.updateSchema((update) => act(update, update.result()))
  }
  switch (change.change) {
    case 'add column':
      edit((update, draft) => {
        const parent = change.path.slice(0, -1)
        if (change.ifNotExists && hasColumn(draft, change.path)) return
        update.addColumn(change.field.name, change.field.type, {
          ...(parent.length === 0 ? {} : { parent: pathIn(draft, parent) }),
          required: change.field.required,
          ...(change.field.doc === undefined ? {} : { doc: change.field.doc }),
        })
        if (change.place !== undefined) update.move(pathIn(update.result(), change.path), change.place)
      })
      return
    case 'drop column':
      edit((update, draft) => {
        if (change.ifExists && !hasColumn(draft, change.path)) return
        update.drop(pathIn(draft, change.path))
      })
      return
    case 'rename column':
      edit((update, draft) => update.rename(pathIn(draft, change.path), change.name))
      return
    case 'move column':
      edit((update, draft) => update.move(pathIn(draft, change.path), change.place))
      return
    case 'set type':
      edit((update, draft) => {
        if (!isPrimitive(change.type)) {
          throw new IceboxError('iceberg/invalid-change', {
            message: `column '${change.path.join('.')}' cannot become a nested type`,
            remedy: 'types only widen: int to long, float to double, decimal to more digits of the same scale',
          })
        }
        update.widen(pathIn(draft, change.path), change.type)
      })
      return
    case 'set not null':
      edit((update, draft) => update.requireColumn(pathIn(draft, change.path)))
      return
    case 'drop not null':
      edit((update, draft) => update.makeOptional(pathIn(draft, change.path)))
      return
    case 'set comment':
      edit((update, draft) => update.setDoc(pathIn(draft, change.path), change.doc === '' ? undefined : change.doc))
      return
    case 'add partition':
      transaction.updateSpec((update) => addPartition(update, change.term, schema, statement))
      return
    case 'drop partition':
      transaction.updateSpec((update) =>
        update.removeField(partitionName(update.result(), change.term, schema, statement)),
      )
      return
    case 'replace partition':
      transaction.updateSpec((update) => {
        update.removeField(partitionName(update.result(), change.old, schema, statement))
        addPartition(update, change.term, schema, statement)
      })
      return
    case 'set partitions':
      transaction.updateSpec((update) => {
        for (const field of update.result().fields) if (field.transform.kind !== 'void') update.removeField(field.name)
        for (const term of change.terms) addPartition(update, term, schema, statement)
      })
      return
    case 'set sort':
      transaction.replaceSortOrder(sortOrderOf(schema, change.terms, statement).fields)
      return
    case 'set properties':
      transaction.setProperties(change.properties)
      return
    case 'unset properties':
      transaction.removeProperties(change.keys)
      return
    default:
      change satisfies never
  }
}

function addPartition(update: SpecUpdate, term: PartitionTerm, schema: Schema, statement: StatementText): void {
  update.addField(columnPath(schema, term.path, statement, term.start), term.transform, term.name)
}

/** A partition field by its own name, or by its transform: `DROP PARTITION FIELD day(ts)`. */
function partitionName(spec: PartitionSpec, term: PartitionTerm, schema: Schema, statement: StatementText): string {
  const written = term.path.join('.')
  if (term.transform.kind === 'identity' && spec.fields.some((field) => field.name === written)) return written
  const path = columnPath(schema, term.path, statement, term.start)
  const source = fieldByPath(schema, path)
  const field = spec.fields.find(
    (known) => known.sourceIds[0] === source?.id && JSON.stringify(known.transform) === JSON.stringify(term.transform),
  )
  return field?.name ?? written
}
