import { resolve } from 'node:path'
import { IceboxError } from '../../base/index.ts'
import type { ImportOptions } from '../../lakehouse/api.ts'
import type { ImportFlags } from '../program/import-flags.ts'

/** The import that flags ask for. Pure. Rejects `usage/invalid` for flags that contradict each other. */
export function importOptions(table: string, sources: readonly string[], flags: ImportFlags): ImportOptions {
  const modes = (['create', 'append', 'replace'] as const).filter((mode) => flags[mode] === true)
  if (modes.length > 1) {
    throw new IceboxError('usage/invalid', {
      message: `--${modes.join(' and --')} exclude each other`,
      remedy: 'give one of --create (the default), --append, --replace',
    })
  }
  if (sources.length > 1 && sources.includes('-')) {
    throw new IceboxError('usage/invalid', {
      message: "'-' (standard input) stands beside other sources",
      remedy: 'import standard input alone',
    })
  }
  const csv = defined({
    delimiter: flags.delimiter,
    quote: flags.quote,
    escape: flags.escape,
    header: flags.header,
    encoding: flags.encoding,
    dateFormat: flags.dateFormat,
    timestampFormat: flags.timestampFormat,
    nullText: flags.nullText,
  })
  return {
    table,
    source: sources,
    ...defined({
      format: flags.format,
      mode: modes[0],
      partitionBy: flags.partitionBy,
      sortBy: flags.sortBy,
      schemaFile: flags.schema,
      onError: flags.onError,
      newColumns: flags.newColumns,
      key: flags.key,
      preserveOrder: flags.preserveOrder,
    }),
    ...(Object.keys(csv).length === 0 ? {} : { csv }),
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** The object without its undefined fields. */
function defined<T extends object>(fields: T): Defined<T> {
  const kept: Defined<T> = {}
  for (const key in fields) {
    const value = fields[key]
    if (isDefined(value)) kept[key] = value
  }
  return kept
}

function isDefined<T>(value: T): value is Exclude<T, undefined> {
  return value !== undefined
}

const DATA_NAME = /\.(csv|tsv|txt|ndjson|jsonl|json|parquet|arrow|feather)(\.(gz|zst))?$/i

/** True for a path that exists, has a slash, or is named like a data file. */
export function looksLikeFile(text: string, cwd: string, exists: (path: string) => boolean): boolean {
  return text === '-' || text.includes('/') || DATA_NAME.test(text) || exists(resolve(cwd, text))
}
