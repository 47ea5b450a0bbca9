import { IceboxError, isIceboxError, nearestNames } from '../../base/index.ts'
import type { Catalog } from '../../catalog/index.ts'
import { originalOffset, type Replacement } from '../resolve/replace.ts'
import { placeOf } from '../text/place.ts'
import type { StatementText } from '../text/statements.ts'

const MOST_TABLES_COMPARED = 5000

/**
 * An error of the engine in the terms of the person who wrote the statement: the place in their own text, names without
 * those of our spaces, the nearest tables of the catalog.
 */
export async function explainError(
  error: unknown,
  statement: StatementText,
  sent: string,
  replacements: readonly Replacement[],
  catalog: Catalog,
): Promise<unknown> {
  const missing = missingFile(error, statement)
  if (missing !== undefined) return missing
  if (!isIceboxError(error, 'sql/') && !isIceboxError(error, 'engine/failed')) return error
  const offset = offsetOf(error.message, sent)
  const place =
    offset === undefined
      ? undefined
      : placeOf(statement.script, statement.offset + originalOffset(offset, replacements))
  const [said = ''] = clean(error.message).split('\n\nLINE ')
  const where = place === undefined ? '' : ` (line ${place.line}, column ${place.column})\n${place.marked}`
  const unknown = error.code === 'sql/unknown-table' ? await nearestTables(said, catalog) : undefined
  // DuckDB's own proposal of a table is one of its system tables more often than not.
  const message = unknown === undefined ? said : (said.split('\n')[0] ?? said)
  const remedy = unknown ?? (error.remedy === undefined ? undefined : clean(error.remedy))
  return new IceboxError(error.code, {
    message: `${message}${where}`,
    ...(remedy === undefined ? {} : { remedy }),
    context: {
      ...error.context,
      ...(place === undefined ? {} : { line: place.line, column: place.column }),
    },
    cause: error,
  })
}

/** A file that the engine did not find and that the statement does not name is one of a table. */
function missingFile(error: unknown, statement: StatementText): IceboxError | undefined {
  if (!isIceboxError(error, 'source/not-found') && !isIceboxError(error, 'engine/failed')) return undefined
  const path =
    /No files found that match the pattern "(.*?)"/.exec(error.message)?.[1] ??
    /Cannot open file "(.*?)": No such file/.exec(error.message)?.[1]
  if (path === undefined || statement.sql.includes(path)) return undefined
  return new IceboxError('storage/not-found', {
    message: `the table names the file ${path}, which is not there`,
    remedy:
      'if the folder was moved: icebox table relocate, or iceberg_scan(…, allow_moved_paths => true); if the file was deleted, read an earlier snapshot',
    context: { file: path },
    cause: error,
  })
}

/** The names of our spaces and of the columns inside views are nobody's business. */
function clean(text: string): string {
  return text.replaceAll(/"?icebox \d+"?\./g, '').replaceAll(/"?t\d+·f\d+"?(?:, )?/g, '')
}

/** `LINE 2: …text…\n    ^`: the caret's place in the text that was sent. */
function offsetOf(message: string, sent: string): number | undefined {
  const match = /\nLINE (\d+): (.*)\n( *)\^/.exec(message)
  if (match === null) return undefined
  const shown = match[2] ?? ''
  const caret = (match[3] ?? '').length - `LINE ${match[1]}: `.length
  // Long lines are cut on both sides and marked with dots; what follows the caret finds the place.
  const tail = shown.slice(caret).replace(/\.\.\.$/, '')
  const head = shown.slice(0, caret).replace(/^\.\.\./, '')
  const lines = sent.split('\n')
  const line = lines[Number(match[1]) - 1] ?? ''
  const before = lines.slice(0, Number(match[1]) - 1).reduce((sum, text) => sum + text.length + 1, 0)
  const whole = line.indexOf(head + tail)
  if (whole >= 0) return before + whole + head.length
  const at = tail === '' ? -1 : line.indexOf(tail)
  return at < 0 ? undefined : before + at
}

async function nearestTables(message: string, catalog: Catalog): Promise<string | undefined> {
  const name = /with name "?([^"\s]+)"? does not exist/.exec(message)?.[1]
  if (name === undefined) return undefined
  const all: string[] = []
  for (const namespace of await catalog.listNamespaces()) {
    if (all.length > MOST_TABLES_COMPARED) break
    for (const table of await catalog.listTables(namespace)) all.push([...namespace, table.name].join('.'))
  }
  const isQualified = name.includes('.')
  const sameName = isQualified ? [] : all.filter((full) => full.toLowerCase().endsWith(`.${name.toLowerCase()}`))
  const near = sameName.length > 0 ? sameName : nearestNames(name, all)
  if (near.length > 0) return `did you mean ${near.slice(0, 3).join(' or ')}?`
  return all.length === 0 ? 'there are no tables yet: icebox import makes one' : 'list what is there with SHOW TABLES'
}
