import { formatBytes, freeSpaceBytes, IceboxError } from '../../base/index.ts'
import { fileError } from './files.ts'

/** Rejects `storage/full` where a folder's device has less than `bytes` free; a folder that is not there yet counts as its parent. */
export async function needDiskSpace(folder: string, bytes: number, what = 'the import'): Promise<void> {
  const freeBytes = await freeSpaceBytes(folder).catch((error: unknown) => {
    throw fileError(`${folder} cannot be looked at`, error)
  })
  if (freeBytes >= bytes) return
  throw new IceboxError('storage/full', {
    message: `${what} needs about ${formatBytes(bytes)} in ${folder}; ${formatBytes(freeBytes)} is free`,
    remedy: 'free space on the device, or do it in parts',
    context: { folder, neededBytes: bytes, freeBytes },
  })
}
