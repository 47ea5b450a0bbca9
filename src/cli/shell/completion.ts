import { sqlName, tableSql } from '../../base/index.ts'
import { DOT_COMMANDS } from './dot-commands.ts'

/** What can be completed to. */
export interface CompletionWords {
  /** `namespace.table` */
  readonly tables: readonly string[]
  /** Columns of the tables that the statement names. */
  readonly columns: readonly string[]
}

/** The candidates for the word before the cursor, and that word. */
export interface Completion {
  readonly candidates: string[]
  readonly word: string
}

// biome-ignore format: a list of words
const KEYWORDS = [
  'add', 'all', 'alter', 'and', 'any', 'as', 'asc', 'at', 'between', 'by', 'case', 'cast', 'column', 'count', 'create', 'cross',
  'date', 'delete', 'desc', 'describe', 'distinct', 'drop', 'else', 'end', 'except', 'exclude', 'exists', 'explain', 'extract',
  'false', 'filter', 'from', 'full', 'group', 'having', 'ilike', 'in', 'inner', 'insert', 'intersect', 'interval', 'into', 'is',
  'join', 'lateral', 'left', 'like', 'limit', 'not', 'null', 'nulls', 'offset', 'on', 'or', 'order', 'outer', 'over', 'partition',
  'pivot', 'qualify', 'rename', 'replace', 'right', 'sample', 'schema', 'select', 'set', 'show', 'snapshots', 'summarize', 'table',
  'tables', 'then', 'timestamp', 'to', 'true', 'union', 'unnest', 'unpivot', 'using', 'values', 'version', 'view', 'when', 'where',
  'window', 'with',
]

/** More candidates than this help nobody. */
const MAX_CANDIDATES = 200

/**
 * Completes the end of `line`: commands of the shell after a dot at its start, else tables (by their full name, by the name
 * alone, or the part after the namespace), columns (also after `alias.`) and keywords, which follow the case of what was typed.
 */
export function complete(line: string, words: CompletionWords): Completion {
  if (/^\s*\.\w*$/.test(line)) {
    const word = line.trim()
    return { word, candidates: DOT_COMMANDS.map((command) => command.name).filter((name) => name.startsWith(word)) }
  }
  const word = /[\p{L}\p{N}_$."]*$/u.exec(line)?.[0] ?? ''
  const lower = word.toLowerCase()
  const begins = (text: string) => text.toLowerCase().startsWith(lower)
  const found = new Set<string>()
  for (const table of words.tables) {
    const quoted = quotedPath(table)
    if (begins(quoted) || begins(table)) found.add(quoted)
  }
  if (word.includes('.')) {
    const prefix = word.slice(0, word.lastIndexOf('.') + 1)
    const rest = lower.slice(prefix.length)
    const isNamespace = words.tables.some((table) => table.toLowerCase().startsWith(prefix.toLowerCase()))
    for (const column of isNamespace ? [] : words.columns)
      if (column.toLowerCase().startsWith(rest)) found.add(prefix + sqlName(column))
  } else if (word !== '') {
    for (const column of words.columns) if (begins(column)) found.add(sqlName(column))
    const isUpper = word === word.toUpperCase()
    for (const keyword of KEYWORDS) if (begins(keyword)) found.add(isUpper ? keyword.toUpperCase() : keyword)
  }
  return { word, candidates: [...found].slice(0, MAX_CANDIDATES) }
}

/** The tables that a text names, by their full names. */
export function tablesIn(text: string, tables: readonly string[]): string[] {
  const names = new Set((text.toLowerCase().match(/[\p{L}\p{N}_$."]+/gu) ?? []).map((name) => name.replaceAll('"', '')))
  return tables.filter((table) => names.has(table.toLowerCase()))
}

function quotedPath(table: string): string {
  const at = table.lastIndexOf('.')
  return tableSql([table.slice(0, at)], table.slice(at + 1))
}
