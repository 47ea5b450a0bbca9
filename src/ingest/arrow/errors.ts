import { IceboxError } from '../../base/index.ts'

export function truncated(path: string, why: string, cause?: unknown): IceboxError {
  return new IceboxError('source/truncated', {
    message: `${path} is not a whole Arrow file: ${why}`,
    remedy: 'get the file again: it was not transferred whole',
    context: { file: path },
    cause,
  })
}
