import { IceboxError, isIceboxError } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import { typeToString } from '../../iceberg/index.ts'
import { CHECK_MARK } from '../inspect/checked-cast.ts'
import { quoteIdentifier, quoteList, textOf } from '../sql.ts'
import type { ColumnMapping, ParquetDescription, SourceDescription } from './description.ts'
import { isMisfit } from './parquet-select.ts'

interface Misfit {
  readonly column: string
  readonly value: string
  /** The type that does not hold it, where the plan knows the column. */
  readonly type: string
  readonly file: string
  /** From 1 on; undefined where the reader does not count them. */
  readonly row: number | undefined
}

/**
 * An error of a cast between types as one of the value: of Parquet the file and its row are looked for in a second reading,
 * of Arrow the engine says column and value. Undefined where no value explains the error.
 */
export async function explainTypedError(
  error: unknown,
  source: SourceDescription,
  mapping: readonly ColumnMapping[],
  scene: { readonly session: EngineSession; readonly signal?: AbortSignal },
): Promise<IceboxError | undefined> {
  if (!isIceboxError(error)) return undefined
  const said = saidOf(error)
  if (said === undefined) return undefined
  const found = source.format === 'parquet' ? await firstMisfit(source, mapping, scene) : undefined
  const misfit = found ?? fromText(said, source, mapping)
  const { file, row, column, value, type } = misfit
  return new IceboxError('source/row', {
    message: `${file}${row === undefined ? '' : `, row ${row}`}, column '${column}': '${value}' cannot be kept exactly in ${type}`,
    remedy: 'convert the column, declare a type that holds its values (--schema), or import into another table',
    context: { file, column, value, type, ...(row === undefined ? {} : { row }) },
    cause: error,
  })
}

interface Said {
  readonly column: string
  readonly value: string
}

/** Column and value of a cast that failed, in the engine's words (1.5.5) or after the mark of a check. */
function saidOf(error: IceboxError): Said | undefined {
  const checked = new RegExp(`${CHECK_MARK} (.+?): (.*)`).exec(error.message)
  if (checked !== null) return { column: checked[1] ?? '', value: checked[2] ?? '' }
  if (error.code !== 'sql/type') return undefined
  const [, column] = /when casting from source column (.*)$/m.exec(error.message) ?? []
  if (column === undefined) return undefined
  const [, plain, quoted] =
    /value ([^"'\s]+) (?:can't be cast|to )|(?:value|string) ["'](.*?)["']/s.exec(error.message) ?? []
  return { column, value: plain ?? quoted ?? '' }
}

function fromText({ column, value }: Said, source: SourceDescription, mapping: readonly ColumnMapping[]): Misfit {
  const paths = source.format === 'csv' || source.format === 'parquet' ? pathsOf(source.groups) : source.paths
  const mapped = mapping.find((some) => some.source === column)
  return {
    column,
    value,
    type: mapped === undefined ? 'the type of the table' : typeToString(mapped.type),
    file: paths.length > 1 ? `one of ${paths.length} files (${paths[0] ?? ''} …)` : (paths[0] ?? ''),
    row: undefined,
  }
}

function pathsOf(groups: readonly { readonly paths: readonly string[] }[]): string[] {
  return groups.flatMap(({ paths }) => paths)
}

async function firstMisfit(
  { groups }: ParquetDescription,
  mapping: readonly ColumnMapping[],
  { session, signal }: { readonly session: EngineSession; readonly signal?: AbortSignal },
): Promise<Misfit | undefined> {
  for (const group of groups) {
    const here = mapping.flatMap((column) => {
      const from = group.columns.find((some) => some.name === column.source)?.type
      if (from === undefined) return []
      const value = quoteIdentifier(column.source)
      return [{ column, value, isBad: isMisfit(from, column.type, value) }]
    })
    if (here.length === 0) continue
    const cases = here.map(
      ({ value, isBad }, at) => `WHEN ${isBad} THEN {'at': ${at}, 'text': left(CAST(${value} AS VARCHAR), 200)}`,
    )
    for (const file of group.paths) {
      const [row] = await session.all(
        `SELECT bad.at AS at, bad.text AS text, number FROM (SELECT CASE ${cases.join(' ')} END AS bad, file_row_number AS number FROM read_parquet(${quoteList([file])}, file_row_number = true, hive_partitioning = false)) WHERE bad IS NOT NULL LIMIT 1`,
        signal === undefined ? {} : { signal },
      )
      const found = here[Number(row?.['at'])]
      if (row === undefined || found === undefined) continue
      return {
        column: found.column.source,
        value: textOf(row['text']),
        type: typeToString(found.column.type),
        file,
        row: Number(row['number']) + 1,
      }
    }
  }
  return undefined
}
