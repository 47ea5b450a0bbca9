import { defineConfig } from 'vitest/config'

/** `using` is lowered for Node 20, which has the symbols but not the syntax. */
const oxc = { target: 'node20' }
const project = (name: string, include: string[], more: Record<string, unknown> = {}) => ({
  oxc,
  test: { name, include, testTimeout: 120_000, hookTimeout: 240_000, setupFiles: ['test/seed.ts'], ...more },
})

/** CI adds these reports up: scripts/count-results.mjs. */
const results = process.env['ICEBOX_TEST_RESULTS']
const reporters: unknown =
  results === undefined ? ['default'] : ['default', ['json', { outputFile: `${results}/${process.pid}.json` }]]

export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: reporters as [],
    projects: [
      project('fast', ['test/unit/**/*.test.ts', 'test/contract/**/*.test.ts', 'test/model/**/*.test.ts']),
      project('integration', ['test/integration/**/*.test.ts']),
      project('e2e', ['test/e2e/**/*.test.ts']),
      project('fault', ['test/fault/**/*.test.ts'], { testTimeout: 600_000 }),
      project('interop', ['test/interop/**/*.test.ts'], {
        testTimeout: 600_000,
        globalSetup: ['test/interop/setup.ts'],
      }),
    ],
  },
})
