import { IceboxError, isIceboxError } from '../base/index.ts'
import { isBelow, joinUri, type ObjectStore } from '../storage/index.ts'

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
): Promise<{ readonly from: string; readonly to: string } | undefined> {
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
  throw new IceboxError('lake/moved', {
    message: `the files of ${tableText} are named at ${moved.from} and lie at ${moved.to}: the lakehouse was moved or copied`,
    remedy: 'move it back, or rewrite its metadata with icebox table relocate',
    context: { table: tableText, oldRoot: moved.from, newRoot: moved.to, location },
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
