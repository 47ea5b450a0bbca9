import { IceboxError, messageOf, systemCode } from '../base/index.ts'

/** What a store was doing, for messages: `read`, `create`, `list`, `delete`. */
export type StorageAction = 'read' | 'create' | 'list' | 'delete'

/** A system error of the file system as an error of the room; an IceboxError passes unchanged. */
export function storageError(error: unknown, uri: string, action: StorageAction): IceboxError {
  if (error instanceof IceboxError) return error
  const code = systemCode(error) ?? ''
  const context = { uri, action, systemCode: code }
  switch (code) {
    case 'ENOENT':
      return new IceboxError('storage/not-found', { message: `no object at ${uri}`, context, cause: error })
    case 'ENOTDIR':
      return new IceboxError(action === 'create' ? 'storage/io' : 'storage/not-found', {
        message: `cannot ${action} ${uri}: a part of the path is a file, not a folder`,
        context,
        cause: error,
      })
    case 'EISDIR':
      return new IceboxError('storage/io', {
        message: `cannot ${action} ${uri}: it is a folder`,
        remedy: 'name a file',
        context,
        cause: error,
      })
    case 'EEXIST':
      return existsError(uri, error)
    case 'ENOSPC':
    case 'EDQUOT':
      return new IceboxError('storage/full', {
        message: `cannot ${action} ${uri}: ${code === 'EDQUOT' ? 'the disk quota is used up' : 'no space left on the device'}`,
        remedy: 'free space on that file system, or put the lakehouse on a larger one',
        context,
        cause: error,
      })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new IceboxError('storage/denied', {
        message: `cannot ${action} ${uri}: ${code === 'EROFS' ? 'the file system is read-only' : 'permission denied'}`,
        remedy:
          action === 'read' || action === 'list'
            ? 'give this user read access to it'
            : 'give this user write access to the folder',
        context,
        cause: error,
      })
    case 'EMFILE':
    case 'ENFILE':
      return new IceboxError('storage/io', {
        message: `cannot ${action} ${uri}: too many open files`,
        remedy: 'raise the limit of open files (ulimit -n)',
        context,
        retryable: true,
        cause: error,
      })
    default:
      return new IceboxError('storage/io', {
        message: `cannot ${action} ${uri}: ${messageOf(error)}`,
        context,
        retryable: code === 'EAGAIN' || code === 'EINTR' || code === 'EBUSY',
        cause: error,
      })
  }
}

/** `storage/exists` for a location that is taken. */
export function existsError(uri: string, cause?: unknown): IceboxError {
  return new IceboxError('storage/exists', {
    message: `${uri} exists already and is not overwritten`,
    context: { uri },
    cause,
  })
}

/** `storage/short-read` for a range that passes the end. */
export function shortReadError(uri: string, offset: number, length: number, sizeBytes: number): IceboxError {
  return new IceboxError('storage/short-read', {
    message: `${uri} ends at byte ${sizeBytes}, before the range ${offset} to ${offset + length}`,
    remedy: 'the object is truncated or was replaced: restore it from a copy',
    context: { uri, offset, length, sizeBytes },
  })
}

/** `storage/io` for an object above the limit of one read. */
export function tooLargeError(uri: string, sizeBytes: number, maxBytes: number): IceboxError {
  return new IceboxError('storage/io', {
    message: `${uri} has ${sizeBytes} bytes; at most ${maxBytes} are read at once`,
    remedy: 'read it as a stream or in ranges',
    context: { uri, sizeBytes, maxBytes },
  })
}
