import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { rolldown } from 'rolldown'

let built: Promise<string> | undefined

/** The script of an engine in a process of its own, bundled as the build does it; with functions for tests. */
export function engineChildEntry(): Promise<string> {
  built ??= build()
  return built
}

async function build(): Promise<string> {
  // Below the repository: the bundle imports the packages of its node_modules.
  const folder = await mkdtemp(join(import.meta.dirname, '../../node_modules/.icebox-engine-child-'))
  const bundle = await rolldown({
    input: { 'engine-child': join(import.meta.dirname, 'engine-child-entry.ts') },
    platform: 'node',
    external: (id) =>
      !id.startsWith('@oxc-project/runtime') && !id.startsWith('.') && !id.startsWith('/') && !id.startsWith('\0'),
    transform: { target: 'node20' },
  })
  await bundle.write({ dir: folder, format: 'esm', entryFileNames: '[name].js' })
  await bundle.close()
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'engine-child.js')
}
