import { IceboxError } from '../../base/index.ts'
import type { NestedField, Schema, Type } from '../../iceberg/index.ts'

/**
 * Refuses rows for a table that has names which differ by case only: the engine writes no two such columns or fields. Throws
 * `schema/unsupported-type` with both.
 */
export function refuseNamesakes(schema: Schema): void {
  const [first, second] = namesakes(schema.fields, '') ?? []
  if (first === undefined || second === undefined) return
  throw new IceboxError('schema/unsupported-type', {
    message: `the table has '${first}' and '${second}', which differ by case only; such tables are read, and no rows are added`,
    remedy: 'rename one of them with ALTER TABLE … RENAME COLUMN "name" TO other, or with the tool that made the table',
    context: { names: [first, second] },
  })
}

function namesakes(fields: readonly NestedField[], within: string): [string, string] | undefined {
  const seen = new Map<string, string>()
  for (const { name, type } of fields) {
    const path = `${within}${name}`
    const other = seen.get(name.toLowerCase())
    if (other !== undefined) return [other, path]
    seen.set(name.toLowerCase(), path)
    const below = namesakesIn(type, path)
    if (below !== undefined) return below
  }
  return undefined
}

function namesakesIn(type: Type, path: string): [string, string] | undefined {
  switch (type.kind) {
    case 'struct':
      return namesakes(type.fields, `${path}.`)
    case 'list':
      return namesakesIn(type.element, `${path}.element`)
    case 'map':
      return namesakesIn(type.key, `${path}.key`) ?? namesakesIn(type.value, `${path}.value`)
    default:
      return undefined
  }
}
