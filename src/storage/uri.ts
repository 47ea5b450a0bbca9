import { IceboxError } from '../base/index.ts'

/**
 * Locations as the format uses them: raw strings, never URL-decoded (`file:///a%20b` is a file named `a%20b`).
 * A bare absolute path means `file:`. Pure functions.
 */

const SCHEME = /^([a-z][a-z0-9+.-]*):/i
/** Schemes that name the same store. */
const ALIASES: Readonly<Record<string, string>> = { s3a: 's3', s3n: 's3' }

/** The scheme in lower case (`file` for a bare absolute path; `s3a` and `s3n` read `s3`). Rejects `storage/unsupported` for a relative path. */
export function schemeOf(uri: string): string {
  const scheme = SCHEME.exec(uri)?.[1]?.toLowerCase()
  if (scheme !== undefined) return ALIASES[scheme] ?? scheme
  if (uri.startsWith('/')) return 'file'
  throw new IceboxError('storage/unsupported', {
    message: `'${uri}' is not a location: it has no scheme and is not an absolute path`,
    remedy: 'write an absolute path or a URI such as file:///data/lake',
    context: { uri },
  })
}

/** The path of a `file:` location on this machine. Rejects `storage/unsupported` for other schemes and other hosts. */
export function localPath(uri: string): string {
  if (uri.startsWith('/')) return uri
  const scheme = schemeOf(uri)
  const rest = uri.slice(uri.indexOf(':') + 1)
  const path = rest.startsWith('//') ? rest.slice(2).replace(/^localhost(?=\/)/, '') : rest
  if (scheme !== 'file' || !path.startsWith('/') || path.includes('\0')) {
    throw new IceboxError('storage/unsupported', {
      message: `'${uri.replaceAll('\0', '\\0')}' is not a path on this machine`,
      remedy: 'use an absolute path or file:///…',
      context: { uri },
    })
  }
  return path
}

/** The `file:` URI of an absolute path, in the form that other Iceberg tools write: `file:///data/lake`. */
export function fileUri(path: string): string {
  return `file://${path}`
}

/** Path segments below a location, with one slash between each. */
export function joinUri(base: string, ...segments: readonly string[]): string {
  let uri = base
  for (const segment of segments) uri = `${uri.replace(/\/+$/, '')}/${segment.replace(/^\/+/, '')}`
  return uri
}

/** The location one segment up; the root of a store stays what it is. */
export function parentUri(uri: string): string {
  const root = rootLength(uri)
  const trimmed = uri.slice(root).replace(/\/+$/, '')
  const slash = trimmed.lastIndexOf('/')
  return uri.slice(0, root) + (slash < 0 ? '' : trimmed.slice(0, slash).replace(/\/+$/, ''))
}

/** The last segment of a location. */
export function baseName(uri: string): string {
  const trimmed = uri.replace(/\/+$/, '')
  return trimmed.slice(trimmed.lastIndexOf('/') + 1)
}

/**
 * One spelling for each place: `file:///x`, `file:/x` and `/x` become `/x`, `s3a:` becomes `s3:`, slashes at the end and
 * double slashes in local paths go. For comparing and for map keys, never for writing into metadata.
 */
export function normalizeLocation(uri: string): string {
  const scheme = schemeOf(uri)
  if (scheme === 'file') return trimEnd(localPath(uri).replace(/\/{2,}/g, '/'))
  const rest = uri.slice(uri.indexOf(':') + 1)
  if (scheme === 'memory') return `memory:${trimEnd(`/${rest}`.replace(/\/{2,}/g, '/'))}`
  return trimEnd(`${scheme}:${rest}`)
}

/** Whether two locations name the same place, however they are spelled. */
export function sameLocation(a: string, b: string): boolean {
  return a === b || normalizeLocation(a) === normalizeLocation(b)
}

/** Whether `uri` lies below `folder`. */
export function isBelow(uri: string, folder: string): boolean {
  const base = normalizeLocation(folder)
  return normalizeLocation(uri).startsWith(base.endsWith('/') ? base : `${base}/`)
}

function trimEnd(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') || '/' : path
}

/** Characters up to and with the slash that begins the path: `file:///` 8, `s3://bucket/` 12, `/` 1. */
function rootLength(uri: string): number {
  const match = /^(?:file:(?:\/\/(?:localhost)?)?\/|memory:\/*|[a-z][a-z0-9+.-]*:\/\/[^/]*\/?|\/)/i.exec(uri)
  return match?.[0].length ?? 0
}
