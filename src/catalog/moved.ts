import { IceboxError, isIceboxError } from '../base/index.ts'
import {
  currentSnapshot,
  metadataFolder,
  type MovedLocation,
  movedLocation,
  type TableMetadata,
} from '../iceberg/index.ts'
import { baseName, isBelow, joinUri, type ObjectStore, parentUri, sameLocation } from '../storage/index.ts'

/** `metadata/<file>` at least; deeper than any namespace and table that is likely. */
const MIN_SEGMENTS = 2
const MAX_SEGMENTS = 12

/**
 * Where a metadata file lies below the warehouse, if its folder was moved or copied there (a mount, `cp -r`, `mv`): the old
 * root and the new one. Undefined where it is named below the warehouse already, or is not found there.
 */
export async function movedRoot(
  io: ObjectStore,
  warehouse: string,
  location: string,
): Promise<MovedLocation | undefined> {
  const to = warehouse.replace(/\/+$/, '')
  if (isBelow(location, to)) return undefined
  const segments = location.split('/')
  for (let kept = MIN_SEGMENTS; kept <= Math.min(MAX_SEGMENTS, segments.length - 1); kept++) {
    if (await exists(io, joinUri(to, ...segments.slice(-kept)))) return { from: segments.slice(0, -kept).join('/'), to }
  }
  return undefined
}

/**
 * Rejects `lake/moved`, naming the old and the new root, for metadata that is named elsewhere and lies below the warehouse:
 * the lakehouse was moved, or copied. A copy must not work on the files of its original, which are where it says.
 */
export async function refuseMoved(
  io: ObjectStore,
  warehouse: string,
  tableText: string,
  location: string,
): Promise<void> {
  const moved = await movedRoot(io, warehouse, location)
  if (moved === undefined) return
  throw movedError(tableText, location, moved, 'the lakehouse')
}

/** `lake/moved` for a table, with the old root and the new one. */
export function movedError(tableText: string, location: string, moved: MovedLocation, what: string): IceboxError {
  return new IceboxError('lake/moved', {
    message: `the files of ${tableText} are named at ${moved.from} and lie at ${moved.to}: ${what} was moved or copied`,
    remedy: 'move it back, or rewrite its metadata with icebox table relocate',
    context: { table: tableText, oldRoot: moved.from, newRoot: moved.to, location },
  })
}

/**
 * Where the folder of a table is whose metadata file lies elsewhere than its own metadata says: what the metadata names there
 * is found beside that file. `isCopy` where it is found at both places. Undefined for a table that is where it says.
 */
export async function movedTable(
  io: ObjectStore,
  metadata: TableMetadata,
  metadataLocation: string,
): Promise<(MovedLocation & { readonly isCopy: boolean }) | undefined> {
  const folder = parentUri(metadataLocation)
  const from = metadata.location
  const own = metadataFolder(from, metadata.properties)
  if (![from, own].every((location) => /^(\/|[a-z][a-z0-9+.-]*:)/i.test(location))) return undefined
  if (isBelow(metadataLocation, from) || sameLocation(folder, own)) return undefined
  const to = baseName(folder) === 'metadata' ? parentUri(folder) : folder
  const snapshot = currentSnapshot(metadata)
  const named = snapshot?.manifestList ?? snapshot?.manifests?.[0] ?? joinUri(own, baseName(metadataLocation))
  const beside = movedLocation(named, { from, to })
  if (beside === named || !(await exists(io, beside))) return undefined
  return { from, to, isCopy: await exists(io, named) }
}

/**
 * Rejects `lake/moved` for a copy of a table that is there: it would be taken for the original, whose files its metadata
 * names.
 */
export function refuseCopy(moved: MovedLocation, metadataLocation: string): never {
  throw new IceboxError('lake/moved', {
    message: `${metadataLocation} is of a copy: it names the files of the table at ${moved.from}, and those at ${moved.to} are named by nothing`,
    remedy: `register the table at ${moved.from} itself, or write the copy anew: CREATE TABLE … AS SELECT * FROM iceberg_scan('…', allow_moved_paths => true)`,
    context: { oldRoot: moved.from, newRoot: moved.to, location: metadataLocation },
  })
}

/** The error for a metadata file that is not where the catalog says. */
export function missingMetadata(tableText: string, location: string, cause: unknown): IceboxError {
  return new IceboxError('storage/not-found', {
    message: `the current metadata of ${tableText} is missing: ${location}`,
    remedy: 'restore that file from a copy, or drop the table and register an older metadata file of its folder',
    context: { table: tableText, uri: location },
    cause,
  })
}

async function exists(io: ObjectStore, uri: string): Promise<boolean> {
  try {
    await io.head(uri)
    return true
  } catch (error) {
    if (isIceboxError(error, 'storage/')) return false
    throw error
  }
}
