import { readFileSync } from 'node:fs'
import { IceboxError } from '../../base/index.ts'

/** The version of the package that this file was shipped in; read when it is asked for, since every start pays for what is read. */
export function iceboxVersion(): string {
  // One level up from dist/, three from src/cli/program/.
  for (const up of ['../package.json', '../../package.json', '../../../package.json']) {
    const version = versionIn(new URL(up, import.meta.url))
    if (version !== undefined) return version
  }
  throw new IceboxError('internal/unreachable', {
    message: 'the package.json of icebox-lakehouse is missing',
    remedy: 'install the package again',
  })
}

function versionIn(url: URL): string | undefined {
  try {
    const found = /"name":\s*"icebox-lakehouse",\s*"version":\s*"([^"]+)"/.exec(readFileSync(url, 'utf8'))
    return found?.[1]
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
