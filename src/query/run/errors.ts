import { IceboxError, isIceboxError, nearestNames, didYouMean, sqlName, tableSql } from '../../base/index.ts'
import { type Catalog, tableText } from '../../catalog/index.ts'
import { unequalRow } from '../parse/values-list.ts'
import { originalOffset, type Replacement } from '../resolve/replace.ts'
import type { ResolvedTable } from '../resolve/resolved-table.ts'
import { nameChains, nextSignificant, quoteText } from '../text/names.ts'
import { placeOf } from '../text/place.ts'
import type { StatementText } from '../text/statements.ts'
import { isKeyword, type Token } from '../text/tokenizer.ts'
import { MISFIT } from '../views/stored-type.ts'
import { extensionFunction } from './extension-function.ts'

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
  tables: readonly ResolvedTable[] = [],
): Promise<unknown> {
  const missing = missingFile(error, statement)
  if (missing !== undefined) return missing
  if (isIceboxError(error, 'sql/type') && MISFIT.test(error.message)) {
    return new IceboxError('sql/type', {
      message: error.message,
      remedy: 'have the file written again by the tool that wrote it, or read the other columns',
      context: {},
      cause: error,
    })
  }
  if (!isIceboxError(error, 'sql/') && !isIceboxError(error, 'engine/failed')) return error
  const unloaded = extensionFunction(error.message, statement)
  if (unloaded !== undefined) return unloaded
  const isCutShort = /syntax error at end of input/.test(error.message)
  const sentOffset = isCutShort ? sent.length : offsetOf(error.message, sent)
  const fault = faultWithoutPlace(error.message, statement)
  const offset = sentOffset === undefined ? fault?.offset : originalOffset(sentOffset, replacements)
  const place = offset === undefined ? undefined : placeOf(statement.script, statement.offset + offset)
  const [said = ''] = clean(error.message).split('\n\nLINE ')
  const where = place === undefined ? '' : ` (line ${place.line}, column ${place.column})\n${place.marked}`
  const hint = isCutShort
    ? whatIsMissing(statement)
    : fault !== undefined
      ? fault.remedy
      : error.code === 'sql/unknown-table'
        ? await nearestTables(said, catalog)
        : error.code === 'sql/unknown-column'
          ? columnHint(error, statement, offset, tables)
          : raisedHint(error, statement)
  // DuckDB's proposals stand in the remedy; of tables they are its own system tables more often than not.
  const message = worded(error.remedy === undefined && hint === undefined ? said : withoutProposals(said))
  const remedy = hint ?? (error.remedy === undefined ? undefined : clean(error.remedy))
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

/** Faults that the engine tells without their place or what to do. */
function faultWithoutPlace(
  message: string,
  statement: StatementText,
): { readonly offset: number | undefined; readonly remedy: string } | undefined {
  const { tokens } = statement
  if (message.startsWith('VALUES lists must all be the same length')) {
    return { offset: unequalRow(statement), remedy: 'give every row of VALUES as many values as the first has' }
  }
  if (/^(DEFAULT is not allowed here|SELECT clause cannot contain DEFAULT)/.test(message)) {
    const word = tokens.findWord((token) => isKeyword(token, 'DEFAULT'))
    return { offset: word?.start, remedy: 'DEFAULT is a value of INSERT INTO … VALUES only: write the value, or NULL' }
  }
  if (message.startsWith('Catalog type does not support time travel')) {
    const word = tokens.findWord((token) => isKeyword(token, 'AT'))
    const remedy = 'AT (…) stands behind a table of the lakehouse, not behind a file or a name that WITH gives'
    return { offset: word?.start, remedy }
  }
  return undefined
}

/** A file that the engine did not find and that the statement does not name is one of a table. */
function missingFile(error: unknown, statement: StatementText): IceboxError | undefined {
  if (!isIceboxError(error, 'source/not-found') && !isIceboxError(error, 'engine/failed')) return undefined
  const path =
    /No files found that match the pattern "(.*?)"/.exec(error.message)?.[1] ??
    /Cannot open file "(.*?)": No such file/.exec(error.message)?.[1]
  if (path === undefined) return undefined
  if (statement.sql.includes(path)) {
    const place = placeOf(statement.script, statement.offset + statement.sql.indexOf(path))
    return new IceboxError('source/not-found', {
      message: `there is no file ${path} (line ${place.line}, column ${place.column})\n${place.marked}`,
      remedy: `name a file that exists; ${process.cwd()} is where relative paths begin`,
      context: { file: path, line: place.line, column: place.column },
      cause: error,
    })
  }
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
  return (
    text
      .replaceAll(/"?icebox \d+"?\./g, '')
      .replaceAll(/"?t\d+·f\d+"?(?:, )?/g, '')
      // `main·`, `sales·2`, `sales@123` and `sales@branch b` are schemas of views: the table's own with something behind.
      .replaceAll(/"?([^\s".·@]+)(?:·\d*|@\d{12,}|@branch [^".]*)"?(?=\.)/g, '$1')
      .replaceAll('\t', '  ')
  )
}

function withoutProposals(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^(Candidate bindings|Candidate tables|Candidate Entries|Did you mean)\b/.test(line.trim()))
    .join('\n')
}

