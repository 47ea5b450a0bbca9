import { IceboxError, nearestNames } from '../../base/index.ts'
import { isPrimitive, type NestedField, type Schema, type Type, typeToString } from '../../iceberg/index.ts'
import type { ColumnMapping, FoundColumn, SourceDescription } from '../read/description.ts'
import { takesObjects } from '../read/json-maps.ts'
import { castableText } from '../types/castable-text.ts'
import { TemporaryIds, toIcebergType } from '../types/mapping.ts'

/** What becomes of a column. */
export interface PlannedColumn {
  readonly name: string
  /** Type in the table, in Iceberg's words. */
  readonly type: string
  /** Where the values come from; null for a column of the table that the source does not have. */
  readonly source: string | null
  readonly sourceType: string | null
  readonly action: 'create' | 'keep' | 'add' | 'widen' | 'fill-null' | 'fill-default'
  readonly why: string
}

/** A change of the table's schema that goes into the same commit. */
export type SchemaChange =
  | { readonly kind: 'add'; readonly name: string; readonly type: Type }
  | { readonly kind: 'widen'; readonly name: string; readonly type: Type }

export interface ColumnPlan {
  readonly columns: readonly PlannedColumn[]
  readonly mapping: readonly ColumnMapping[]
  /** Fields of a table that is made: ids are temporary. */
  readonly fields: readonly NestedField[]
  readonly changes: readonly SchemaChange[]
  readonly notes: readonly string[]
}

export interface ColumnQuestion {
  readonly found: readonly FoundColumn[]
  readonly format: SourceDescription['format']
  /** A given schema or that of the table; undefined: the inferred one is taken. */
  readonly schema: Schema | undefined
  /** The schema is that of a table, which may be changed. */
  readonly isTable: boolean
  readonly newColumns: 'add' | 'refuse'
  readonly formatVersion: number
}

/** Fits the columns of a source to a table, by name. Rejects `schema/mismatch`, `source/ambiguous`, `schema/unsupported-type`. */
export function planColumns(question: ColumnQuestion): ColumnPlan {
  return question.schema === undefined ? inferred(question) : fitted(question, question.schema)
}

function inferred(question: ColumnQuestion): ColumnPlan {
  const ids = new TemporaryIds()
  const notes: string[] = []
  const fields: NestedField[] = []
  const columns = question.found.map((found): PlannedColumn => {
    const { type, note } = toIcebergType(found.sourceType, {
      column: found.name,
      ids,
      formatVersion: question.formatVersion,
    })
    refuseAmbiguous(found, type)
    addNotes(notes, found, note)
    fields.push({ id: ids.next(), name: found.name, type, required: false })
    return {
      name: found.name,
      type: typeToString(type),
      source: found.name,
      sourceType: found.sourceType,
      action: 'create',
      why: note === undefined ? found.why : `${found.why}; ${note}`,
    }
  })
  const mapping = question.found.map(
    (found, at): ColumnMapping => ({
      name: found.name,
      type: fields[at]?.type ?? { kind: 'string' },
      source: found.name,
      ...textTraits(found),
      isDeclared: false,
    }),
  )
  const last = columns.length - 1
  if (isNameless(question)) notes.push(`columns without names are called column0${last > 0 ? ` to column${last}` : ''}`)
  return { columns, mapping, fields, changes: [], notes }
}

