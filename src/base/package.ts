import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { IceboxError } from './errors.ts'

/** The package that this code was shipped in. */
export interface OwnPackage {
  readonly version: string
  /** The folder of its package.json. */
  readonly root: string
}

/** Looked for when it is asked for, since every start pays for what is read. */
export function ownPackage(): OwnPackage {
  // One level up from dist/, two from dist/chunks/ and from src/base/.
  for (const up of ['../package.json', '../../package.json']) {
    const url = new URL(up, import.meta.url)
    const version = versionIn(url)
    if (version !== undefined) return { version, root: fileURLToPath(new URL('.', url)).replace(/\/$/, '') }
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
