import { isKeyword, stringValue } from '../text/tokenizer.ts'
import type { AlterTable, ColumnPosition, Statement, TableChange } from './ast.ts'
import { columnDefinition } from './create.ts'
import type { Cursor } from './cursor.ts'
import { parsePartitionTerm, parseSortTerm } from './layout.ts'
import { parseProperties, propertyKey } from './properties.ts'
import { FieldIds, parseNewTypeAt } from './types.ts'

/** `ALTER …`, after the keyword. */
export function parseAlter(cursor: Cursor): Statement {
  if (!cursor.accept('TABLE')) {
    throw cursor.unsupported(
      `ALTER ${cursor.peek()?.text ?? ''} is not supported`,
      'ALTER TABLE changes columns, partitioning, order and properties',
    )
  }
  const ifExists = cursor.accept('IF', 'EXISTS')
  const table = cursor.tableName()
  if (cursor.accept('RENAME', 'TO')) {
    const to = cursor.tableName()
    cursor.expectEnd()
    return { kind: 'rename table', table, to, ifExists }
  }
  const changes: AlterTable['changes'][number][] = []
  do {
    const start = cursor.offset
    changes.push(...change(cursor).map((one) => ({ ...one, start })))
  } while (cursor.acceptText(','))
  cursor.expectEnd()
  return { kind: 'alter table', table, ifExists, changes }
}

function change(cursor: Cursor): TableChange[] {
  if (cursor.accept('ADD', 'PARTITION', 'FIELD')) return [{ change: 'add partition', term: parsePartitionTerm(cursor) }]
  if (cursor.accept('DROP', 'PARTITION', 'FIELD'))
    return [{ change: 'drop partition', term: parsePartitionTerm(cursor) }]
  if (cursor.accept('REPLACE', 'PARTITION', 'FIELD')) {
    const old = parsePartitionTerm(cursor)
    cursor.expect('WITH')
    return [{ change: 'replace partition', old, term: parsePartitionTerm(cursor) }]
  }
  if (cursor.accept('ADD')) return addColumns(cursor)
  if (cursor.accept('DROP')) return dropColumns(cursor)
  if (cursor.accept('RENAME')) {
    cursor.accept('COLUMN')
    const path = cursor.path('a column')
    cursor.expect('TO')
    return [{ change: 'rename column', path, name: cursor.name('the new name') }]
  }
  if (cursor.accept('MOVE')) {
    cursor.accept('COLUMN')
    const path = cursor.path('a column')
    return [{ change: 'move column', path, place: needPosition(cursor) }]
  }
  if (cursor.accept('WRITE', 'UNORDERED')) return [{ change: 'set sort', terms: [] }]
  if (cursor.accept('WRITE', 'ORDERED', 'BY')) return [{ change: 'set sort', terms: sortTerms(cursor) }]
  if (cursor.accept('SET')) return setChange(cursor)
  if (cursor.accept('UNSET')) {
    if (!cursor.accept('TBLPROPERTIES')) cursor.expect('PROPERTIES')
    cursor.accept('IF', 'EXISTS')
    return [{ change: 'unset properties', keys: cursor.list(() => propertyKey(cursor)) }]
  }
  if (cursor.accept('RESET', 'PARTITIONED', 'BY')) return [{ change: 'set partitions', terms: [] }]
  if (cursor.accept('RESET', 'SORTED', 'BY')) return [{ change: 'set sort', terms: [] }]
  if (cursor.accept('RESET')) return [{ change: 'unset properties', keys: cursor.list(() => propertyKey(cursor)) }]
  if (cursor.accept('ALTER') || cursor.accept('MODIFY') || cursor.accept('CHANGE')) return [alterColumn(cursor)]
  if (isKeyword(cursor.peek(), 'CREATE', 'REPLACE') && isKeyword(cursor.peek(1), 'BRANCH', 'TAG')) {
    throw cursor.unsupported(
      'branches and tags are read, not made, by this version',
      'make them with another Iceberg tool',
    )
  }
  throw cursor.error(
    `'${cursor.peek()?.text ?? ''}' is no change of a table`,
    'use ADD, DROP, RENAME or ALTER COLUMN, ADD, DROP or REPLACE PARTITION FIELD, WRITE ORDERED BY, SET or UNSET TBLPROPERTIES, RENAME TO',
  )
}

function addColumns(cursor: Cursor): TableChange[] {
  const isList = cursor.accept('COLUMNS')
  if (!isList) cursor.accept('COLUMN')
  const ifNotExists = cursor.accept('IF', 'NOT', 'EXISTS')
  const ids = new FieldIds()
  if (isList || cursor.peek()?.text === '(') return cursor.list(() => addColumn(cursor, ids, ifNotExists))
  return [addColumn(cursor, ids, ifNotExists)]
}

