import { IceboxError } from '../../base/index.ts'

const NULL_PARTITION = '__HIVE_DEFAULT_PARTITION__'

/** The `key=value` folders of a relative path, percent-decoded; the last one of a key wins. */
export function hiveValues(relativePath: string): Map<string, string | null> {
  const values = new Map<string, string | null>()
  for (const segment of relativePath.split('/').slice(0, -1)) {
    const at = segment.indexOf('=')
    if (at <= 0) continue
    const value = segment.slice(at + 1)
    values.set(decode(segment.slice(0, at)), value === NULL_PARTITION ? null : decode(value))
  }
  return values
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
}

/**
 * The columns that folders add and their types: whole numbers without leading zeros, ISO dates, else text.
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
  return keys.map((name) => ({ name, type: typeOf(values.get(name) ?? []) }))
}

function typeOf(values: readonly (string | null)[]): HiveColumn['type'] {
  const present = values.filter((value) => value !== null)
  if (present.length === 0) return 'VARCHAR'
  // Hive's own habit of month=01 means the number; 01 and 1 are one month.
  if (present.every((value) => /^-?\d{1,18}$/.test(value))) return 'BIGINT'
  if (present.every((value) => /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value)))) return 'DATE'
  return 'VARCHAR'
}
