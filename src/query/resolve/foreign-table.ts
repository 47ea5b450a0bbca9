import { isAbsolute, resolve } from 'node:path'
import { IceboxError, isIceboxError } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import { readTableMetadata, schemaOf, snapshotAt, type SnapshotSelector } from '../../iceberg/index.ts'
import { fileUri, joinUri, type ObjectStore } from '../../storage/index.ts'
import type { StatementText } from '../text/statements.ts'
import { statementError, unsupported } from '../text/statements.ts'
import { relocated } from './relocated-store.ts'
import { flooredMilliseconds } from './milliseconds.ts'
import type { ScanCall } from './references.ts'
import type { ResolvedTable } from './resolved-table.ts'

/** What each argument takes. */
const OPTIONS: Readonly<Record<string, string>> = {
  version: 'the number or name of a version in quotes',
  snapshot_from_id: 'the id of a snapshot',
  snapshot_from_timestamp: 'a time such as 2024-01-31 12:00:00',
  allow_moved_paths: 'true or false',
}

/** Text without a zone is in UTC, as in DuckDB; what has a zone is a moment. */
const MICROSECONDS = (value: string) =>
  `CASE WHEN typeof(${value}) = 'TIMESTAMP WITH TIME ZONE' THEN epoch_us(CAST(${value} AS TIMESTAMPTZ)) ` +
  `ELSE epoch_us(CAST(${value} AS TIMESTAMP)) END`
const AS_READ: Readonly<Record<string, (value: string) => string>> = {
  snapshot_from_id: (value) => `CAST(${value} AS UBIGINT)`,
  snapshot_from_timestamp: MICROSECONDS,
  allow_moved_paths: (value) => `CAST(${value} AS BOOLEAN)`,
}

/**
 * The table of `iceberg_scan('metadata file or table folder')`, without adopting it. Arguments as in DuckDB's iceberg
 * extension: `version`, `snapshot_from_id`, `snapshot_from_timestamp`, `allow_moved_paths`.
 */
export async function readForeignTable(
  scan: ScanCall,
  io: ObjectStore,
  statement: StatementText,
  session: EngineSession,
  signal: AbortSignal | undefined,
): Promise<Omit<ResolvedTable, 'schemaName' | 'viewName'>> {
  const values = await valuesOf(scan, statement, session, signal)
  const root = locationOf(scan.path)
  const metadataLocation = await metadataFileOf(root, values.get('version'), io)
  const metadata = await readTableMetadata(io, metadataLocation)
  const selector = selectorOf(values)
  const pinned = selector === undefined ? undefined : snapshotAt(metadata, selector)
  const moved = values.get('allow_moved_paths') === 'true'
  const folder = metadataLocation.replace(/\/metadata\/[^/]*$/, '')
  const relocation = moved ? relocated(io, metadata.location, folder) : { io, locate: (uri: string) => uri }
  return {
    label: `iceberg_scan('${scan.path}')`,
    identifier: undefined,
    loaded: { metadata, metadataLocation },
    snapshot: pinned ?? (metadata.currentSnapshotId === undefined ? undefined : snapshotAt(metadata)),
    schema: pinned === undefined ? schemaOf(metadata) : schemaOf(metadata, pinned),
    system: undefined,
    ...relocation,
  }
}

/**
 * The arguments' values as text, which the engine finds: they may be cast or reckoned (`now() - INTERVAL 1 DAY`). Rejects
 * `sql/syntax` for what an argument does not take.
 */
async function valuesOf(
  { options, start }: ScanCall,
  statement: StatementText,
  session: EngineSession,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, string>> {
  const values = new Map<string, string>()
  for (const [name, argument] of options) {
    const takes = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined
    if (takes === undefined) {
      const remedy = `use ${Object.keys(OPTIONS).join(', ')}`
      throw unsupported(statement, start, `iceberg_scan has no argument ${name} here`, remedy)
    }
    const value = AS_READ[name]?.(`(${argument.expression})`) ?? `(${argument.expression})`
    const refused = () =>
      statementError(statement, argument.start, `${name} takes ${takes}, not ${argument.expression}`)
    const rows = await session
      .all(`SELECT CAST(${value} AS VARCHAR) AS v`, signal === undefined ? {} : { signal })
      .catch((error: unknown) => {
        throw isIceboxError(error, 'sql/') ? refused() : error
      })
    const text = rows[0]?.['v']
    if (typeof text !== 'string') throw refused()
    values.set(name, text)
  }
  return values
}

/** The snapshot that the arguments ask for. */
function selectorOf(values: ReadonlyMap<string, string>): SnapshotSelector | undefined {
  const id = values.get('snapshot_from_id')
  if (id !== undefined) return { snapshotId: BigInt(id) }
  const time = values.get('snapshot_from_timestamp')
  return time === undefined ? undefined : { timestampMs: flooredMilliseconds(BigInt(time)) }
}

function locationOf(path: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(path) || isAbsolute(path)) return path.replace(/\/+$/, '')
  return fileUri(resolve(path))
}

/** The file itself, or in a folder: the version asked for, `metadata/version-hint.text`, or the newest metadata file. */
async function metadataFileOf(root: string, version: string | undefined, io: ObjectStore): Promise<string> {
  if (/\.metadata\.json(\.gz)?$/.test(root)) return root
  const files: { uri: string; number: number; lastModifiedMs: number }[] = []
  for await (const object of io.list(joinUri(root, 'metadata/'))) {
    const match = /\/v?(\d+)(?:-[^/]*)?(?:\.gz)?\.metadata\.json(?:\.gz)?$/.exec(object.uri)
    if (match !== null) files.push({ uri: object.uri, number: Number(match[1]), lastModifiedMs: object.lastModifiedMs })
  }
  const wanted = version === undefined || version === '?' ? await versionHint(root, io) : version
  if (wanted !== undefined) {
    const named = files.find(({ uri }) => new RegExp(`/v?${escape(wanted)}(?:\\.gz)?\\.metadata\\.json`).test(uri))
    const byNumber = /^\d+$/.test(wanted) ? files.find(({ number }) => number === Number(wanted)) : undefined
    const found = named ?? byNumber
    if (found !== undefined) return found.uri
  }
  const newest = files.toSorted((a, b) => b.number - a.number || b.lastModifiedMs - a.lastModifiedMs)[0]
  if (newest === undefined || (version !== undefined && version !== '?')) {
    throw new IceboxError('storage/not-found', {
      message:
        version === undefined || newest === undefined
          ? `there is no Iceberg metadata below ${joinUri(root, 'metadata')}`
          : `there is no metadata of version ${version} below ${joinUri(root, 'metadata')}`,
      remedy: 'give the folder of the table (it holds metadata/ and data/) or a *.metadata.json file',
      context: { location: root },
    })
  }
  return newest.uri
}

async function versionHint(root: string, io: ObjectStore): Promise<string | undefined> {
  try {
    using hint = await io.read(joinUri(root, 'metadata/version-hint.text'), { maxBytes: 4096 })
    return new TextDecoder().decode(hint.bytes).trim()
  } catch (error) {
    if (isIceboxError(error, 'storage/not-found')) return undefined
    throw error
  }
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}
