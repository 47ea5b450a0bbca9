import { IceboxError } from '../../base/index.ts'
import { type PrimitiveType, typeToString } from '../../iceberg/index.ts'

const TIMES: ReadonlySet<PrimitiveType['kind']> = new Set(['date', 'timestamp', 'timestamptz', 'timestamp_ns'])

/**
 * The engine's dates and times know `infinity` and `-infinity`, Iceberg's do not: others would read a day like any other, and
 * a transform of the specification gives null for null alone. They are the outermost values of their type, so the bounds of a
 * file show whether it holds one. Rejects (throws) `schema/mismatch`.
 */
export function refuseInfinite(
  { column, type }: { readonly column: string; readonly type: PrimitiveType },
  bounds: readonly (string | undefined)[],
): void {
  if (!TIMES.has(type.kind)) return
  const value = bounds.find((bound) => bound === 'infinity' || bound === '-infinity')
  if (value === undefined) return
  const name = typeToString(type)
  throw new IceboxError('schema/mismatch', {
    message: `the column '${column}' would get '${value}', which no ${name} of Iceberg is`,
    remedy: `give null or a ${name} of the calendar instead, as in CASE WHEN isfinite(x) THEN x END`,
    context: { column, value, type: name },
  })
}
