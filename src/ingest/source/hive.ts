import { IceboxError } from '../../base/index.ts'
import { isDay } from '../inspect/classify.ts'

const NULL_PARTITION = '__HIVE_DEFAULT_PARTITION__'

/**
 * The `key=value` folders of a relative path, percent-decoded; the last one of a key wins. Rejects `source/columns` for
 * folders that the engine reads in another way.
 */
export function hiveValues(relativePath: string): Map<string, string | null> {
  const values = new Map<string, string | null>()
  for (const segment of relativePath.split('/').slice(0, -1)) {
    const at = segment.indexOf('=')
    if (at <= 0) continue
    const value = segment.slice(at + 1)
    refuseOdd(relativePath, segment, value)
    values.set(decode(segment.slice(0, at)), value === NULL_PARTITION ? null : decode(value))
  }
  return values
}

/** DuckDB (1.5.5) makes the text NULL a NULL, and takes no second `=` for a part of the value. */
function refuseOdd(path: string, segment: string, value: string): void {
  const key = segment.slice(0, segment.indexOf('='))
  const refuse = (why: string, remedy: string) =>
    new IceboxError('source/columns', {
      message: `the folder '${segment}' of ${path} ${why}`,
      remedy,
      context: { folder: segment, file: path },
    })
  if (/^null$/i.test(value)) {
    const escaped = value.replaceAll(/./g, (letter) => `%${letter.charCodeAt(0).toString(16)}`)
    throw refuse(
      'may be the text or no value',
      `rename it: ${key}=${NULL_PARTITION} is NULL, ${key}=${escaped} the text '${value}'`,
    )
  }
  if (value.includes('='))
    throw refuse('has more than one =', `write those of the value as %3D: ${key}=${value.replaceAll('=', '%3D')}`)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    // A lone percent sign stands for itself.
    if (error instanceof URIError) return text
    throw error
  }
}

export interface HiveColumn {
  readonly name: string
  readonly type: 'BIGINT' | 'DATE' | 'VARCHAR'
  /** What could have been decided otherwise. */
  readonly note?: string
}

/**
 * The columns that folders add and their types: whole numbers without leading zeros, ISO dates, else text. Two digits with
 * zeros, as in month=01 to month=12, are the numbers that DuckDB and Spark read them as, which a note says.
 * Rejects `source/columns` where some files lie in folders of other keys.
 */
export function hiveColumns(
  files: readonly { readonly path: string; readonly hive: ReadonlyMap<string, string | null> }[],
): HiveColumn[] {
  const keys = [...(files[0]?.hive.keys() ?? [])]
  const values = new Map<string, (string | null)[]>(keys.map((key) => [key, []]))
  for (const file of files) {
    if (file.hive.size !== keys.length || keys.some((key) => !file.hive.has(key))) {
      throw new IceboxError('source/columns', {
        message: `${file.path} lies in folders ${[...file.hive.keys()].join(', ') || 'without key=value'}, others in ${keys.join(', ') || 'folders without key=value'}`,
        remedy: 'import the folders apart',
        context: { file: file.path, keys },
      })
    }
    for (const [key, value] of file.hive) values.get(key)?.push(value)
  }
  return keys.map((name) => ({ name, ...typeOf(values.get(name) ?? []) }))
}

function typeOf(values: readonly (string | null)[]): Omit<HiveColumn, 'name'> {
  const present = values.filter((value) => value !== null)
  if (present.length === 0) return { type: 'VARCHAR' }
  if (present.every((value) => /^-?\d{1,18}$/.test(value))) {
    const padded = present.find((value) => /^-?0\d/.test(value) || value === '-0')
    if (padded === undefined) return { type: 'BIGINT' }
    return present.every((value) => /^\d\d$/.test(value))
      ? { type: 'BIGINT', note: `'${padded}' is read as the number ${Number(padded)}; declare string to keep its zero` }
      : { type: 'VARCHAR', note: `'${padded}' has leading zeros, which a number would lose: kept as text` }
  }
  if (present.every((value) => /^\d{4}-\d\d-\d\d$/.test(value) && isDay(value))) return { type: 'DATE' }
  return { type: 'VARCHAR' }
}
