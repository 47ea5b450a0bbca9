import { describe, expect, it } from 'vitest'
import { faultLake } from './support/lake.ts'
import { runProgram } from './support/program.ts'

describe('worker threads of one process', () => {
  it.runIf(process.platform === 'linux')(
    'each have an engine, and what one acknowledged before it ended is committed while the process lives, exactly once',
    async () => {
      await using lake = await faultLake()
      await lake.json(['sql', 'create schema s'])
      await lake.json(['sql', 'create table s.t (id bigint)'])
      const { out } = await runProgram('worker-threads.mjs', lake.path)
      expect(JSON.parse(out)).toEqual({
        answers: ['appended', 'appended', 'appended'],
        spills: 4,
        whileTheyLive: 0,
        recovered: 20,
        rows: 30,
        later: 0,
      })
    },
  )
})
