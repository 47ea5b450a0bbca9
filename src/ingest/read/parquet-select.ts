import type { Type } from '../../iceberg/index.ts'
import { hiveSetting, quoteIdentifier, quoteList, quoteText } from '../sql.ts'
import { toDuckDbType } from '../types/mapping.ts'
import { CHECK_MARK } from '../inspect/checked-cast.ts'
import type { ColumnMapping, ParquetDescription, ParquetGroup } from './description.ts'

/** The rows of all files as the table's columns. */
export function parquetSelect(description: ParquetDescription, mapping: readonly ColumnMapping[]): string {
  return description.groups.map((group) => groupSelect(description, group, mapping)).join(' UNION ALL ')
}

function groupSelect(description: ParquetDescription, group: ParquetGroup, mapping: readonly ColumnMapping[]): string {
  const columns = mapping.map((column) => {
    const here = group.columns.find((some) => some.name === column.source)
    const isHive = description.hive.some((hive) => hive.name === column.source)
    const name = quoteIdentifier(column.source)
    const value = here === undefined ? (isHive ? name : 'NULL') : exactCast(here.type, column.type, name, column.source)
    return `${value} AS ${quoteIdentifier(column.name)}`
  })
  return `SELECT ${columns.join(', ')} FROM read_parquet(${quoteList(group.paths)}, ${hiveSetting(description.hive)})`
}

/** A cast between types; where it could lose digits, a value that would is an error. */
export function exactCast(from: string, to: Type, source: string, column: string): string {
  const { cast, isInexact } = castParts(from, to, source)
  return isInexact === undefined
    ? cast
    : `CASE WHEN ${isInexact} THEN error(${quoteText(`${CHECK_MARK} ${column}: `)} || left(CAST(${source} AS VARCHAR), 200)) ELSE ${cast} END`
}

/** SQL of whether a value is one that {@link exactCast} fails for. */
export function isMisfit(from: string, to: Type, source: string): string {
  const { cast, isInexact } = castParts(from, to, source)
  const fails = [`TRY(${cast}) IS NULL`, ...(isInexact === undefined ? [] : [`coalesce(TRY(${isInexact}), true)`])]
  return `${source} IS NOT NULL AND (${fails.join(' OR ')})`
}

function castParts(
  from: string,
  to: Type,
  source: string,
): { readonly cast: string; readonly isInexact: string | undefined } {
  const cast = `CAST(${source} AS ${toDuckDbType(to)})`
  return { cast, isInexact: inexact(from, to, source, cast) }
}

function inexact(from: string, to: Type, source: string, cast: string): string | undefined {
  if (to.kind === 'timestamp' && from === 'TIMESTAMP_NS') return `epoch_ns(${source}) % 1000 <> 0`
  if ((to.kind === 'int' || to.kind === 'long') && (from === 'DOUBLE' || from === 'FLOAT'))
    return `${cast} <> ${source}`
  if (to.kind === 'date' && from.startsWith('TIMESTAMP')) return `${cast} <> ${source}`
  if (to.kind === 'float' && from === 'DOUBLE') return `CAST(${cast} AS DOUBLE) <> ${source}`
  if (to.kind === 'decimal' && (from.startsWith('DECIMAL') || from === 'DOUBLE')) return `${cast} <> ${source}`
  return undefined
}
