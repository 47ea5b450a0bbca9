import { isAbsolute, resolve } from 'node:path'
import { isIceboxError } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import {
  readTableMetadata,
  refuseRolledBack,
  schemaOf,
  snapshotAt,
  type SnapshotSelector,
} from '../../iceberg/index.ts'
import { fileUri, type ObjectStore } from '../../storage/index.ts'
import { metadataFileOf } from '../../catalog/index.ts'
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
  const metadataLocation = await metadataFileOf(root, io, values.get('version'))
  const metadata = await readTableMetadata(io, metadataLocation)
  const selector = selectorOf(values)
  const pinned = selector === undefined ? undefined : snapshotAt(metadata, selector)
  const label = `iceberg_scan('${scan.path}')`
  if (pinned === undefined) refuseRolledBack(metadata, label)
  const moved = values.get('allow_moved_paths') === 'true'
  const folder = metadataLocation.replace(/\/metadata\/[^/]*$/, '')
  const relocation = moved ? relocated(io, metadata.location, folder) : { io, locate: (uri: string) => uri }
  return {
    label,
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
