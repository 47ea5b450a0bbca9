import { configureGlobal } from 'fast-check'

/**
 * Property tests draw the same cases in every run, so that a red CI is about the change; ICEBOX_TEST_SEED=random (or a
 * number) draws others, and fast-check prints the seed of a failure.
 */
const seed = process.env['ICEBOX_TEST_SEED'] ?? '20261123'
if (seed !== 'random') configureGlobal({ seed: Number(seed) })
