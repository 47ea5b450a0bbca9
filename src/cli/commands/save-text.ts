import { writeFile } from 'node:fs/promises'
import { IceboxError, messageOf } from '../../base/index.ts'

/** Writes a file that a command was asked for. Rejects `storage/io`. */
export async function saveText(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text)
  } catch (error) {
    throw new IceboxError('storage/io', {
      message: `${path} cannot be written: ${messageOf(error)}`,
      context: { path },
      cause: error,
    })
  }
}
