import { describe, expect, it } from 'vitest'
import { IceboxError } from '../../src/base/index.ts'
import { FakeLake, runWith } from './support/cli-fake-lake.ts'

describe('streams whose process died, found when a lakehouse is opened', () => {
  it('are told where their rows were committed; nothing is said with --quiet or where there were none', async () => {
    const lake = new FakeLake()
    expect((await runWith(['table', 'list'], { lake })).err).not.toContain('stream')
    lake.streamRecovery = { rows: 1200, streams: 1, failures: [] }
    const ran = await runWith(['table', 'list'], { lake })
    expect(ran.err).toContain('committed 1,200 rows of 1 stream whose process died')
    expect((await runWith(['table', 'list', '--quiet'], { lake })).err).not.toContain('stream')
  })

  it('are told with --quiet too where rows wait for the next try', async () => {
    const lake = new FakeLake()
    const error = new IceboxError('storage/full', { message: 'no space left' })
    lake.streamRecovery = { rows: 0, streams: 0, failures: [{ folder: '/lake/.icebox/spill/s1', error }] }
    const ran = await runWith(['table', 'list', '--quiet'], { lake })
    expect(ran.code).toBe(0)
    expect(ran.err).toContain('warning: rows of a stream in /lake/.icebox/spill/s1 are not committed: no space left')
  })
})
