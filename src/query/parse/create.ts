import type { NestedField } from '../../iceberg/index.ts'
import { splitStatements, statementError } from '../text/statements.ts'
import { isKeyword, tokenize } from '../text/tokenizer.ts'
import type { CreateTable, Statement } from './ast.ts'
import { Cursor } from './cursor.ts'
import { type PartitionTerm, parsePartitionTerm, parseSortTerm, type SortTerm } from './layout.ts'
import { listValue, parseProperties, propertyKey, propertyValue } from './properties.ts'
import { FieldIds, parseTypeAt } from './types.ts'

/** What CREATE makes that is no table or schema, with what to do instead. */
const NOT_MADE: Readonly<Record<string, string>> = {
  VIEW: 'views come with a later version; use WITH … AS (…) in the query',
  MACRO: 'write the expression in the query',
  FUNCTION: 'write the expression in the query',
  INDEX: 'Iceberg has no indexes; partition the table (PARTITIONED BY) or sort it (SORTED BY)',
  SEQUENCE: 'Iceberg has no sequences; number rows with row_number() in the query',
  TYPE: 'use VARCHAR, or STRUCT(…) in the column definition',
  SECRET: 'credentials are configured, not made by SQL',
}

/** `CREATE …`, after the keyword. */
export function parseCreate(cursor: Cursor): Statement {
  const orReplace = cursor.accept('OR', 'REPLACE')
  if (cursor.sees('TEMP') || cursor.sees('TEMPORARY')) {
    throw cursor.unsupported(
      'temporary tables are not made',
      'use WITH … AS (…) in the query, or CREATE TABLE … AS and DROP TABLE',
    )
  }
  if (cursor.accept('SCHEMA') || cursor.accept('NAMESPACE') || cursor.accept('DATABASE')) {
    if (orReplace) throw cursor.unsupported('CREATE OR REPLACE SCHEMA would drop its tables', 'drop the schema first')
    return createSchema(cursor)
  }
  if (cursor.accept('TABLE')) return createTable(cursor, orReplace)
  const word = cursor.peek()?.text.toUpperCase() ?? ''
  const instead =
    NOT_MADE[word === 'RECURSIVE' || word === 'MATERIALIZED' ? 'VIEW' : word === 'UNIQUE' ? 'INDEX' : word]
  if (instead !== undefined) throw cursor.unsupported(`CREATE ${word} is not supported`, instead)
  throw cursor.error('expected TABLE or SCHEMA')
}

function createSchema(cursor: Cursor): Statement {
  const ifNotExists = cursor.accept('IF', 'NOT', 'EXISTS')
  const namespace = namespaceOf(cursor)
  const properties: Record<string, string> = {}
  for (;;) {
    if (cursor.accept('COMMENT')) properties['comment'] = cursor.string('a comment')
    else if (cursor.accept('LOCATION')) properties['location'] = cursor.string('a location')
    else if (cursor.accept('WITH', 'PROPERTIES') || cursor.accept('WITH', 'DBPROPERTIES') || cursor.accept('WITH')) {
      Object.assign(properties, parseProperties(cursor))
    } else break
  }
  cursor.expectEnd()
  return { kind: 'create schema', namespace, ifNotExists, properties }
}

/** Levels of a namespace: `a.b`, or one quoted name `"a.b"`. */
export function namespaceOf(cursor: Cursor): string[] {
  return cursor.path('the name of a schema').flatMap((part) => part.split('.'))
}

function createTable(cursor: Cursor, orReplace: boolean): CreateTable {
  const ifNotExists = cursor.accept('IF', 'NOT', 'EXISTS')
  if (ifNotExists && orReplace) throw cursor.error('OR REPLACE and IF NOT EXISTS contradict each other')
  const table = cursor.tableName()
  const fields = cursor.peek()?.text === '(' ? columnDefinitions(cursor) : undefined
  const layout = new Layout()
  while (!cursor.isAtEnd && !cursor.sees('AS')) layout.clause(cursor)
  const query = cursor.accept('AS') ? cursor.rest() : undefined
  if (fields === undefined && query === undefined) {
    throw cursor.error(
      'expected the columns of the table, or AS and a query',
      'write CREATE TABLE ns.t (id BIGINT, …) or CREATE TABLE ns.t AS SELECT …',
    )
  }
  if (fields !== undefined && query !== undefined) {
    throw cursor.unsupported(
      'a table made from a query takes its columns from it',
      'leave out the column list and name and cast the columns in the query',
    )
  }
  return {
    kind: 'create table',
    table,
    mode: orReplace ? 'or replace' : ifNotExists ? 'if not exists' : 'create',
    schema: fields === undefined ? undefined : { schemaId: 0, fields, identifierFieldIds: [] },
    partitions: layout.partitions,
    sort: layout.sort,
    properties: layout.properties,
    location: layout.location,
    query,
  }
}

/** Clauses between the columns and AS, as Spark, Trino and DuckDB write them, in any order. */
class Layout {
  partitions: readonly PartitionTerm[] = []
  sort: readonly SortTerm[] = []
  location: string | undefined
  readonly properties: Record<string, string> = {}

