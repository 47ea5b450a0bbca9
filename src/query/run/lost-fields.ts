import { IceboxError } from '../../base/index.ts'
import type { Type } from '../../iceberg/index.ts'
import type { DescribedColumn } from '../../ingest/index.ts'
import { Cursor } from '../parse/cursor.ts'
import { splitStatements } from '../text/statements.ts'
import type { Assignment } from './write.ts'

/** What of a type of the engine's holds fields. */
type Shape =
  | {
      readonly kind: 'struct'
      readonly fields: readonly { readonly name: string | undefined; readonly shape: Shape }[]
    }
  | { readonly kind: 'list'; readonly element: Shape }
  | { readonly kind: 'map'; readonly key: Shape; readonly value: Shape }
  | { readonly kind: 'other' }

const OTHER: Shape = { kind: 'other' }

/**
 * Rejects `schema/mismatch` where a struct of the query has a field that the table's column has not, at any depth: the engine's
 * cast would leave its values out without a word. Fields that the query lacks are null, as in DuckDB.
 */
export function refuseLostFields(
  columns: readonly DescribedColumn[],
  targets: readonly Assignment[],
  table: string,
): void {
  for (const { field, source } of targets) {
    const type = columns[source]?.type ?? ''
    if (!type.includes('STRUCT(')) continue
    const lost = lostField(shapeOf(type), field.type, field.name)
    if (lost === undefined) continue
    const { path, name, candidates } = lost
    throw new IceboxError('schema/mismatch', {
      message: `column '${path}' of ${table} has no field '${name}', and its values would be lost`,
      remedy: `its fields are ${candidates.join(', ')}: name those only, or add the field with ALTER TABLE … ADD COLUMN ${path}.${name}`,
      context: { table, column: path, field: name, candidates },
    })
  }
}

interface LostField {
  readonly path: string
  readonly name: string
  readonly candidates: readonly string[]
}

function lostField(shape: Shape, type: Type, path: string): LostField | undefined {
  if (shape.kind === 'list' && type.kind === 'list') return lostField(shape.element, type.element, `${path}.element`)
  if (shape.kind === 'map' && type.kind === 'map') {
    return lostField(shape.key, type.key, `${path}.key`) ?? lostField(shape.value, type.value, `${path}.value`)
  }
  if (shape.kind !== 'struct' || type.kind !== 'struct') return undefined
  for (const [at, { name, shape: inner }] of shape.fields.entries()) {
    // A row without names goes by position, and the engine refuses one of another length.
    const field =
      name === undefined
        ? type.fields[at]
        : type.fields.find((known) => known.name.toLowerCase() === name.toLowerCase())
    if (field === undefined && name !== undefined) {
      return { path, name, candidates: type.fields.map((known) => known.name) }
    }
    const lost = field === undefined ? undefined : lostField(inner, field.type, `${path}.${field.name}`)
    if (lost !== undefined) return lost
  }
  return undefined
}

/** Reads DuckDB's text of a type: `STRUCT(a INTEGER, "b c" VARCHAR[])[]`, `STRUCT(INTEGER, DATE)` of a row. */
function shapeOf(type: string): Shape {
  const [text] = splitStatements(type)
  return text === undefined ? OTHER : readShape(new Cursor(text))
}

function readShape(cursor: Cursor): Shape {
  let shape = readBase(cursor)
  while (cursor.acceptText('[')) {
    while (!cursor.isAtEnd && !cursor.acceptText(']')) cursor.next()
    shape = { kind: 'list', element: shape }
  }
  return shape
}

function readBase(cursor: Cursor): Shape {
  const isCalled = cursor.peek(1)?.text === '('
  if (isCalled && cursor.accept('STRUCT')) {
    return { kind: 'struct', fields: cursor.list(() => ({ name: fieldName(cursor), shape: readShape(cursor) })) }
  }
  if (isCalled && cursor.accept('MAP')) {
    cursor.expectText('(')
    const key = readShape(cursor)
    cursor.expectText(',')
    const value = readShape(cursor)
    cursor.expectText(')')
    return { kind: 'map', key, value }
  }
  // `DECIMAL(15,2)`, `TIMESTAMP WITH TIME ZONE`, `ENUM('a', 'b')`, `UNION(a INTEGER)`: to the end of it.
  for (let depth = 0; !cursor.isAtEnd; cursor.next()) {
    const text = cursor.peek()?.text ?? ''
    if (depth === 0 && /^[[,)]$/.test(text)) break
    if (text === '(') depth++
    if (text === ')') depth--
  }
  return OTHER
}

/** A name stands before the type; a type alone before a comma or a bracket. */
function fieldName(cursor: Cursor): string | undefined {
  const after = cursor.peek(1)
  const isType = after === undefined || /^[[(,)]$/.test(after.text) || cursor.peek(1)?.text.toUpperCase() === 'WITH'
  return isType ? undefined : cursor.name('the name of a field')
}
