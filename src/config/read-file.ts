import { readFile, stat } from 'node:fs/promises'
import { brokenUtf8Line, formatBytes, IceboxError, messageOf, systemCode } from '../base/index.ts'
import { parsePlainConfiguration } from './plain-file.ts'
import { unreadableFile } from './problems.ts'
import type { Setting } from './sources.ts'

const MAX_FILE_BYTES = 1_000_000

/** Settings of a file, and what is wrong with its shape. Rejects `config/unreadable` for a file that is no YAML mapping. */
export async function readConfigurationFile(path: string): Promise<{ settings: Setting[]; problems: IceboxError[] }> {
  const text = await readText(path)
  const plain = parsePlainConfiguration(text, path)
  if (plain !== undefined) return { settings: plain, problems: [] }
  return (await import('./file.ts')).parseConfiguration(text, path)
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path)
    if (size > MAX_FILE_BYTES) throw unreadableFile(path, `has ${formatBytes(size)}, more than any configuration`)
    const bytes = await readFile(path)
    const broken = brokenUtf8Line(bytes)
    if (broken !== undefined) throw unreadableFile(path, `is not UTF-8 (line ${broken})`, undefined, broken)
    return new TextDecoder().decode(bytes)
  } catch (error) {
    if (error instanceof IceboxError) throw error
    const why = systemCode(error) === 'ENOENT' ? 'is not there' : `cannot be read: ${messageOf(error)}`
    throw unreadableFile(path, why, error)
  }
}
