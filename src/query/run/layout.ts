import { didYouMean, IceboxError, nearestNames, sqlName } from '../../base/index.ts'
import {
  canTransform,
  childFields,
  fieldByPath,
  isPrimitive,
  type PartitionField,
  type PartitionSpec,
  type Schema,
  type SortOrder,
  partitionFieldName,
  transformToString,
  typeToString,
} from '../../iceberg/index.ts'
import type { PartitionTerm, SortTerm } from '../parse/layout.ts'
import { placeOf } from '../text/place.ts'
import type { StatementText } from '../text/statements.ts'
import { statementError } from '../text/statements.ts'
import type { Transform } from '../../iceberg/index.ts'

/**
 * The dotted path of a column as the table writes it; names match exactly, else when only the case differs. Rejects
 * `sql/unknown-column`.
 */
export function columnPath(schema: Schema, path: readonly string[], statement: StatementText, offset: number): string {
  const found = findColumn(schema, path)
  if (typeof found === 'string') return found
  const place = placeOf(statement.script, statement.offset + offset)
  const near = nearestNames(found.missing, found.there).map((name) => [...found.parents, name].map(sqlName).join('.'))
  throw new IceboxError('sql/unknown-column', {
    message: `there is no column '${path.join('.')}' (line ${place.line}, column ${place.column})\n${place.marked}`,
    remedy: didYouMean(near) ?? `there are: ${found.there.map(sqlName).join(', ')}`,
    context: { name: path.join('.'), candidates: found.there, line: place.line, column: place.column },
  })
}

/** Whether a path means a column of the table, as {@link columnPath} reads it. */
export function hasColumn(schema: Schema, path: readonly string[]): boolean {
  return typeof findColumn(schema, path) === 'string'
}

/** Where a path leads nowhere: the names on the way, the one that is not there, and those that are. */
interface LostPath {
  readonly parents: readonly string[]
  readonly missing: string
  readonly there: readonly string[]
}

function findColumn(schema: Schema, path: readonly string[]): string | LostPath {
  const exact = path.join('.')
  if (fieldByPath(schema, exact) !== undefined) return exact
  let fields = schema.fields
  const names: string[] = []
  for (const part of path) {
    const field =
      fields.find((known) => known.name === part) ??
      fields.find((known) => known.name.toLowerCase() === part.toLowerCase())
    if (field === undefined) return { parents: names, missing: part, there: fields.map((known) => known.name) }
    names.push(field.name)
    fields = childFields(field.type)
  }
  return names.join('.')
}

/** The partition spec of a CREATE TABLE; ids are those of `schema`. Rejects `sql/syntax` at the term. */
export function partitionSpecOf(
  schema: Schema,
  terms: readonly PartitionTerm[],
  statement: StatementText,
): PartitionSpec {
  const fields: PartitionField[] = []
  for (const term of terms) {
    const path = columnPath(schema, term.path, statement, term.start)
    const source = fieldByPath(schema, path)
    checkTransform(term.transform, source?.type, path, statement, term.start)
    fields.push({
      fieldId: 1000 + fields.length,
      sourceIds: [source?.id ?? 0],
      name: term.name ?? partitionFieldName(path, term.transform, schema, fields),
      transform: term.transform,
    })
  }
  return { specId: 0, fields }
}

export function sortOrderOf(schema: Schema, terms: readonly SortTerm[], statement: StatementText): SortOrder {
  return {
    orderId: terms.length === 0 ? 0 : 1,
    fields: terms.map((term) => {
      const path = columnPath(schema, term.path, statement, term.start)
      const source = fieldByPath(schema, path)
      checkTransform(term.transform, source?.type, path, statement, term.start)
      return {
        sourceIds: [source?.id ?? 0],
        transform: term.transform,
        direction: term.direction,
        nullOrder: term.nullOrder,
      }
    }),
  }
}

function checkTransform(
  transform: Transform,
  type: Parameters<typeof typeToString>[0] | undefined,
  path: string,
  statement: StatementText,
  offset: number,
): void {
  if (type !== undefined && isPrimitive(type) && canTransform(transform, type)) return
  const shown = type === undefined ? 'unknown' : typeToString(type)
  throw statementError(
    statement,
    offset,
    `${transformToString(transform)} cannot be applied to '${path}' of type ${shown}`,
  )
}
