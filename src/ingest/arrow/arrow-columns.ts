import type { DataType, Schema } from 'apache-arrow'
import { IceboxError, isIceboxError } from '../../base/index.ts'
import { ARROW, arrowSqlType, type ArrowType } from '../../engine/index.ts'
import { checkFieldNames } from '../inspect/names.ts'

export interface ArrowColumn {
  readonly name: string
  /** What it is loaded as. */
  readonly type: string
}

/** Rejects (throws) `schema/unsupported-type` and `source/columns` with the column's name. */
export function arrowColumns(schema: Schema): ArrowColumn[] {
  return schema.fields.map((field) => {
    const name = nameOf(field)
    checkFields(field.type, `'${name}'`)
    return { name, type: duckDbType(field.type, name) }
  })
}

/** An empty name is null to apache-arrow, whatever its types say. */
function nameOf({ name }: { readonly name: string | null }): string {
  return name ?? ''
}

function checkFields(type: ArrowType, where: string): void {
  const fields = type.children ?? []
  // Those of a list have no name that counts.
  if (type.typeId === ARROW.STRUCT) checkFieldNames(fields.map(nameOf), where)
  for (const field of fields) checkFields(field.type, `'${nameOf(field)}' in ${where}`)
}

export function hasSameColumns(some: readonly ArrowColumn[], others: readonly ArrowColumn[]): boolean {
  return JSON.stringify(some) === JSON.stringify(others)
}

/** What an Arrow column is loaded as; tables have neither arrays nor nanoseconds of a day. */
function duckDbType(type: DataType, column: string): string {
  try {
    return arrowSqlType(type, { ofNull: 'VARCHAR', ofTimeNs: 'TIME', hasArrays: false })
  } catch (error) {
    if (!isIceboxError(error, 'schema/unsupported-type')) throw error
    throw new IceboxError(error.code, {
      message: `column '${column}' cannot be imported: ${error.message}`,
      remedy: 'cast it where the file is written, or leave the column out',
      context: { column },
      cause: error,
    })
  }
}