/** The engine's commonest sentences in fewer words. */
function worded(text: string): string {
  return text
    .replace(/^Table with name "?(\S+?)"? does not exist!?/, 'table $1 does not exist')
    .replace(/^Referenced column "(.*?)" not found in FROM clause!?/, "there is no column '$1'")
    .replace(
      /^Referenced column "(.*?)" was not found because the FROM clause is missing/,
      "there is no column '$1': the query has no FROM",
    )
    .replace(/^(DEFAULT is not allowed here!?|SELECT clause cannot contain DEFAULT clause)/, 'DEFAULT is no value here')
    .replace(/^Catalog type does not support time travel/, 'AT (…) needs a table that keeps its snapshots')
    .replace(/^Values list "(.*?)" does not have a column named "(.*?)"/, "'$1' has no column '$2'")
    .replace(/^(Scalar|Table|Aggregate) Function with name (\S+) does not exist!?/, 'there is no function $2')
    .trimEnd()
}

/** A statement that ends too early: the bracket that is open, or that more is expected. */
function whatIsMissing({ tokens, script, offset }: StatementText): string {
  const open: Token[] = []
  for (const at of tokens.of('operator')) {
    const token = tokens.at(at)
    if (token === undefined) continue
    if (/^[([{]$/.test(token.text)) open.push(token)
    else if (/^[)\]}]$/.test(token.text)) open.pop()
  }
  const last = open.at(-1)
  if (last === undefined) return 'the statement ends too early: write on where the mark is'
  const place = placeOf(script, offset + last.start)
  return `close the '${last.text}' of line ${place.line}, column ${place.column}`
}

/** What `error('…')` in a statement says is not about types. */
function raisedHint({ code, message }: IceboxError, { tokens }: StatementText): string | undefined {
  if (code !== 'sql/type' || /\b(convert|cast|parse)\b/i.test(message)) return undefined
  const isRaised = nameChains(tokens).some(
    ({ parts, nextToken }) =>
      parts.at(-1)?.toLowerCase() === 'error' && tokens.at(nextSignificant(tokens, nextToken))?.text === '(',
  )
  return !isRaised ? undefined : 'the statement says so itself, with error(…): give it what its author expects'
}

/** Text in double quotes is a name: said where such a name is no column. Else the nearest columns of the tables read. */
function columnHint(
  error: IceboxError,
  statement: StatementText,
  offset: number | undefined,
  tables: readonly ResolvedTable[],
): string | undefined {
  const column = error.context['column']
  if (typeof column !== 'string') return undefined
  const marked = offset === undefined ? undefined : statement.tokens.at(statement.tokens.indexFrom(offset))
  const isQuoted = marked?.kind === 'quoted' && marked.text.slice(1, -1) === column
  const columns = [...new Set(tables.flatMap((table) => table.schema.fields.map((field) => field.name)))]
  const near = didYouMean(nearestNames(column, columns).map(sqlName))
  if (isQuoted) {
    const isText = `text stands in single quotes, names in double quotes: did you mean ${quoteText(column)}?`
    return near === undefined ? isText : `${near} ${isText}`
  }
  if (/FROM clause is missing/.test(error.message)) return 'add FROM and the table that the column is of'
  const candidates = error.context['candidates']
  if (Array.isArray(candidates) && candidates.length > 0) return undefined
  if (near !== undefined || columns.length === 0) return near
  return `there are: ${columns.slice(0, 30).map(sqlName).join(', ')}`
}

/** `LINE 2: …text…\n    ^`: the caret's place in the text that was sent. */
export function offsetOf(message: string, sent: string): number | undefined {
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
  const all = new Map<string, string>()
  for (const namespace of await catalog.listNamespaces()) {
    if (all.size > MOST_TABLES_COMPARED) break
    for (const table of await catalog.listTables(namespace)) all.set(tableText(table), tableSql(namespace, table.name))
  }
  const isQualified = name.includes('.')
  const sameName = isQualified
    ? []
    : [...all.keys()].filter((full) => full.toLowerCase().endsWith(`.${name.toLowerCase()}`))
  const near = sameName.length > 0 ? sameName.slice(0, 3) : nearestTablesOf(name, isQualified, [...all.keys()])
  const meant = didYouMean(near.map((full) => all.get(full) ?? full))
  if (meant !== undefined) return meant
  return all.size === 0 ? 'there are no tables yet: icebox import makes one' : 'list what is there with SHOW TABLES'
}

/** A name alone is compared with the names alone. */
function nearestTablesOf(name: string, isQualified: boolean, all: readonly string[]): string[] {
  const near = nearestNames(name, all)
  if (isQualified || near.length > 0) return near
  const last = (full: string) => full.slice(full.lastIndexOf('.') + 1)
  const alike = new Set(nearestNames(name, all.map(last)))
  return all.filter((full) => alike.has(last(full))).slice(0, 3)
}
