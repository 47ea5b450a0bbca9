import { scanColumn } from '../pruning/plan.ts'
import { quoteName, quoteText } from '../text/names.ts'
import type { ViewColumn } from './columns.ts'
import type { ColumnRoute } from './projection.ts'
import { globEscaped } from './shape.ts'

/** Files that are read in one way. */
export interface FileGroup {
  /** Local paths. */
  readonly files: readonly string[]
  readonly rows: bigint
  readonly routes: readonly ColumnRoute[]
  /** True where every file has exactly the columns of the table, by their names: read without a map of fields. */
  readonly isNative: boolean
  /** Fields that only the equality deletes need. */
  readonly hiddenIds: readonly number[]
  /** Positions deleted from these files: a relation with the columns `file` (local path) and `pos`. */
  readonly positions: string | undefined
  readonly equality: readonly EqualityDeletes[]
}

/** Rows of delete files that take away the equal rows of a group. */
export interface EqualityDeletes {
  readonly files: readonly string[]
  readonly routes: readonly ColumnRoute[]
  /** Where the files apply to some data files only: a relation with the columns `file` and `delete_file`. */
  readonly pairs: string | undefined
}

const FILE = 'icebox·file'
const ROW = 'icebox·row'

/**
 * The text of a table's view. Inside it every column is `t1·f3` (table 1, field 3), so that what the optimizer pushes into
 * a scan names table and field without doubt; outside it has the name that the user knows.
 */
export function viewSql(table: number, columns: readonly ViewColumn[], groups: readonly FileGroup[]): string {
  const named = columns.map(({ field, name }) => `${quoteName(scanColumn(table, field.id))} AS ${quoteName(name)}`)
  if (groups.length === 0) return emptySql(columns)
  const [only] = groups
  if (groups.length === 1 && only !== undefined && isPlain(only)) {
    if (!only.isNative) return `SELECT ${named.join(', ')} FROM ${readParquet(table, only)}`
    return `SELECT ${columns.map(({ name }) => quoteName(name)).join(', ')} FROM ${readNative(only)}`
  }
  const branches = groups.map((group) => branchSql(table, group))
  return `SELECT ${named.join(', ')} FROM (${branches.join(' UNION ALL ')})`
}

/** A view without rows and with the right types; no file need be opened for it. */
export function emptySql(columns: readonly ViewColumn[], types?: readonly string[]): string {
  const nulls = columns.map(({ name }, at) => `CAST(NULL AS ${types?.[at] ?? 'INTEGER'}) AS ${quoteName(name)}`)
  return `SELECT ${nulls.join(', ')} WHERE false`
}

/** `read_parquet` with every column by id (or name), missing ones by default. */
export function readParquet(
  table: number,
  source: { readonly files: readonly string[]; readonly rows?: bigint; readonly routes: readonly ColumnRoute[] },
): string {
  const files = source.files.map((file) => quoteText(globEscaped(file)))
  const entries = source.routes.map(({ key, field, type, fallback }) => {
    const shownKey = typeof key === 'number' ? String(key) : quoteText(key)
    const value = fallback === undefined ? 'NULL' : quoteText(fallback)
    return `${shownKey}: {name: ${quoteText(scanColumn(table, field.id))}, type: ${quoteText(type)}, default_value: ${value}}`
  })
  // The exact count, where DuckDB would guess from the first file: it orders joins by it.
  const rows = source.rows === undefined ? '' : `, explicit_cardinality = ${source.rows > 0n ? source.rows : 1n}`
  return `read_parquet([${files.join(', ')}], schema = MAP {${entries.join(', ')}}${rows})`
}

/**
 * `read_parquet` as anyone would write it: DuckDB then opens the first file when it binds and, of a single file, knows the
 * statistics, which a map of fields keeps from it.
 */
function readNative(group: FileGroup): string {
  const files = group.files.map((file) => quoteText(globEscaped(file)))
  const rows = group.files.length === 1 ? '' : `, explicit_cardinality = ${group.rows > 0n ? group.rows : 1n}`
  return `read_parquet([${files.join(', ')}], hive_partitioning = false${rows})`
}

function isPlain(group: FileGroup): boolean {
  return (
    group.positions === undefined &&
    group.equality.length === 0 &&
    group.routes.every((route) => route.convert === undefined)
  )
}

function branchSql(table: number, group: FileGroup): string {
  if (group.isNative && isPlain(group)) {
    const own = group.routes.map(({ field }) => `${quoteName(field.name)} AS ${quoteName(scanColumn(table, field.id))}`)
    return `SELECT ${own.join(', ')} FROM ${readNative(group)}`
  }
  const shown = group.routes.filter(({ field }) => !group.hiddenIds.includes(field.id))
  const columns = shown.map(({ field, convert }) => {
    const column = quoteName(scanColumn(table, field.id))
    return convert === undefined ? `d.${column}` : `${convert(`d.${column}`, `d.${quoteName(FILE)}`)} AS ${column}`
  })
  const needsPlace = group.positions !== undefined || group.equality.some((deletes) => deletes.pairs !== undefined)
  const needsFile = needsPlace || group.routes.some((route) => route.convert !== undefined)
  const file = needsFile ? `, filename AS ${quoteName(FILE)}` : ''
  const place = needsPlace ? `${file}, file_row_number AS ${quoteName(ROW)}` : file
  let from = `(SELECT *${place} FROM ${readParquet(table, group)}) AS d`
  if (group.positions !== undefined) {
    from += ` ANTI JOIN ${group.positions} AS p ON p.file = d.${quoteName(FILE)} AND p.pos = d.${quoteName(ROW)}`
  }
  group.equality.forEach((deletes, at) => {
    from += ` ANTI JOIN ${equalitySource(table, deletes)} AS e${at} ON ${equalityCondition(table, group, deletes, at)}`
  })
  return `SELECT ${columns.join(', ')} FROM ${from}`
}

function equalitySource(table: number, deletes: EqualityDeletes): string {
  const file = `r.${quoteName(FILE)}`
  const columns = deletes.routes.map(({ field, convert }) => {
    const column = quoteName(scanColumn(table, field.id))
    return convert === undefined ? `r.${column}` : `${convert(`r.${column}`, file)} AS ${column}`
  })
  const read = `(SELECT *, filename AS ${quoteName(FILE)} FROM ${readParquet(table, deletes)}) AS r`
  if (deletes.pairs === undefined) return `(SELECT ${columns.join(', ')} FROM ${read})`
  return `(SELECT ${columns.join(', ')}, a.file FROM ${read} JOIN ${deletes.pairs} AS a ON a.delete_file = ${file})`
}

/** Null equals null (Iceberg spec, "Equality Delete Files"). */
function equalityCondition(table: number, group: FileGroup, deletes: EqualityDeletes, at: number): string {
  const equal = deletes.routes.map(({ field }) => {
    const column = quoteName(scanColumn(table, field.id))
    const convert = group.routes.find((route) => route.field.id === field.id)?.convert
    const value = convert === undefined ? `d.${column}` : convert(`d.${column}`, `d.${quoteName(FILE)}`)
    // Equal by its bytes, whatever the session's collation.
    const collation = field.type.kind === 'string' ? ' COLLATE C' : ''
    return `e${at}.${column}${collation} IS NOT DISTINCT FROM ${value}`
  })
  if (deletes.pairs !== undefined) equal.push(`e${at}.file = d.${quoteName(FILE)}`)
  return equal.join(' AND ')
}
