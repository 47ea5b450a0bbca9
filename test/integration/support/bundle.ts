import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const CACHE = join(import.meta.dirname, '..', '..', '..', 'node_modules', '.cache')

/**
 * A TypeScript script as one file that Node 20 runs, for tests that start processes of their own: in a new folder below
 * node_modules, where its imports are found; who asks removes it.
 */
export async function bundleScript(script: URL): Promise<{ file: string; folder: string }> {
  await mkdir(CACHE, { recursive: true })
  const folder = await mkdtemp(join(CACHE, 'icebox-test-'))
  const file = join(folder, 'script.mjs')
  const bundle = await rolldown({
    input: fileURLToPath(script),
    platform: 'node',
    // What lowers `using` is part of rolldown.
    external: (id) =>
      !id.startsWith('@oxc-project/runtime') && !id.startsWith('.') && !id.startsWith('/') && !id.startsWith('\0'),
    transform: { target: 'node20' },
  })
  await bundle.write({ file, format: 'esm', codeSplitting: false })
  await bundle.close()
  return { file, folder }
}
