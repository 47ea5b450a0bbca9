import { createHash } from 'node:crypto'
import { halfPairAt, IceboxError } from '../base/index.ts'
import type { Namespace, TableIdentifier } from './port.ts'

/** Columns of the database are VARCHAR(255), which Postgres enforces and SQLite does not. */
const MAX_NAME_LENGTH = 255
/** File systems take 255 bytes; room is left for a suffix. */
const MAX_FOLDER_BYTES = 200

/** `a.b` of `['a', 'b']`: how the database holds a namespace. Rejects `name/invalid`. */
export function namespaceKey(namespace: Namespace): string {
  if (namespace.length === 0) throw invalidName('namespace', '', 'it has no levels')
  for (const level of namespace) {
    checkName('namespace', level)
    if (level.includes('.')) throw invalidName('namespace', level, 'a level cannot hold a dot, which separates levels')
    // PyIceberg strips levels before it looks them up, and would not find it.
    if (level !== level.trim()) throw invalidName('namespace', level, 'a level cannot begin or end with a space')
  }
  const key = namespace.join('.')
  if (key.length > MAX_NAME_LENGTH)
    throw invalidName('namespace', key, `it is longer than ${MAX_NAME_LENGTH} characters`)
  return key
}

/** Levels of a namespace as the database holds it. */
export function namespaceOf(key: string): Namespace {
  return key.split('.')
}

/** Rejects `name/invalid` for a name that cannot be that of a table. */
export function checkTableName(name: string): void {
  checkName('table', name)
}

/** `a.b.orders` for people: the levels of the namespace and the name, joined by dots. */
export function tableText(table: TableIdentifier): string {
  return `${table.namespace.join('.')}.${table.name}`
}

/**
 * The folder that a name gets in the warehouse: the name itself where every file system and reader takes it, else the name
 * with other characters replaced and a hash that keeps it apart. No percent signs, globs or dots at the start, which
 * readers decode, expand or hide.
 */
export function folderName(name: string): string {
  const safe = name.replace(/[^\p{L}\p{M}\p{N}_.-]/gu, '_').replace(/^[.-]/, '_')
  if (safe === name && Buffer.byteLength(name) <= MAX_FOLDER_BYTES) return name
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8)
  let short = safe
  while (Buffer.byteLength(short) > MAX_FOLDER_BYTES) short = short.slice(0, Math.floor(short.length * 0.9))
  return `${short}-${hash}`
}

function checkName(kind: 'namespace' | 'table', name: string): void {
  if (name.trim() === '') throw invalidName(kind, name, 'it is empty')
  if (name.length > MAX_NAME_LENGTH) throw invalidName(kind, name, `it is longer than ${MAX_NAME_LENGTH} characters`)
  if (/\p{Cc}/u.test(name)) throw invalidName(kind, name, 'it holds a control character')
  if (halfPairAt(name) >= 0) throw invalidName(kind, name, 'it holds half of a surrogate pair')
}

function invalidName(kind: 'namespace' | 'table', name: string, why: string): IceboxError {
  return new IceboxError('name/invalid', {
    message: `${JSON.stringify(name)} cannot name a ${kind}: ${why}`,
    remedy: kind === 'namespace' ? 'write levels apart, as in a.b' : 'choose another name',
    context: { name },
  })
}
