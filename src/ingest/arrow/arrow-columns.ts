import type { DataType, Schema } from 'apache-arrow'
import { IceboxError, isIceboxError } from '../../base/index.ts'
import { arrowSqlType } from '../../engine/index.ts'

export interface ArrowColumn {
  readonly name: string
  /** What it is loaded as. */
  readonly type: string
}

/** Rejects (throws) `schema/unsupported-type` with the column's name. */
export function arrowColumns(schema: Schema): ArrowColumn[] {
  return schema.fields.map((field) => ({ name: field.name, type: duckDbType(field.type, field.name) }))
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
