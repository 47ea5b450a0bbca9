import { IceboxError } from '../../base/index.ts'
import { HELPER_PREFIX } from '../write/projection.ts'

/** Names that the engine gives columns of its own when it reads tables. */
const RESERVED = new Set(['file_row_number', 'file_index'])
const MAX_NAME_LENGTH = 255

/**
 * Refuses names that a table cannot have, instead of renaming them as DuckDB does: those that no fields can have
 * ({@link checkFieldNames}), and reserved ones. Reserved words and any script are fine. Rejects `source/columns`,
 * `source/encoding`.
 */
export function checkNames(names: readonly string[], where: string): void {
  checkFieldNames(names, where)
  for (const [at, name] of names.entries()) {
    if (!RESERVED.has(name.toLowerCase()) && !name.toLowerCase().startsWith(HELPER_PREFIX)) continue
    throw refuse(
      `column ${at + 1} of ${where} is called '${name}', a name that the engine uses when it reads tables`,
      name,
      'rename it in the file',
    )
  }
}

/** The same of fields inside of a column: empty, twice, differing only by case (DuckDB and most engines take them for one). */
export function checkFieldNames(names: readonly string[], where: string): void {
  const seen = new Map<string, { name: string; at: number }>()
  for (const [at, name] of names.entries()) {
    const place = `column ${at + 1} of ${where}`
    if (name === '') throw refuse(`${place} has no name`, name, 'name it in the file')
    if (name.includes('\0')) {
      throw new IceboxError('source/encoding', {
        message: `the name of ${place} holds a NUL byte: this is no text, or UTF-16`,
        remedy: 'convert the file to UTF-8, or name its encoding or format (--encoding utf-16, --format)',
        context: { column: name.slice(0, 80) },
      })
    }
    if (name.length > MAX_NAME_LENGTH) {
      const long = `${place} has a name of ${name.length} characters (${name.slice(0, 40)}…); at most ${MAX_NAME_LENGTH} are allowed`
      throw refuse(long, name.slice(0, 80), 'rename it in the file')
    }
    const before = seen.get(name.toLowerCase())
    if (before !== undefined) {
      const how =
        before.name === name
          ? `is called '${name}' like column ${before.at + 1}`
          : `'${name}' differs from column ${before.at + 1} '${before.name}' only by case`
      throw refuse(`${place} ${how}`, name, 'rename one of them in the file')
    }
    seen.set(name.toLowerCase(), { name, at })
  }
}

/**
 * Refuses files of one import that spell a name in several ways: one column or two would be a guess, and a table has one at
 * most. Rejects `source/columns` naming both files.
 */
export function checkSpelling(files: Iterable<{ readonly path: string; readonly names: readonly string[] }>): void {
  const seen = new Map<string, { name: string; path: string }>()
  for (const { path, names } of files) {
    for (const name of names) {
      const before = seen.get(name.toLowerCase())
      if (before === undefined) seen.set(name.toLowerCase(), { name, path })
      else if (before.name !== name) throw spelledApart({ name, path }, before)
    }
  }
}

interface NameInFile {
  readonly name: string
  readonly path: string
}

/** The error of two names in two files that differ only by case. */
export function spelledApart(name: NameInFile, before: NameInFile): IceboxError {
  return refuse(
    `column '${name.name}' of ${name.path} differs from '${before.name}' of ${before.path} only by case`,
    name.name,
    'import one after the other: --append takes names whatever their case; or rename the column in a file',
  )
}

function refuse(message: string, column: string, remedy: string): IceboxError {
  return new IceboxError('source/columns', { message, remedy, context: { column } })
}