function addColumn(cursor: Cursor, ids: FieldIds, ifNotExists: boolean): TableChange {
  const parent: string[] = []
  while (cursor.peek(1)?.text === '.') {
    parent.push(cursor.name('a column'))
    cursor.expectText('.')
  }
  const field = columnDefinition(cursor, ids)
  return {
    change: 'add column',
    path: [...parent, field.name],
    field,
    place: position(cursor),
    default: undefined,
    ifNotExists,
  }
}

function dropColumns(cursor: Cursor): TableChange[] {
  if (!cursor.accept('COLUMNS')) cursor.accept('COLUMN')
  const ifExists = cursor.accept('IF', 'EXISTS')
  const paths = cursor.peek()?.text === '(' ? cursor.list(() => cursor.path('a column')) : [cursor.path('a column')]
  if (cursor.sees('CASCADE')) throw cursor.unsupported('DROP COLUMN … CASCADE is not supported', 'leave CASCADE out')
  cursor.accept('RESTRICT')
  return paths.map((path) => ({ change: 'drop column', path, ifExists }))
}

function alterColumn(cursor: Cursor): TableChange {
  cursor.accept('COLUMN')
  const path = cursor.path('a column')
  if (cursor.accept('SET', 'NOT', 'NULL')) return { change: 'set not null', path }
  if (cursor.accept('DROP', 'NOT', 'NULL')) return { change: 'drop not null', path }
  if (cursor.sees('SET', 'DEFAULT') || cursor.sees('DROP', 'DEFAULT')) {
    throw cursor.unsupported(
      'column defaults need format version 3, which is not written yet',
      'give the value when rows are written',
    )
  }
  if (cursor.accept('SET', 'DATA', 'TYPE') || cursor.accept('TYPE') || cursor.accept('SET', 'TYPE')) {
    const type = parseNewTypeAt(cursor, new FieldIds(), path.join('.'))
    if (cursor.sees('USING'))
      throw cursor.unsupported(
        'ALTER COLUMN … USING would rewrite the table',
        'types only widen; or add a column and fill it with INSERT OVERWRITE',
      )
    return { change: 'set type', path, type }
  }
  if (cursor.accept('COMMENT')) return { change: 'set comment', path, doc: cursor.string('a comment') }
  const place = position(cursor)
  if (place !== undefined) return { change: 'move column', path, place }
  throw cursor.error('expected SET DATA TYPE, SET NOT NULL, DROP NOT NULL, COMMENT, FIRST, AFTER or BEFORE')
}

function setChange(cursor: Cursor): TableChange[] {
  if (cursor.accept('PARTITIONED', 'BY')) {
    return [{ change: 'set partitions', terms: cursor.list(() => parsePartitionTerm(cursor)) }]
  }
  if (cursor.accept('SORTED', 'BY')) return [{ change: 'set sort', terms: sortTerms(cursor) }]
  if (cursor.accept('LOCATION'))
    throw cursor.unsupported('SET LOCATION is not supported', 'a table stays where it is; make a new one with LOCATION')
  if (!cursor.accept('TBLPROPERTIES')) cursor.accept('PROPERTIES')
  if (cursor.peek()?.text === '(') return [{ change: 'set properties', properties: parseProperties(cursor) }]
  // Trino writes no brackets: SET PROPERTIES x = 1.
  const key = propertyKey(cursor)
  cursor.expectText('=')
  const value = stringValue(cursor.peek()) ?? cursor.peek()?.text
  if (value === undefined) throw cursor.error('expected a value')
  cursor.next()
  return [{ change: 'set properties', properties: { [key]: value } }]
}

function sortTerms(cursor: Cursor) {
  if (cursor.peek()?.text === '(') return cursor.list(() => parseSortTerm(cursor))
  const terms = [parseSortTerm(cursor)]
  while (cursor.acceptText(',')) terms.push(parseSortTerm(cursor))
  return terms
}

function position(cursor: Cursor): ColumnPosition | undefined {
  if (cursor.accept('FIRST')) return 'first'
  if (cursor.accept('AFTER')) return { after: cursor.path('a column').at(-1) ?? '' }
  if (cursor.accept('BEFORE')) return { before: cursor.path('a column').at(-1) ?? '' }
  return undefined
}

function needPosition(cursor: Cursor): ColumnPosition {
  const place = position(cursor)
  if (place === undefined) throw cursor.error('expected FIRST, AFTER or BEFORE')
  return place
}
