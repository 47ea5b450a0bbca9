import { IceboxError } from '../../base/index.ts'
import {
  fieldPlace,
  isPrimitive,
  type NestedField,
  type PartitionSpec,
  type Schema,
  type SortOrder,
  type Type,
} from '../../iceberg/index.ts'
import { quoteIdentifier, quoteText } from '../sql.ts'
import { refusingNegativeZero } from './negative-zero.ts'
import { castableText } from '../types/castable-text.ts'
import { toDuckDbType } from '../types/mapping.ts'
import { type PartitionKeySql, partitionKeySql } from './transform-sql.ts'

/** Helper columns of ours; a table column of such a name is refused at creation. */
export const HELPER_PREFIX = '__icebox_'

/** A partition field that takes part in grouping: void fields do not. */
export interface PartitionKey {
  /** Place in the spec. */
  readonly at: number
  readonly column: string
  readonly sql: PartitionKeySql
}

/** A SELECT that is written: the columns of the table in its types, then the keys of the partition. */
export interface Projection {
  readonly sql: string
  readonly columns: readonly string[]
  readonly keys: readonly PartitionKey[]
  /** Text after ORDER BY, or empty. */
  readonly orderBy: string
  /** The same by its terms. */
  readonly sortTerms: readonly SortTerm[]
}

/** One term of an ORDER BY. */
export interface SortTerm {
  readonly sql: string
  /** Direction and place of nulls. */
  readonly how: string
}

export interface ProjectionInput {
  /** SQL whose columns are the table's, by name; columns that are optional or have a default may be missing. */
  readonly select: string
  readonly selectColumns: readonly string[]
  readonly schema: Schema
  readonly spec: PartitionSpec
  readonly sortOrder?: SortOrder | undefined
  /** See {@link refusingNegativeZero}. */
  readonly refusesNegativeZero?: boolean
}

/** Puts the select into the table's columns and types, and adds what it is partitioned and sorted by. */
export function project(input: ProjectionInput): Projection {
  const { schema } = input
  const byLowerName = new Map(input.selectColumns.map((name) => [name.toLowerCase(), name]))
  const unknown = input.selectColumns.filter((name) => !schema.fields.some((field) => same(field.name, name)))
  if (unknown.length > 0)
    throw mismatch(`the table has no column ${unknown.map((name) => `'${name}'`).join(', ')}`, unknown)
  const columns = schema.fields.map((field) => {
    const source = byLowerName.get(field.name.toLowerCase())
    const filled = source === undefined ? writeDefaultSql(field) : undefined
    if (source === undefined && filled === undefined && field.required) {
      throw mismatch(`the required column '${field.name}' has no values`, [field.name])
    }
    const value = source === undefined ? (filled ?? 'NULL') : `i.${quoteIdentifier(source)}`
    const cast = `CAST(${value} AS ${toDuckDbType(field.type)})`
    const checked =
      field.required && !isPrimitive(field.type)
        ? `CASE WHEN ${value} IS NULL THEN error('required column ${field.name.replaceAll("'", "''")} is null') ELSE ${cast} END`
        : cast
    const kept = input.refusesNegativeZero === true && isReal(field.type) ? refusingNegativeZero(checked) : checked
    return `${kept} AS ${quoteIdentifier(field.name)}`
  })
  const keys = input.spec.fields.flatMap((field, at): PartitionKey[] => {
    if (field.transform.kind === 'void') return []
    const column = `${HELPER_PREFIX}p${at}`
    const sourceId = field.sourceIds[0]
    const place = sourceId === undefined ? undefined : fieldPlace(schema, sourceId)
    if (place === undefined || field.sourceIds.length > 1 || !isPrimitive(place.field.type)) {
      throw new IceboxError('iceberg/unsupported', {
        message: `the partition field '${field.name}' has no single column of the schema as its source`,
        remedy: 'evolve the partition spec',
        context: { field: field.name },
      })
    }
    return [
      {
        at,
        column,
        sql: partitionKeySql(field.transform, place.field.type, columnSql(schema, place.field.id), column),
      },
    ]
  })
  let sql = `SELECT ${columns.join(', ')} FROM (${input.select}) AS i`
  const depth = Math.max(0, ...keys.map((key) => key.sql.levels.length))
  for (let level = 0; level < depth; level++) {
    const steps = keys.flatMap((key) => key.sql.levels[level] ?? [])
    // A helper that a level names again replaces the one of the level before.
    const replaced = new Set(keys.flatMap((key) => key.sql.levels.slice(0, level).flat()).map((step) => step.name))
    const again = steps.filter((step) => replaced.has(step.name))
    const fresh = steps.filter((step) => !replaced.has(step.name))
    const replace =
      again.length === 0 ? '' : ` REPLACE (${again.map((step) => `${step.sql} AS ${step.name}`).join(', ')})`
    sql = `SELECT *${replace}${fresh.map((step) => `, ${step.sql} AS ${step.name}`).join('')} FROM (${sql})`
  }
  const names = schema.fields.map((field) => quoteIdentifier(field.name))
  const keySelect = keys.map((key) => `${key.sql.keySql} AS ${key.column}`)
  if (keys.length > 0) sql = `SELECT ${[...names, ...keySelect].join(', ')} FROM (${sql})`
  const sortTerms = termsOf(schema, input.sortOrder)
  const orderBy = sortTerms.map((term) => `${term.sql}${term.how}`).join(', ')
  return { sql, columns: schema.fields.map((field) => field.name), keys, orderBy, sortTerms }
}

