import { isAbsolute, resolve } from 'node:path'
import { IceboxError, isIceboxError } from '../../base/index.ts'
import { readTableMetadata, schemaOf, snapshotAt, type SnapshotSelector } from '../../iceberg/index.ts'
import { fileUri, joinUri, type ObjectStore } from '../../storage/index.ts'
import type { StatementText } from '../text/statements.ts'
import { statementError, unsupported } from '../text/statements.ts'
import { relocated } from './relocated-store.ts'
import type { ScanCall } from './references.ts'
import type { ResolvedTable } from './resolved-table.ts'

const OPTIONS = ['version', 'snapshot_from_id', 'snapshot_from_timestamp', 'allow_moved_paths']

/**
 * The table of `iceberg_scan('metadata file or table folder')`, without adopting it. Arguments as in DuckDB's iceberg
 * extension: `version`, `snapshot_from_id`, `snapshot_from_timestamp`, `allow_moved_paths`.
 */
export async function readForeignTable(
  scan: ScanCall,
  io: ObjectStore,
  statement: StatementText,
): Promise<Omit<ResolvedTable, 'schemaName' | 'viewName'>> {
  for (const name of scan.options.keys()) {
    if (!OPTIONS.includes(name)) {
      throw unsupported(statement, scan.start, `iceberg_scan has no argument ${name} here`, `use ${OPTIONS.join(', ')}`)
    }
  }
  const root = locationOf(scan.path)
  const metadataLocation = await metadataFileOf(root, scan.options.get('version'), io)
  const metadata = await readTableMetadata(io, metadataLocation)
  const selector = selectorOf(scan, statement)
  const pinned = selector === undefined ? undefined : snapshotAt(metadata, selector)
  const moved = scan.options.get('allow_moved_paths')?.toLowerCase() === 'true'
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

/** The snapshot that the arguments ask for. Rejects `sql/syntax` for a value that is no id or no time. */
function selectorOf({ options, start }: ScanCall, statement: StatementText): SnapshotSelector | undefined {
  const id = options.get('snapshot_from_id')
  if (id !== undefined) {
    if (/^-?\d+$/.test(id)) return { snapshotId: BigInt(id) }
    throw statementError(statement, start, `snapshot_from_id takes the id of a snapshot, not '${id}'`)
  }
  const time = options.get('snapshot_from_timestamp')
  if (time === undefined) return undefined
  const timestampMs = Date.parse(time.includes('Z') ? time : `${time.replace(' ', 'T')}Z`)
  if (Number.isSafeInteger(timestampMs)) return { timestampMs: BigInt(timestampMs) }
  throw statementError(
    statement,
    start,
    `snapshot_from_timestamp takes a time such as 2024-01-31 12:00:00, not '${time}'`,
  )
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
