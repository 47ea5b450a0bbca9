// Bundles each entry into dist/ (one file each plus shared chunks, dependencies left outside) and writes the types.
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { promisify } from 'node:util'
import { rolldown } from 'rolldown'

const entries = {
  lakehouse: 'src/lakehouse/index.ts',
  iceberg: 'src/iceberg/index.ts',
  'engine-child': 'src/lakehouse/engine-child.ts',
  'divide-worker': 'src/ingest/divide/worker.ts',
  cli: 'src/cli/main.ts',
  demo: 'scripts/demo.ts',
  'bench-concurrent': 'src/bench/programs/concurrent.ts',
  'bench-sustained': 'src/bench/programs/sustained.ts',
  bench: 'bench/main.ts',
  'bench/baseline': 'bench/baseline/main.ts',
  ...Object.fromEntries(
    readdirSync('bench/sides')
      .filter((name) => name.endsWith('.ts'))
      .map((name) => [`bench/${name.slice(0, -3)}`, `bench/sides/${name}`]),
  ),
}
const bundle = await rolldown({
  input: entries,
  platform: 'node',
  external: (id) =>
    !id.startsWith('@oxc-project/runtime') && !id.startsWith('.') && !id.startsWith('/') && !id.startsWith('\0'),
  transform: { target: 'node20' },
})
// Built beside and swapped in: a command that runs meanwhile finds the old one whole or the new one.
const next = `dist.next-${process.pid}`
await bundle.write({
  dir: next,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: 'chunks/[name]-[hash].js',
  sourcemap: process.argv.includes('--sourcemap'),
})
await bundle.close()
const previous = `dist.previous-${process.pid}`
await rename('dist', previous).catch((error) => {
  if (error.code !== 'ENOENT') throw error
})
await rename(next, 'dist')
await rm(previous, { recursive: true, force: true })
if (process.argv.includes('--types')) {
  const run = promisify(execFile)
  await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json'])
}
