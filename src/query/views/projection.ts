import {
  isPrimitive,
  type Literal,
  mappedField,
  type NameMapping,
  type NestedField,
  type Type,
} from '../../iceberg/index.ts'
import { castableText } from '../../ingest/index.ts'
import { quoteName, quoteText } from '../text/names.ts'
import { shownNames } from './columns.ts'
import { type FileShape, isMisread, type ShapeNode } from './shape.ts'
import { readType } from './read-type.ts'
import { storedConversion } from './stored-type.ts'

/** How one column of the table comes out of the files of a group. */
export interface ColumnRoute {
  readonly field: NestedField
  /** The key in `read_parquet(…, schema = MAP {key: …})`: a field id, or the column's name in files without ids. */
  readonly key: number | string
  /** The type to read it as. */
  readonly type: string
  /** For rows of files that lack the column: text, or undefined for NULL. */
  readonly fallback: string | undefined
  /**
   * From the column as read to the column as the table has it; undefined where they are the same. `file` is the path of the
   * row's file, for errors.
   */
  readonly convert: ((expression: string, file: string) => string) | undefined
}

/**
 * The routes of files whose nested columns carry the table's own names: all files that Icebox wrote, unless a nested
 * field was renamed since.
 */
export function routesByIds(
  fields: readonly NestedField[],
  constants: ReadonlyMap<number, Literal>,
  isShielded: boolean,
): ColumnRoute[] {
  return fields.map((field) => ({
    field,
    key: field.id,
    type: readType(field.type, field.name),
    fallback: fallbackOf(field, constants),
    convert: isShielded ? shielded : undefined,
  }))
}

/** How files are read beside their shape. */
export interface ReadingWays {
  /** Identity partition values of columns that the files lack, by field. */
  readonly constants: ReadonlyMap<number, Literal>
  /** No join is made with the rows: see {@link isCastByReader}. */
  readonly readerCasts: boolean
  /** No filter is to reach the reader. */
  readonly isShielded: boolean
}

/**
 * The routes of files with a given shape (Iceberg spec, "Column Projection"): by field id, else by the name mapping, else
 * by name; a column that the files lack is its identity partition value, else its initial default, else null.
 * DuckDB matches the fields inside a struct by name only, so what was renamed inside is converted here.
 */
export function routesByShape(
  fields: readonly NestedField[],
  shape: FileShape,
  mapping: NameMapping,
  { constants, readerCasts, isShielded: isWhollyShielded }: ReadingWays,
): ColumnRoute[] {
  return fields.map((field, index) => {
    const node = shape.columns.find((column) => isField(column, field, shape.hasFieldIds, mapping))
    const fallback = fallbackOf(field, constants)
    if (node === undefined) {
      const key = shape.hasFieldIds ? field.id : `·absent ${index}`
      return { field, key, type: readType(field.type, field.name), fallback, convert: undefined }
    }
    const key = shape.hasFieldIds ? field.id : node.name
    const inner = shape.hasFieldIds ? undefined : mappedField(mapping, node.name)?.fields
    const isShielded = isWhollyShielded || isMisread(node, shape)
    const type = readType(field.type, field.name)
    if (isAligned(field.type, node, shape.hasFieldIds, inner) && (readerCasts || !isCastByReader(node, type))) {
      const convert = isShielded ? shielded : undefined
      return { field, key, type, fallback, convert }
    }
    return {
      field,
      key,
      type: physicalType(node),
      fallback,
      convert: (expression, file) => {
        const source = isShielded ? shielded(expression) : expression
        return converted(field.type, node, source, { hasIds: shape.hasFieldIds, file }, inner, field.name, 0)
      },
    }
  })
}

/**
 * The reader casts a column to a wider type, but not the Bloom filters that joins give it: a semi or right join then fails
 * (DuckDB 1.5.5, "Can't convert TableFilterType (BLOOM_FILTER)"). A cast outside of the reader keeps them from it, but row
 * groups are then not skipped for a filter with a constant either (5M rows, `id = 1`: 4 ms to 92): where nothing is joined the
 * reader casts. Nested columns get no such filters.
 */
function isCastByReader(node: ShapeNode, type: string): boolean {
  return node.kind === 'primitive' && node.type !== type
}

/** The same value, but no filter on it reaches the Parquet reader, whose Bloom filters or statistics would hide rows. */
function shielded(expression: string): string {
  return `CASE WHEN ${expression} IS NULL THEN NULL ELSE ${expression} END`
}

function fallbackOf(field: NestedField, constants: ReadonlyMap<number, Literal>): string | undefined {
  const value = constants.get(field.id) ?? field.initialDefault
  return value === undefined || !isPrimitive(field.type) ? undefined : castableText(field.type, value)
}

function isField(node: ShapeNode, field: NestedField, hasIds: boolean, mapping: NameMapping | undefined): boolean {
  if (hasIds) return node.fieldId === field.id
  // Without a mapping the names themselves decide.
  if (mapping === undefined || mapping.length === 0) return node.name === field.name
  return mappedField(mapping, node.name)?.fieldId === field.id
}