function fitted(question: ColumnQuestion, schema: Schema): ColumnPlan {
  const notes: string[] = []
  const columns: PlannedColumn[] = []
  const mapping: ColumnMapping[] = []
  const changes: SchemaChange[] = []
  const ids = new TemporaryIds()
  const used = new Set<FoundColumn>()
  const fields: NestedField[] = []
  const isByPlace = isNameless(question) && !schema.fields.some(({ name }) => name.toLowerCase() === 'column0')
  if (isByPlace && question.found.length !== schema.fields.length) throw otherCount(question, schema)
  for (const [at, field] of schema.fields.entries()) {
    const found = partner(question, field, at, schema)
    if (found === undefined) {
      const { writeDefault, type } = field
      const hasDefault = writeDefault !== undefined && isPrimitive(type)
      if (field.required && !hasDefault) throw missing(field, question)
      columns.push({
        name: field.name,
        type: typeToString(field.type),
        source: null,
        sourceType: null,
        action: hasDefault ? 'fill-default' : 'fill-null',
        why: `the source has no such column: ${hasDefault ? `the table's default ${castableText(type, writeDefault)}` : 'NULL'}`,
      })
      fields.push(field)
      continue
    }
    used.add(found)
    const { type: sourceType, note } = toIcebergType(found.sourceType, {
      column: found.name,
      ids,
      formatVersion: question.formatVersion,
    })
    const fit = fitTypes(sourceType, field.type, question)
    if (fit === 'refuse') throw misfit(field, found, question)
    const type = fit === 'widen' ? sourceType : field.type
    refuseAmbiguous(found, type)
    addNotes(
      notes,
      isSaidOf(found, sourceType, type) ? found : { ...found, note: undefined },
      note ?? (question.format === 'parquet' || question.format === 'arrow' ? zoneNote(sourceType, type) : undefined),
    )
    if (fit === 'widen') changes.push({ kind: 'widen', name: field.name, type })
    columns.push({
      name: field.name,
      type: typeToString(type),
      source: found.name,
      sourceType: found.sourceType,
      action: fit === 'widen' ? 'widen' : question.isTable ? 'keep' : 'create',
      why:
        fit === 'widen'
          ? `the source has larger values than ${typeToString(field.type)}: ${found.why}`
          : question.isTable
            ? 'the type of the table'
            : 'the given schema',
    })
    fields.push({ ...field, type })
    mapping.push({
      name: field.name,
      type,
      source: found.name,
      ...textTraits(found),
      isDeclared: true,
      isRequired: field.required,
    })
  }
  if (isByPlace)
    notes.push(`columns without names are taken in their order: ${shownNames(schema.fields.map(({ name }) => name))}`)
  const added = question.found.filter((found) => !used.has(found))
  if (added.length > 0 && question.newColumns === 'refuse') throw surplus(added, schema, question)
  for (const found of added) {
    const { type, note } = toIcebergType(found.sourceType, {
      column: found.name,
      ids,
      formatVersion: question.formatVersion,
    })
    refuseAmbiguous(found, type)
    addNotes(notes, found, note)
    if (question.isTable) changes.push({ kind: 'add', name: found.name, type })
    columns.push({
      name: found.name,
      type: typeToString(type),
      source: found.name,
      sourceType: found.sourceType,
      action: 'add',
      why: `new column: ${found.why}`,
    })
    fields.push({ id: 1_000_000 + fields.length, name: found.name, type, required: false })
    mapping.push({ name: found.name, type, source: found.name, ...textTraits(found), isDeclared: false })
  }
  return { columns, mapping, fields, changes, notes }
}

/** What a cast from text wants to know of a column. */
function textTraits({
  format,
  sourceType,
  usualLength,
  hasFewValues,
}: FoundColumn): Pick<ColumnMapping, 'format' | 'sampledType' | 'usualLength' | 'hasFewValues'> {
  return { format, sampledType: sourceType, usualLength, hasFewValues }
}

/** By name, case aside; columns of a file without names by their place. */
function partner(question: ColumnQuestion, field: NestedField, at: number, schema: Schema): FoundColumn | undefined {
  const exact = question.found.find((found) => found.name === field.name)
  if (exact !== undefined) return exact
  const alike = question.found.find((found) => found.name.toLowerCase() === field.name.toLowerCase())
  if (alike !== undefined) return alike
  return isNameless(question) && question.found.length === schema.fields.length ? question.found[at] : undefined
}

