import { nearestNames } from '../../base/index.ts'
import type { StatementText } from '../text/statements.ts'
import { isKeyword, nameOf, stringValue, tokenize } from '../text/tokenizer.ts'
import { parseAlter } from './alter.ts'
import type { Insert, Statement } from './ast.ts'
import { namespaceOf, parseCreate } from './create.ts'
import { Cursor, part } from './cursor.ts'
import { REFUSED } from './refused.ts'
import { valuesListOf } from './values-list.ts'

const QUERIES = [
  'SELECT',
  'WITH',
  'FROM',
  'VALUES',
  'TABLE',
  'PIVOT',
  'PIVOT_WIDER',
  'UNPIVOT',
  'PIVOT_LONGER',
  'SUMMARIZE',
]

const BEGINNINGS = [
  ...QUERIES,
  'EXPLAIN',
  'INSERT',
  'CREATE',
  'ALTER',
  'DROP',
  'DELETE',
  'TRUNCATE',
  'DESCRIBE',
  'SHOW',
  'SET',
  'RESET',
  'USE',
]

/**
 * What a statement is. Queries are left to DuckDB word for word; everything else is read here, and what is not understood
 * is refused: nothing is ignored. Rejects `sql/syntax`, `sql/unsupported`.
 */
export function parseStatement(statement: StatementText): Statement {
  const cursor = new Cursor(statement)
  const first = cursor.peek()
  if (isKeyword(first, 'WITH')) return withStatement(statement, cursor)
  if (first?.text === '(' || isKeyword(first, ...QUERIES)) return { kind: 'query', query: statement }
  const word = first?.kind === 'word' ? first.text.toUpperCase() : ''
  switch (word) {
    case 'EXPLAIN':
      return explain(statement, cursor)
    case 'INSERT':
      return insert(cursor, undefined)
    case 'REPLACE':
      throw cursor.unsupported('REPLACE is not supported', 'use INSERT OVERWRITE to replace whole partitions')
    case 'CREATE':
      cursor.next()
      return parseCreate(cursor)
    case 'ALTER':
      cursor.next()
      return parseAlter(cursor)
    case 'DROP':
      cursor.next()
      return drop(cursor)
    case 'DELETE':
      return deleteFrom(statement, cursor)
    case 'TRUNCATE':
      return truncate(cursor)
    case 'DESCRIBE':
    case 'DESC':
      return describe(statement, cursor)
    case 'SHOW':
      return show(statement, cursor)
    case 'SET':
    case 'RESET':
      return setting(cursor)
    case 'USE': {
      cursor.next()
      const namespace = namespaceOf(cursor)
      cursor.expectEnd()
      return { kind: 'use', namespace }
    }
    default: {
      const instead = REFUSED[word]
      if (instead !== undefined) throw cursor.unsupported(`${word} is not supported`, instead)
      const near = nearestNames(word, BEGINNINGS)
      throw cursor.error(
        `'${first?.text ?? ''}' begins no statement`,
        near.length > 0
          ? `did you mean ${near.slice(0, 2).join(' or ')}?`
          : 'statements begin with SELECT, INSERT, CREATE, ALTER, DROP, DELETE, SHOW, DESCRIBE, EXPLAIN, …',
      )
    }
  }
}

/** `WITH … SELECT` is a query; `WITH … INSERT INTO t SELECT` an insert whose query has the WITH before it. */
function withStatement(statement: StatementText, cursor: Cursor): Statement {
  const verb = statement.tokens.findWord(
    (token) =>
      token.depth === 0 &&
      isKeyword(token, 'SELECT', 'FROM', 'VALUES', 'TABLE', 'PIVOT', 'UNPIVOT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE'),
  )
  if (isKeyword(verb, 'UPDATE', 'MERGE', 'DELETE') && verb !== undefined) {
    const word = verb.text.toUpperCase()
    throw cursor.unsupported(
      `WITH … ${word} is not supported`,
      REFUSED[word] ?? 'write DELETE FROM … WHERE … with literals',
    )
  }
  if (verb === undefined || !isKeyword(verb, 'INSERT')) return { kind: 'query', query: statement }
  const inner = new Cursor(part(statement, verb.start, statement.sql.length))
  return insert(inner, part(statement, 0, verb.start))
}

function explain(statement: StatementText, cursor: Cursor): Statement {
  cursor.next()
  let isAnalyze = cursor.accept('ANALYZE')
  if (cursor.peek()?.text === '(' && isKeyword(cursor.peek(1), 'FORMAT', 'ANALYZE')) {
    cursor.list(() => {
      if (cursor.accept('ANALYZE')) isAnalyze = true
      else {
        cursor.expect('FORMAT')
        cursor.name('a format')
      }
    })
  }
  const start = cursor.offset
  const query = cursor.rest()
  const inner = parseStatement(query)
  if (inner.kind !== 'query') {
    throw cursor.unsupported(`EXPLAIN of ${inner.kind} is not supported`, 'explain the query that it contains')
  }
  return { kind: 'explain', isAnalyze, prefix: statement.sql.slice(0, start), query }
}

