import { defineConfig } from 'vitest/config'

/** `using` is lowered for Node 20, which has the symbols but not the syntax. */
const oxc = { target: 'node20' }
const project = (name: string, include: string[], more: Record<string, unknown> = {}) => ({
  oxc,
  test: { name, include, testTimeout: 120_000, hookTimeout: 240_000, setupFiles: ['test/seed.ts'], ...more },
})

/** Tests of whole processes get a second try in CI, whose machine is shared: what fails twice is no accident of timing. */
const retry = process.env['CI'] === undefined ? 0 : 1

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
      project('e2e', ['test/e2e/**/*.test.ts'], { retry }),
      project('fault', ['test/fault/**/*.test.ts'], { testTimeout: 600_000, retry }),
      project('interop', ['test/interop/**/*.test.ts'], {
        testTimeout: 600_000,
        retry,
        globalSetup: ['test/interop/setup.ts'],
      }),
    ],
  },
})
