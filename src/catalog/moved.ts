import { IceboxError, isIceboxError } from '../base/index.ts'
import { joinUri, type ObjectStore } from '../storage/index.ts'

/** `metadata/<file>` at least; deeper than any namespace and table that is likely. */
const MIN_SEGMENTS = 2
const MAX_SEGMENTS = 12

/**
 * The error for a metadata file that is not where the catalog says. Where the same file lies below the warehouse, the
 * lakehouse was moved (a mount, a copy, `mv`): `lake/moved` names the old and the new root.
 */
export async function missingMetadata(
  io: ObjectStore,
  warehouse: string,
  tableText: string,
  location: string,
  cause: unknown,
): Promise<IceboxError> {
  const segments = location.split('/')
  for (let kept = MIN_SEGMENTS; kept <= Math.min(MAX_SEGMENTS, segments.length - 1); kept++) {
    const newRoot = warehouse.replace(/\/+$/, '')
    const oldRoot = segments.slice(0, -kept).join('/')
    if (oldRoot === newRoot || !(await exists(io, joinUri(newRoot, ...segments.slice(-kept))))) continue
    return new IceboxError('lake/moved', {
      message: `the files of ${tableText} are named at ${oldRoot} and lie at ${newRoot}: the lakehouse was moved`,
      remedy: 'move it back, or rewrite its metadata with icebox table relocate',
      context: { table: tableText, oldRoot, newRoot, location },
      cause,
    })
  }
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