/** Of a file whose first line is a row: its columns have the names that we gave them. */
function isNameless({ format, found }: ColumnQuestion): boolean {
  return format === 'csv' && found.length > 0 && found.every(({ name }, at) => name === `column${at}`)
}

const MOST_SHOWN = 10

function shownNames(names: readonly string[]): string {
  return `${names.slice(0, MOST_SHOWN).join(', ')}${names.length > MOST_SHOWN ? ', …' : ''}`
}

/** Whether values of the source fit into a column as it is, after widening it, or not. */
function fitTypes(source: Type, target: Type, question: ColumnQuestion): 'fits' | 'widen' | 'refuse' {
  const isJson = question.format === 'ndjson' || question.format === 'json'
  if (!isPrimitive(source) || !isPrimitive(target)) return nestedFits(source, target, isJson) ? 'fits' : 'refuse'
  if (source.kind === target.kind && source.kind !== 'decimal') return 'fits'
  // A declared type is asked of text, and each value is checked: what the sample looks like says nothing of the other rows.
  if (isJson || question.format === 'csv') return 'fits'
  const mayWiden = question.isTable
  if (source.kind === 'long' && target.kind === 'int') return mayWiden ? 'widen' : 'fits'
  if (source.kind === 'int' && target.kind === 'long') return 'fits'
  if (source.kind === 'double' && target.kind === 'float') return mayWiden ? 'widen' : 'fits'
  if (source.kind === 'float' && target.kind === 'double') return 'fits'
  if (
    (source.kind === 'int' || source.kind === 'long') &&
    (target.kind === 'double' || target.kind === 'float' || target.kind === 'decimal')
  ) {
    return (source.kind === 'int' && target.kind === 'double') || target.kind === 'decimal' ? 'fits' : 'refuse'
  }
  if (source.kind === 'decimal' && target.kind === 'decimal') {
    if (source.scale <= target.scale && source.precision - source.scale <= target.precision - target.scale)
      return 'fits'
    return mayWiden && source.scale === target.scale ? 'widen' : question.isTable ? 'refuse' : 'fits'
  }
  if (source.kind === 'double' && target.kind === 'decimal') return 'fits'
  if (source.kind === 'date' && target.kind === 'timestamp') return 'fits'
  if (source.kind === 'timestamp' && target.kind === 'timestamptz') return 'fits'
  return 'refuse'
}

/**
 * Values inside JSON objects are read as text and checked one by one as they become the table's type, like those of
 * columns; a value that the sample has as null or as an empty list may be anything.
 */
function nestedFits(source: Type, target: Type, isJson: boolean): boolean {
  if (isJson && isPrimitive(source) && (isPrimitive(target) || source.kind === 'string')) return true
  if (isJson && source.kind === 'struct' && takesObjects(target)) return true
  if (source.kind === 'struct' && target.kind === 'struct') {
    return source.fields.every((field) => {
      const below = target.fields.find((some) => some.name.toLowerCase() === field.name.toLowerCase())
      return below !== undefined && nestedFits(field.type, below.type, isJson)
    })
  }
  if (source.kind === 'list' && target.kind === 'list') return nestedFits(source.element, target.element, isJson)
  if (source.kind === 'map' && target.kind === 'map')
    return nestedFits(source.key, target.key, isJson) && nestedFits(source.value, target.value, isJson)
  // Of other formats it would be the engine's own display of a list or struct, which nothing reads back.
  if (!isPrimitive(source) && target.kind === 'string') return isJson
  if (!isPrimitive(source) || !isPrimitive(target)) return false
  return (
    typeToString(source) === typeToString(target) ||
    (source.kind === 'int' && target.kind === 'long') ||
    (source.kind === 'float' && target.kind === 'double') ||
    // Past 2^53 a long has no double, and no check looks at values within a cast.
    (source.kind === 'int' && target.kind === 'double')
  )
}