/** The value of rows that do not give the column (Iceberg spec v3, "Default values", write-default). */
function writeDefaultSql({ type, writeDefault }: NestedField): string | undefined {
  return writeDefault === undefined || !isPrimitive(type) ? undefined : quoteText(castableText(type, writeDefault))
}

/** `"a"."b"` of a column at any struct depth. */
export function columnSql(schema: Schema, fieldId: number): string {
  const names: string[] = []
  for (let id: number | undefined = fieldId; id !== undefined; ) {
    const place = fieldPlace(schema, id)
    if (place === undefined) break
    names.unshift(quoteIdentifier(place.field.name))
    id = place.parentId
  }
  return names.join('.')
}

function termsOf(schema: Schema, order: SortOrder | undefined): SortTerm[] {
  return (order?.fields ?? []).map((field) => {
    const sourceId = field.sourceIds[0] ?? -1
    const place = fieldPlace(schema, sourceId)
    if (place === undefined || !isPrimitive(place.field.type)) {
      throw new IceboxError('ingest/partition', {
        message: `the sort order names the column #${sourceId}, which is not a single value of the schema`,
        remedy: 'replace the sort order',
      })
    }
    const column = columnSql(schema, sourceId)
    const term =
      field.transform.kind === 'identity'
        ? isReal(place.field.type)
          ? apartFromItsKey(column)
          : column
        : sortKey(partitionKeySql(field.transform, place.field.type, column, `${HELPER_PREFIX}s`))
    const how = ` ${field.direction.toUpperCase()} NULLS ${field.nullOrder === 'nulls-first' ? 'FIRST' : 'LAST'}`
    return { sql: term, how }
  })
}

function sortKey(key: PartitionKeySql): string {
  if (key.levels.length === 0 && key.register === undefined) return key.valueSql ?? key.keySql
  throw new IceboxError('iceberg/unsupported', {
    message: 'sorting by the bucket of a column is not supported',
    remedy: 'sort by the column itself',
  })
}

function isReal({ kind }: Type): boolean {
  return kind === 'double' || kind === 'float'
}

/**
 * What sorts like a column of reals and is none: where DuckDB 1.5.5 sorts by a column it gives back what it reads from its
 * sort keys, and in those -0.0 is 0.0. An expression is a key beside the columns, which keep their bits.
 */
function apartFromItsKey(column: string): string {
  return `${column} + 0`
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function mismatch(message: string, columns: readonly string[]): IceboxError {
  return new IceboxError('schema/mismatch', {
    message,
    remedy: 'name the columns of the table',
    context: { columns },
  })
}