function insert(cursor: Cursor, withClause: StatementText | undefined): Statement {
  cursor.expect('INSERT')
  if (isKeyword(cursor.peek(), 'OR')) {
    throw cursor.unsupported(
      'INSERT OR REPLACE and INSERT OR IGNORE need keys, which Iceberg does not enforce',
      'filter the rows in the query',
    )
  }
  const overwrite = cursor.accept('OVERWRITE')
  if (overwrite) {
    if (!cursor.accept('INTO')) cursor.accept('TABLE')
  } else cursor.expect('INTO')
  cursor.accept('TABLE')
  const table = cursor.tableName()
  if (cursor.sees('PARTITION'))
    throw cursor.unsupported(
      'INSERT … PARTITION (…) is not supported',
      'give the value as a column of the query: partitions follow from the rows',
    )
  if (cursor.accept('AS')) cursor.name('an alias')
  const inside = cursor.peek(1)
  const isQuery = inside?.text === '(' || isKeyword(inside, 'SELECT', 'WITH', 'FROM', 'VALUES', 'TABLE')
  const isColumns = cursor.peek()?.text === '(' && !isQuery
  const columns = isColumns ? cursor.list(() => cursor.name('a column')) : undefined
  const byName = cursor.accept('BY', 'NAME')
  if (!byName) cursor.accept('BY', 'POSITION')
  if (cursor.sees('DEFAULT', 'VALUES'))
    throw cursor.unsupported('INSERT … DEFAULT VALUES is not supported', 'give the values')
  if (cursor.isAtEnd) throw cursor.error('expected VALUES or a query')
  if (byName && columns !== undefined) throw cursor.error('BY NAME and a list of columns contradict each other')
  const rest = cursor.rest()
  for (const [first, second, what] of [
    ['RETURNING', undefined, 'RETURNING'],
    ['ON', 'CONFLICT', 'ON CONFLICT'],
  ] as const) {
    const found = rest.tokens.findWord((token) => token.depth === 0 && isKeyword(token, first))
    const next = found === undefined ? undefined : rest.tokens.findWord((token) => token.start > found.start)
    if (found !== undefined && (second === undefined || isKeyword(next, second))) {
      throw cursor.unsupported(`INSERT … ${what} is not supported`, 'leave it out')
    }
  }
  if (!isKeyword(rest.tokens.at(0), ...QUERIES) && rest.tokens.at(0)?.text !== '(')
    throw cursor.error('expected VALUES or a query')
  const values = valuesListOf(rest)
  if (values !== undefined && byName)
    throw cursor.error('VALUES have no names to go by', 'name the columns: INSERT INTO t (a, b) VALUES …')
  const behind = withClause?.sql.length ?? 0
  const result: Insert = {
    kind: 'insert',
    table,
    mode: overwrite ? 'overwrite' : 'append',
    columns,
    byName,
    query: withClause === undefined ? rest : joined(withClause, rest),
    values: values === undefined ? undefined : { ...values, start: behind + values.start },
  }
  return result
}

/** The WITH clause before the query: its places are lost where the two do not touch, its text is not. */
function joined(withClause: StatementText, query: StatementText): StatementText {
  const sql = withClause.sql + query.sql
  // Places count in the text that is sent; the script is it.
  return { sql, offset: 0, script: sql, tokens: tokenize(sql) }
}

function deleteFrom(statement: StatementText, cursor: Cursor): Statement {
  cursor.expect('DELETE')
  cursor.expect('FROM')
  const from = cursor.offset
  const table = cursor.tableName()
  const clause = statement.tokens.findWord(
    (token) => token.depth === 0 && isKeyword(token, 'USING', 'RETURNING', 'LIMIT', 'ORDER'),
  )
  if (clause !== undefined) {
    throw cursor.unsupported(
      `DELETE … ${clause.text.toUpperCase()} is not supported`,
      'delete whole partitions or files: DELETE FROM t WHERE …',
    )
  }
  if (cursor.isAtEnd) return { kind: 'delete', table, rows: undefined }
  if (!cursor.sees('WHERE')) {
    cursor.accept('AS')
    cursor.name('an alias or WHERE')
    if (cursor.isAtEnd) return { kind: 'delete', table, rows: undefined }
  }
  cursor.expect('WHERE')
  if (cursor.isAtEnd) throw cursor.error('expected a condition')
  const select = 'SELECT * FROM '
  const tail = part(statement, from, statement.sql.length)
  const sql = select + tail.sql
  const offset = tail.offset - select.length
  const rows: StatementText = { sql, offset, script: statement.script, tokens: tokenize(sql) }
  return { kind: 'delete', table, rows }
}

function truncate(cursor: Cursor): Statement {
  cursor.expect('TRUNCATE')
  cursor.accept('TABLE')
  const table = cursor.tableName()
  cursor.expectEnd()
  return { kind: 'truncate', table, rows: undefined }
}

