import { IceboxError } from './errors.ts'
import { sqlName } from './sql-name.ts'

interface Name {
  readonly namespace: readonly string[]
  readonly name: string
}

/**
 * `namespace.table`; a level with other characters, or a namespace of several levels, stands in double quotes:
 * `"a.b".orders` is table orders of namespace a.b. Case is kept. Rejects `name/invalid`.
 */
export function parseTableName(text: string): Name {
  if (typeof text !== 'string') {
    throw new IceboxError('name/invalid', {
      message: `a table was named by ${text === undefined ? 'undefined' : `what is no text (${typeof text})`}`,
      remedy: 'write namespace.table, as in sales.orders',
    })
  }
  const parts: string[] = []
  const pattern = /\s*(?:"((?:[^"]|"")*)"|([^".\s][^".]*?))\s*(\.|$)/y
  while (pattern.lastIndex < text.length || parts.length === 0) {
    const match = pattern.exec(text)
    if (match === null) throw invalid(text, 'it is not of the form namespace.table')
    parts.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
    if (match[3] === '') break
    if (pattern.lastIndex >= text.length) throw invalid(text, 'it ends with a dot')
  }
  const name = parts.pop()
  if (name === undefined || parts.length === 0) throw invalid(text, 'it has no namespace')
  return { namespace: parts.flatMap((part) => part.split('.')), name }
}

/**
 * A table as SQL and the commands take it: a namespace of several levels is one name in quotes. What {@link parseTableName}
 * reads.
 */
export function tableSql(namespace: readonly string[], name: string): string {
  return `${sqlName(namespace.join('.'))}.${sqlName(name)}`
}

function invalid(text: string, why: string): IceboxError {
  return new IceboxError('name/invalid', {
    message: `'${text}' does not name a table: ${why}`,
    remedy: 'write namespace.table, as in sales.orders; other characters stand in double quotes: "a.b"."My Table"',
    context: { name: text },
  })
}
