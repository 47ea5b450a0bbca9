import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')

/** Runs the rule check of the repository over a planted tree and gives the names of the rules that it breaks. */
async function brokenRules(files: Record<string, string>): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'icebox-planted-'))
  try {
    await writeFile(
      join(folder, 'package.json'),
      JSON.stringify({ type: 'module', dependencies: { '@duckdb/node-api': '*' } }),
    )
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(folder, path, '..'), { recursive: true })
      await writeFile(join(folder, path), text)
    }
    const args = [join(root, 'scripts/check-rooms.mjs'), folder, '--output-type', 'json']
    const { stdout } = await run(process.execPath, args, { maxBuffer: 1 << 26 }).catch(
      (error: { stdout: string }) => error,
    )
    const report = JSON.parse(stdout) as { summary: { totalCruised: number; violations: { rule: { name: string } }[] } }
    expect(report.summary.totalCruised).toBeGreaterThanOrEqual(Object.keys(files).length)
    return report.summary.violations.map((violation) => violation.rule.name)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

describe('the check of one-way imports', () => {
  it('lets a room import a room above it', async () => {
    const broken = await brokenRules({
      'src/base/index.ts': 'export const one = 1\n',
      'src/storage/index.ts': "import { one } from '../base/index.ts'\nexport const two = one + 1\n",
    })
    expect(broken).toEqual([])
  })

  it('catches a room that imports a room below it', async () => {
    const broken = await brokenRules({
      'src/base/index.ts': "export { two } from '../cli/index.ts'\n",
      'src/cli/index.ts': 'export const two = 2\n',
    })
    expect(broken).toContain('one-way-base')
  })

  it('catches a type-only import that goes up, in a file with `using`', async () => {
    const broken = await brokenRules({
      'src/storage/index.ts':
        "import type { Two } from '../query/index.ts'\nexport async function two(): Promise<Two> {\n  await using lock = open()\n  return lock.two\n}\n",
      'src/query/index.ts': 'export type Two = 2\n',
    })
    expect(broken).toContain('one-way-storage')
  })

  it('catches DuckDB outside the engine, and a room entered past its index', async () => {
    const broken = await brokenRules({
      'src/query/index.ts':
        "import { DuckDBInstance } from '@duckdb/node-api'\nimport { deep } from '../base/deep.ts'\nexport const x = [DuckDBInstance, deep]\n",
      'src/base/deep.ts': 'export const deep = 1\n',
    })
    expect(broken).toContain('duckdb-only-in-engine')
    expect(broken).toContain('through-the-index')
  })
})
