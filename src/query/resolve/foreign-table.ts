import { isAbsolute, resolve } from 'node:path'
import { readTableMetadata, schemaOf, snapshotAt, type SnapshotSelector } from '../../iceberg/index.ts'
import { fileUri, type ObjectStore } from '../../storage/index.ts'
import { metadataFileOf } from '../../catalog/index.ts'
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
  const metadataLocation = await metadataFileOf(root, io, scan.options.get('version'))
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
