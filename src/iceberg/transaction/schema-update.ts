import { invalid } from '../metadata/index.ts'
import { schemaOf } from '../scan/index.ts'
import { canWiden } from '../spec/promotion.ts'
import { assignFreshIds, childFields } from '../spec/schema.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import { isPrimitive, typeToString } from '../spec/type-text.ts'
import type { Literal, NestedField, PrimitiveType, Schema, Type } from '../spec/types.ts'
import { type ColumnPath, fieldAt, resolvePath, withFieldAt, withSiblingsAt } from './schema-tree.ts'

export interface AddColumnOptions {
  /** The struct that gets the column; a list or map of structs means its elements or values. Default: the top level. */
  readonly parent?: ColumnPath
  /** Allowed only with a default, or while the table has no snapshot. */
  readonly required?: boolean
  readonly doc?: string
  /** v3: the value of rows that are there already, and of rows written without one. */
  readonly default?: Literal
}

/** Where a column moves among its siblings. */
export type ColumnPlace = 'first' | { readonly before: string } | { readonly after: string }

/**
 * Changes of a schema, applied in order to a draft (Iceberg spec, "Schema Evolution"). Each method throws
 * `iceberg/invalid-change`, naming the column, for what would make rows unreadable.
 */
export class SchemaUpdate {
  readonly #base: Schema
  readonly #metadata: TableMetadata
  #fields: readonly NestedField[]
  #identifierFieldIds: readonly number[]
  #lastColumnId: number
  #dependsOnRows = false

  constructor(metadata: TableMetadata) {
    this.#metadata = metadata
    this.#base = schemaOf(metadata)
    this.#fields = this.#base.fields
    this.#identifierFieldIds = this.#base.identifierFieldIds
    this.#lastColumnId = metadata.lastColumnId
  }

  /** The highest field id given out, by this update or before. */
  get lastColumnId(): number {
    return this.#lastColumnId
  }

  /** True when the change holds only for the snapshot that it was decided on. */
  get dependsOnRows(): boolean {
    return this.#dependsOnRows
  }

  result(): Schema {
    return { schemaId: this.#base.schemaId, fields: this.#fields, identifierFieldIds: this.#identifierFieldIds }
  }

  /** Adds a column behind its siblings. Ids within `type` are assigned afresh. */
  addColumn(name: string, type: Type, options: AddColumnOptions = {}): this {
    const parent = options.parent === undefined ? [] : this.#structPath(options.parent)
    const required = options.required ?? false
    if (required && options.default === undefined) {
      this.#needNoRows(`column '${name}' cannot be required: rows that are there have no value for it`)
    }
    const draft: NestedField = {
      id: 0,
      name,
      type,
      required,
      ...(options.doc === undefined ? {} : { doc: options.doc }),
      ...(options.default === undefined ? {} : { initialDefault: options.default, writeDefault: options.default }),
    }
    const fresh = assignFreshIds({ schemaId: 0, fields: [draft], identifierFieldIds: [] }, this.#lastColumnId)
    refuseTwinsWithin(type, name)
    this.#fields = withSiblingsAt(this.#fields, parent, (siblings) => {
      refuseTwin(siblings, name)
      return [...siblings, ...fresh.schema.fields]
    })
    this.#lastColumnId = fresh.lastColumnId
    return this
  }