  clause(cursor: Cursor): void {
    if (cursor.accept('USING')) {
      const format = cursor.name('a format')
      if (format.toLowerCase() !== 'iceberg') {
        throw cursor.unsupported(
          `tables of the format ${format} are not made`,
          'leave USING out: every table is an Iceberg table',
        )
      }
    } else if (cursor.accept('PARTITIONED', 'BY') || cursor.accept('PARTITION', 'BY')) {
      this.partitions = cursor.list(() => parsePartitionTerm(cursor))
    } else if (cursor.accept('SORTED', 'BY') || cursor.accept('WRITE', 'ORDERED', 'BY')) {
      this.sort = cursor.peek()?.text === '(' ? cursor.list(() => parseSortTerm(cursor)) : [parseSortTerm(cursor)]
    } else if (cursor.accept('COMMENT')) {
      cursor.acceptText('=')
      this.properties['comment'] = cursor.string('a comment')
    } else if (cursor.accept('LOCATION')) {
      this.location = cursor.string('a location')
    } else if (cursor.accept('TBLPROPERTIES') || cursor.accept('OPTIONS')) {
      Object.assign(this.properties, parseProperties(cursor))
    } else if (cursor.accept('WITH')) {
      this.#with(cursor)
    } else {
      throw cursor.error(
        `'${cursor.peek()?.text ?? ''}' is not expected here`,
        'after the columns: PARTITIONED BY (…), SORTED BY (…), TBLPROPERTIES (…), COMMENT, LOCATION, then AS',
      )
    }
  }

  /** Trino's form: `WITH (partitioning = ARRAY['day(ts)'], sorted_by = ARRAY['id'], location = '…', 'key' = 'value')`. */
  #with(cursor: Cursor): void {
    cursor.list(() => {
      const key = propertyKey(cursor)
      cursor.expectText('=')
      const items = listValue(cursor)
      if (key === 'partitioning' && items !== undefined)
        this.partitions = items.map((item) => readAlone(item, parsePartitionTerm))
      else if (key === 'sorted_by' && items !== undefined)
        this.sort = items.map((item) => readAlone(item, parseSortTerm))
      else if (items !== undefined)
        throw cursor.unsupported(`the property ${key} takes no list`, 'use partitioning or sorted_by')
      else this.#scalar(cursor, key, propertyValue(cursor))
    })
  }

  #scalar(cursor: Cursor, key: string, value: string): void {
    if (key === 'location') this.location = value
    else if (key === 'format_version') this.properties['format-version'] = value
    else if (key === 'format') {
      if (value.toLowerCase() !== 'parquet')
        throw cursor.unsupported(
          `data files of the format ${value} are not written`,
          "use format = 'PARQUET' or leave it out",
        )
    } else this.properties[key] = value
  }
}

function readAlone<T>(text: string, read: (cursor: Cursor) => T): T {
  const [statement] = splitStatements(text)
  const cursor = new Cursor(statement ?? { sql: '', offset: 0, script: text, tokens: tokenize('') })
  const result = read(cursor)
  cursor.expectEnd()
  return result
}

const CONSTRAINTS: Readonly<Record<string, string>> = {
  PRIMARY: 'Iceberg does not enforce keys; leave it out',
  UNIQUE: 'Iceberg does not enforce uniqueness; leave it out',
  FOREIGN: 'Iceberg does not enforce references; leave it out',
  REFERENCES: 'Iceberg does not enforce references; leave it out',
  CHECK: 'Iceberg does not enforce checks; filter the rows when they are written',
  CONSTRAINT: 'Iceberg enforces NOT NULL only',
  DEFAULT: 'defaults need format version 3, which is not written yet; give the value when rows are written',
  GENERATED: 'compute the column in the query that writes the rows',
  COLLATE: 'use COLLATE in the query',
}

function columnDefinitions(cursor: Cursor): NestedField[] {
  const ids = new FieldIds()
  const fields: NestedField[] = []
  cursor.list(() => {
    if (
      isKeyword(cursor.peek(), 'PRIMARY', 'UNIQUE', 'FOREIGN', 'CHECK', 'CONSTRAINT') &&
      cursor.peek(1)?.kind !== undefined
    ) {
      refuseConstraint(cursor)
    }
    const at = cursor.offset
    const field = columnDefinition(cursor, ids)
    const twin = fields.find((known) => known.name.toLowerCase() === field.name.toLowerCase())
    if (twin !== undefined) {
      throw statementError(
        cursor.statement,
        at,
        `columns '${twin.name}' and '${field.name}' differ by case only or not at all`,
        'give each column a name of its own',
      )
    }
    fields.push(field)
  })
  if (fields.length === 0) throw cursor.error('a table needs at least one column')
  return fields
}

/** `name type [NOT NULL] [COMMENT '…']`. */
export function columnDefinition(cursor: Cursor, ids: FieldIds): NestedField {
  const name = cursor.name('the name of a column')
  const type = parseTypeAt(cursor, ids, name)
  let required = false
  let doc: string | undefined
  for (;;) {
    if (cursor.accept('NOT', 'NULL')) required = true
    else if (cursor.accept('COMMENT')) doc = cursor.string('a comment')
    else if (!cursor.accept('NULL')) break
  }
  refuseConstraint(cursor)
  return { id: ids.next(), name, type, required, ...(doc === undefined ? {} : { doc }) }
}

function refuseConstraint(cursor: Cursor): void {
  const word = cursor.peek()?.text.toUpperCase() ?? ''
  const instead = isKeyword(cursor.peek(), ...Object.keys(CONSTRAINTS)) ? CONSTRAINTS[word] : undefined
  if (instead !== undefined) throw cursor.unsupported(`${word} is not supported in a table`, instead)
}
