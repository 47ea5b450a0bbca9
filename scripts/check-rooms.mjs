// Checks the one-way rule of the rooms with dependency-cruiser: node scripts/check-rooms.mjs [ROOT]. Its parser does not
// know `using` yet, so it cruises a copy of src in which that reads `const`; imports are the same.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const repository = resolve(import.meta.dirname, '..')
const root = resolve(process.argv[2] ?? repository)
const folder = mkdtempSync(join(tmpdir(), 'icebox-rooms-'))
try {
  cpSync(join(root, 'src'), join(folder, 'src'), { recursive: true })
  cpSync(join(root, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  for (const name of readdirSync(join(folder, 'src'), { recursive: true })) {
    if (!name.endsWith('.ts')) continue
    const path = join(folder, 'src', name)
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(/^(\s*)(?:await )?using (?=\w+ =)/gm, '$1const '))
  }
  const cruiser = join(repository, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs')
  const args = [cruiser, '--config', join(repository, '.dependency-cruiser.cjs'), ...process.argv.slice(3), 'src']
  const { status, error } = spawnSync(process.execPath, args, { cwd: folder, stdio: 'inherit' })
  if (error !== undefined) throw error
  process.exitCode = status ?? 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