  drop(path: ColumnPath): this {
    const names = this.#path(path)
    const field = fieldAt(this.#fields, names)
    this.#refuseIdentifier(field, 'dropped')
    this.#editSiblings(names, (siblings) => {
      if (siblings.length === 1)
        throw invalid(`'${names.join('.')}' is the only column of its level and cannot be dropped`)
      return siblings.filter((sibling) => sibling !== field)
    })
    return this
  }

  rename(path: ColumnPath, newName: string): this {
    const names = this.#path(path)
    const old = names.at(-1)
    if (newName === '') throw invalid(`column '${names.join('.')}' needs a name`)
    this.#editSiblings(names, (siblings) => {
      if (newName !== old)
        refuseTwin(
          siblings.filter((sibling) => sibling.name !== old),
          newName,
        )
      return siblings.map((sibling) => (sibling.name === old ? { ...sibling, name: newName } : sibling))
    })
    return this
  }

  move(path: ColumnPath, place: ColumnPlace): this {
    const names = this.#path(path)
    const name = names.at(-1)
    this.#editSiblings(names, (siblings) => {
      const moved = siblings.filter((sibling) => sibling.name === name)
      const others = siblings.filter((sibling) => sibling.name !== name)
      if (place === 'first') return [...moved, ...others]
      const reference = 'before' in place ? place.before : place.after
      const exact = others.findIndex((sibling) => sibling.name === reference)
      const at =
        exact >= 0 ? exact : others.findIndex((sibling) => sibling.name.toLowerCase() === reference.toLowerCase())
      if (at < 0)
        throw invalid(`'${names.join('.')}' cannot be moved: there is no other column '${reference}' beside it`)
      return others.toSpliced('before' in place ? at : at + 1, 0, ...moved)
    })
    return this
  }

  /** Widens a type: int to long, float to double, a decimal to more digits of the same scale. */
  widen(path: ColumnPath, type: PrimitiveType): this {
    return this.#edit(path, (field, shown) => {
      if (!isPrimitive(field.type) || !canWiden(field.type, type)) {
        throw invalid(
          `column '${shown}' of type ${typeToString(field.type)} cannot become ${typeToString(type)}`,
          'types only widen: int to long, float to double, decimal to more digits of the same scale',
        )
      }
      const { initialDefault, writeDefault } = field
      return {
        ...field,
        type,
        ...(initialDefault === undefined ? {} : { initialDefault: widened(initialDefault, type) }),
        ...(writeDefault === undefined ? {} : { writeDefault: widened(writeDefault, type) }),
      }
    })
  }

  makeOptional(path: ColumnPath): this {
    return this.#edit(path, (field) => {
      this.#refuseIdentifier(field, 'made optional')
      return { ...field, required: false }
    })
  }

  /**
   * Makes a column required. Rows that are there must hold no null in it: either the table has no snapshot, or the caller
   * has looked at the snapshot `checkedSnapshotId`; then the commit fails when another writer commits rows meanwhile.
   */
  requireColumn(path: ColumnPath, checkedSnapshotId?: bigint): this {
    return this.#edit(path, (field, shown) => {
      if (field.required) return field
      if (checkedSnapshotId === undefined || checkedSnapshotId !== this.#metadata.currentSnapshotId) {
        this.#needNoRows(`column '${shown}' cannot be made required: rows that are there may hold null`)
      }
      this.#dependsOnRows = true
      return { ...field, required: true }
    })
  }

  /** Sets the comment of a column; undefined removes it. */
  setDoc(path: ColumnPath, doc: string | undefined): this {
    return this.#edit(path, ({ doc: _old, ...field }) => (doc === undefined ? field : { ...field, doc }))
  }

  /** Sets the columns that identify a row; they must be required and of a type that has equality. */
  setIdentifierFields(paths: readonly ColumnPath[]): this {
    this.#identifierFieldIds = paths.map((path) => fieldAt(this.#fields, this.#path(path)).id)
    return this
  }

  #path(path: ColumnPath): readonly string[] {
    return resolvePath(this.#fields, path)
  }

  /** The path of a struct, through the element of a list or the value of a map. */
  #structPath(path: ColumnPath): readonly string[] {
    const names = this.#path(path)
    const { type } = fieldAt(this.#fields, names)
    if (type.kind === 'list') return [...names, 'element']
    return type.kind === 'map' ? [...names, 'value'] : names
  }

  #edit(path: ColumnPath, change: (field: NestedField, shown: string) => NestedField): this {
    const names = this.#path(path)
    const owner = names.length > 1 ? fieldAt(this.#fields, names.slice(0, -1)) : undefined
    if (owner?.type.kind === 'map' && names.at(-1) === 'key') {
      throw invalid(`the key of map '${owner.name}' cannot be changed`)
    }
    this.#fields = withFieldAt(this.#fields, names, (field) => change(field, names.join('.')))
    return this
  }

  #editSiblings(names: readonly string[], change: (siblings: readonly NestedField[]) => readonly NestedField[]): void {
    this.#fields = withSiblingsAt(this.#fields, names.slice(0, -1), change)
  }

  #needNoRows(problem: string): void {
    if (this.#metadata.snapshots.length > 0) throw invalid(problem)
    this.#dependsOnRows = true
  }

  #refuseIdentifier(field: NestedField, what: string): void {
    if (this.#identifierFieldIds.includes(field.id)) {
      throw invalid(`column '${field.name}' identifies rows and cannot be ${what}`)
    }
  }
}

/** Names that differ by case only are one name in SQL: such columns could not be written, and are read under other names. */
function refuseTwin(siblings: readonly NestedField[], name: string): void {
  if (name === '') throw invalid('a column needs a name')
  if (siblings.some((sibling) => sibling.name === name)) throw invalid(`there is a column '${name}' already`)
  const twin = siblings.find((sibling) => sibling.name.toLowerCase() === name.toLowerCase())
  if (twin !== undefined) throw invalid(`columns '${twin.name}' and '${name}' differ by case only or not at all`)
}

function refuseTwinsWithin(type: Type, column: string): void {
  if (type.kind === 'struct' && type.fields.some((field) => field.name === '')) {
    throw invalid(`a field of column '${column}' needs a name`)
  }
  const children = childFields(type)
  children.forEach((field, at) => {
    refuseTwin(children.slice(0, at), field.name)
    refuseTwinsWithin(field.type, `${column}.${field.name}`)
  })
}

/** The same value in the terms of a wider type: an int is a number and a long a bigint, the others stay as they are. */
function widened(value: Literal, type: PrimitiveType): Literal {
  return type.kind === 'long' && typeof value === 'number' ? BigInt(value) : value
}