/** True where the reader's cast, by names, gives every nested field its own values; see `storedConversion` for single values. */
function isAligned(type: Type, node: ShapeNode, hasIds: boolean, mapping: NameMapping | undefined): boolean {
  switch (type.kind) {
    case 'struct': {
      const pairs = type.fields.map((field) => ({ field, child: childOf(node, field, hasIds, mapping) }))
      const isSame = pairs.every(({ field, child }) => {
        const namesake = node.children.find((other) => other.name.toLowerCase() === field.name.toLowerCase())
        if (child === undefined) return namesake === undefined && field.initialDefault === undefined
        return namesake === child && isAligned(field.type, child, hasIds, innerMapping(mapping, child))
      })
      return node.kind === 'struct' && isSame && pairs.some(({ child }) => child !== undefined)
    }
    case 'list': {
      const [element] = node.children
      return (
        node.kind === 'list' &&
        element !== undefined &&
        isAligned(type.element, element, hasIds, innerMapping(mapping, undefined, 'element'))
      )
    }
    case 'map': {
      const [key, value] = node.children
      if (node.kind !== 'map' || key === undefined || value === undefined) return false
      return (
        isAligned(type.key, key, hasIds, innerMapping(mapping, undefined, 'key')) &&
        isAligned(type.value, value, hasIds, innerMapping(mapping, undefined, 'value'))
      )
    }
    default:
      return node.kind === 'primitive' && storedConversion(type, node.type) === undefined
  }
}

function childOf(
  node: ShapeNode,
  field: NestedField,
  hasIds: boolean,
  mapping: NameMapping | undefined,
): ShapeNode | undefined {
  return node.children.find((child) => isField(child, field, hasIds, mapping))
}

function innerMapping(
  mapping: NameMapping | undefined,
  node: ShapeNode | undefined,
  name?: string,
): NameMapping | undefined {
  return mapping === undefined ? undefined : mappedField(mapping, name ?? node?.name ?? '')?.fields
}

function converted(
  type: Type,
  node: ShapeNode,
  expression: string,
  scene: { readonly hasIds: boolean; readonly file: string },
  mapping: NameMapping | undefined,
  column: string,
  depth: number,
): string {
  const variable = `x${depth}`
  if (type.kind === 'struct') {
    const names = shownNames(type.fields)
    const fields = type.fields.map((field, at) => {
      const child = childOf(node, field, scene.hasIds, mapping)
      const target = readType(field.type, `${column}.${field.name}`)
      const shown = quoteName(names[at] ?? field.name)
      if (child === undefined) {
        const text = fallbackOf(field, new Map())
        return `${shown} := CAST(${text === undefined ? 'NULL' : quoteText(text)} AS ${target})`
      }
      const inner = `(${expression}).${quoteName(child.engineName)}`
      const innerMap = innerMapping(mapping, child)
      return `${shown} := ${converted(field.type, child, inner, scene, innerMap, `${column}.${field.name}`, depth)}`
    })
    return `CASE WHEN (${expression}) IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END`
  }
  if (type.kind === 'list' && node.children[0] !== undefined) {
    const innerMap = innerMapping(mapping, undefined, 'element')
    const inner = converted(type.element, node.children[0], variable, scene, innerMap, `${column}.element`, depth + 1)
    return `list_transform(${expression}, lambda ${variable}: ${inner})`
  }
  if (type.kind === 'map' && node.children[0] !== undefined && node.children[1] !== undefined) {
    const key = converted(
      type.key,
      node.children[0],
      `${variable}.key`,
      scene,
      innerMapping(mapping, undefined, 'key'),
      `${column}.key`,
      depth + 1,
    )
    const value = converted(
      type.value,
      node.children[1],
      `${variable}.value`,
      scene,
      innerMapping(mapping, undefined, 'value'),
      `${column}.value`,
      depth + 1,
    )
    return `map_from_entries(list_transform(map_entries(${expression}), lambda ${variable}: struct_pack("key" := ${key}, "value" := ${value})))`
  }
  const conversion = isPrimitive(type) ? storedConversion(type, node.type) : undefined
  return conversion?.(expression, column, scene.file) ?? `CAST(${expression} AS ${readType(type, column)})`
}

/** The type that DuckDB gives the column by itself. */
function physicalType(node: ShapeNode): string {
  switch (node.kind) {
    case 'struct':
      return `STRUCT(${node.children.map((child) => `${quoteName(child.engineName)} ${physicalType(child)}`).join(', ')})`
    case 'list':
      return `${node.children[0] === undefined ? 'VARCHAR' : physicalType(node.children[0])}[]`
    case 'map':
      return `MAP(${node.children.map(physicalType).join(', ')})`
    case 'primitive':
      return node.type
    default:
      return node.kind satisfies never
  }
}