function refuseAmbiguous(found: FoundColumn, type: Type): void {
  if (found.isAmbiguous !== true || !isDay(type)) return
  throw new IceboxError('source/ambiguous', {
    message: `column '${found.name}': ${found.why}, and no value in the sample settles which`,
    remedy:
      "say which: --date-format '%d/%m/%Y' or '%m/%d/%Y' (with times: --timestamp-format), or declare the column as text with --schema",
    context: { column: found.name, format: found.format ?? '' },
  })
}

function addNotes(notes: string[], found: FoundColumn, mapped: string | undefined): void {
  if (found.note !== undefined) notes.push(`column '${found.name}': ${found.note}`)
  if (mapped !== undefined) notes.push(`column '${found.name}': ${mapped}`)
}

/** A note tells why the sample has its type: it is true of a column that has it, or is read by the format that was found. */
function isSaidOf(found: FoundColumn, source: Type, type: Type): boolean {
  if (type.kind === 'string') return false
  return (found.format !== undefined && isDay(type)) || withoutIds(source) === withoutIds(type)
}

/** Types that formats of dates are about. */
function isDay({ kind }: Type): boolean {
  return kind === 'date' || kind === 'timestamp' || kind === 'timestamptz'
}

function withoutIds(type: Type): string {
  return typeToString(type).replaceAll(/\b\d+: /g, '')
}

/** Sessions are in UTC, and a time without a zone is nowhere else. */
function zoneNote(source: Type, target: Type): string | undefined {
  return source.kind === 'timestamp' && target.kind === 'timestamptz'
    ? 'times without a zone are taken as UTC'
    : undefined
}

function missing(field: NestedField, question: ColumnQuestion): IceboxError {
  const near = nearestNames(
    field.name,
    question.found.map((found) => found.name),
  )
  return new IceboxError('schema/mismatch', {
    message: `the source has no column '${field.name}', which the ${question.isTable ? 'table' : 'schema'} requires`,
    remedy:
      near.length > 0
        ? `rename ${near.join(' or ')}, or make the column optional`
        : 'add the column, or make it optional',
    context: { column: field.name },
  })
}

function misfit(field: NestedField, found: FoundColumn, question: ColumnQuestion): IceboxError {
  return new IceboxError('schema/mismatch', {
    message: `column '${found.name}' is ${found.sourceType} in the source (${found.why}) and ${typeToString(field.type)} in the ${question.isTable ? 'table' : 'schema'}`,
    remedy: 'convert the column, or import into another table',
    context: { column: found.name, sourceType: found.sourceType, tableType: typeToString(field.type) },
  })
}

/** Columns go by their place only where there is one for each. */
function otherCount({ found, isTable }: ColumnQuestion, { fields }: Schema): IceboxError {
  const counted = (count: number) => `${count} column${count === 1 ? '' : 's'}`
  return new IceboxError('schema/mismatch', {
    message: `the first line of the source holds no names, and it has ${counted(found.length)} where the ${isTable ? 'table' : 'schema'} has ${fields.length}`,
    remedy: `give the file a first line with names of ${shownNames(fields.map(({ name }) => name))} (--header, where it has one), or a value for each of them`,
    context: { sourceColumns: found.length, columns: fields.length },
  })
}

function surplus(added: readonly FoundColumn[], schema: Schema, question: ColumnQuestion): IceboxError {
  const names = added.map((found) => found.name)
  const near = names.flatMap((name) =>
    nearestNames(
      name,
      schema.fields.map((field) => field.name),
    ).map((other) => `'${name}' may mean '${other}'`),
  )
  return new IceboxError('schema/mismatch', {
    message: `the ${question.isTable ? 'table' : 'schema'} has no column ${names.map((name) => `'${name}'`).join(', ')}`,
    remedy: `${near.length > 0 ? `${near[0]}; ` : ''}add new columns with --new-columns add, or leave them out of the source`,
    context: { columns: names },
  })
}