function drop(cursor: Cursor): Statement {
  if (cursor.accept('SCHEMA') || cursor.accept('NAMESPACE') || cursor.accept('DATABASE')) {
    const ifExists = cursor.accept('IF', 'EXISTS')
    const namespace = namespaceOf(cursor)
    if (cursor.sees('CASCADE'))
      throw cursor.unsupported('DROP SCHEMA … CASCADE is not supported', 'drop its tables first')
    cursor.accept('RESTRICT')
    cursor.expectEnd()
    return { kind: 'drop schema', namespace, ifExists }
  }
  if (!cursor.accept('TABLE')) {
    throw cursor.unsupported(
      `DROP ${cursor.peek()?.text.toUpperCase() ?? ''} is not supported`,
      'there are tables and schemas to drop',
    )
  }
  const ifExists = cursor.accept('IF', 'EXISTS')
  const table = cursor.tableName()
  const purge = cursor.accept('PURGE')
  if (cursor.sees('CASCADE'))
    throw cursor.unsupported('DROP TABLE … CASCADE is not supported', 'nothing depends on a table; leave CASCADE out')
  cursor.expectEnd()
  return { kind: 'drop table', table, ifExists, purge }
}

function describe(statement: StatementText, cursor: Cursor): Statement {
  cursor.next()
  cursor.accept('TABLE')
  if (cursor.sees('EXTENDED') || cursor.sees('FORMATTED')) cursor.next()
  // A query, or a table with a time travel clause, is DuckDB's to describe.
  if (nameOf(cursor.peek()) === undefined || isKeyword(cursor.peek(), ...QUERIES))
    return { kind: 'query', query: statement }
  const table = cursor.tableName()
  return cursor.isAtEnd ? { kind: 'describe', table, query: statement } : { kind: 'query', query: statement }
}

function show(statement: StatementText, cursor: Cursor): Statement {
  cursor.next()
  if (cursor.accept('CREATE', 'TABLE')) {
    const table = cursor.tableName()
    cursor.expectEnd()
    return { kind: 'show create table', table }
  }
  if (cursor.accept('ALL', 'TABLES')) return { kind: 'show all tables', like: like(cursor) }
  if (cursor.accept('SCHEMAS') || cursor.accept('NAMESPACES') || cursor.accept('DATABASES')) {
    return { kind: 'show schemas', like: like(cursor) }
  }
  if (cursor.accept('TABLES')) {
    const namespace = cursor.accept('FROM') || cursor.accept('IN') ? namespaceOf(cursor) : undefined
    return { kind: 'show tables', namespace, like: like(cursor) }
  }
  if (cursor.accept('COLUMNS')) {
    if (!cursor.accept('FROM')) cursor.expect('IN')
    const table = cursor.tableName()
    cursor.expectEnd()
    return { kind: 'describe', table, query: statement }
  }
  if (
    isKeyword(
      cursor.peek(),
      'PARTITIONS',
      'VIEWS',
      'FUNCTIONS',
      'PROCEDURES',
      'TBLPROPERTIES',
      'BRANCHES',
      'TAGS',
      'SNAPSHOTS',
    )
  ) {
    throw cursor.unsupported(
      `SHOW ${cursor.peek()?.text.toUpperCase() ?? ''} is not supported`,
      'read the system tables: SELECT * FROM ns."t$partitions" ($snapshots, $history, $files, $manifests, $refs), or SHOW CREATE TABLE',
    )
  }
  const table = cursor.tableName()
  cursor.expectEnd()
  return { kind: 'show setting', name: table.parts.join('.'), table }
}

function like(cursor: Cursor): string | undefined {
  const pattern = cursor.accept('LIKE') ? cursor.string('a pattern') : undefined
  cursor.expectEnd()
  return pattern
}

function setting(cursor: Cursor): Statement {
  const isReset = cursor.accept('RESET')
  if (!isReset) cursor.expect('SET')
  if (cursor.sees('GLOBAL'))
    throw cursor.unsupported(
      'SET GLOBAL is not supported',
      'settings of the engine follow from the configuration: icebox config explain',
    )
  if (!cursor.accept('SESSION')) cursor.accept('LOCAL')
  if (cursor.accept('TIME', 'ZONE')) {
    const value = settingValue(cursor)
    cursor.expectEnd()
    return { kind: 'set', name: 'TimeZone', value }
  }
  if (cursor.sees('VARIABLE')) throw cursor.unsupported('variables are not kept', 'bind parameters as $1, $2, …')
  const name = cursor.name('the name of a setting')
  if (isReset) {
    cursor.expectEnd()
    return { kind: 'set', name, value: undefined }
  }
  if (!cursor.acceptText('=')) cursor.expect('TO')
  const value = settingValue(cursor)
  cursor.expectEnd()
  return { kind: 'set', name, value }
}

function settingValue(cursor: Cursor): string {
  const token = cursor.peek()
  const value = stringValue(token) ?? nameOf(token) ?? (token?.kind === 'number' ? token.text : undefined)
  if (value === undefined) throw cursor.error('expected a value')
  cursor.next()
  return value
}
