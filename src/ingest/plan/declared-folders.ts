import { IceboxError } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import { isPrimitive, type NestedField, type Schema, typeToString } from '../../iceberg/index.ts'
import { acceptsText, checkedCast } from '../inspect/checked-cast.ts'
import type { Inspection } from '../read/description.ts'
import type { SourceFile } from '../source/locate.ts'
import { quoteList, textOf } from '../sql.ts'

/**
 * The inspection with the columns of folders as a schema declares them: they are read as text and become the declared type
 * when they are written, so that month=01 stays 01 in a column of text. That cast would round 1.5 to 2 for a whole number, so
 * the values of the folders are checked here. Rejects `schema/mismatch` for one that the type would change.
 */
export async function declaredFolders(
  inspection: Inspection,
  schema: Schema | undefined,
  files: readonly SourceFile[],
  session: EngineSession,
): Promise<Inspection> {
  const { description } = inspection
  if (schema === undefined || description.format === 'arrow' || description.hive.length === 0) return inspection
  const declared = new Map<string, NestedField>()
  for (const { name } of description.hive) {
    const field =
      schema.fields.find((some) => some.name === name) ??
      schema.fields.find((some) => some.name.toLowerCase() === name.toLowerCase())
    if (field !== undefined && isPrimitive(field.type)) declared.set(name, field)
  }
  for (const [name, field] of declared) {
    // The cast to bytes, which comes when the rows are written, reads escapes.
    const accepts =
      field.type.kind === 'binary' ? 'false' : acceptsText(checkedCast(field.type, 'v', { isDeclared: true }), 'v')
    const texts = [...new Set(files.flatMap((file) => file.hive.get(name) ?? []))]
    const [bad] = await session.all(
      `SELECT v FROM (SELECT unnest(${quoteList(texts)}::VARCHAR[]) AS v) WHERE NOT ${accepts} LIMIT 1`,
    )
    if (bad === undefined) continue
    const value = textOf(bad['v'])
    throw new IceboxError('schema/mismatch', {
      message: `column '${name}' is ${typeToString(field.type)}, and ${files.find((file) => file.hive.get(name) === value)?.path ?? 'a file'} lies in a folder of the value '${value}'`,
      remedy: 'declare another type, or rename the folder',
      context: { column: name, value, type: typeToString(field.type) },
    })
  }
  return {
    ...inspection,
    description: {
      ...description,
      hive: description.hive.map((column) => (declared.has(column.name) ? { ...column, type: 'VARCHAR' } : column)),
    },
    // What could have been decided otherwise was decided by the schema.
    columns: inspection.columns.map((column) => (declared.has(column.name) ? { ...column, note: undefined } : column)),
  }
}
