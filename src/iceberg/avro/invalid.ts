import { IceboxError } from '../../base/index.ts'

/** The error of an Avro file that cannot be read; readers of manifests add the location. */
export function invalidAvro(problem: string, cause?: unknown): IceboxError {
  return new IceboxError('iceberg/invalid-manifest', { message: problem, cause })
}
