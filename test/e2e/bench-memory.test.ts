import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { icebox, temporaryFolder } from './support/cli.ts'

it.runIf(process.platform === 'linux')(
  'bench memory measures a small matrix and leaves no lakehouse of a cell',
  async () => {
    await using folder = await temporaryFolder()
    const matrix = 'bench memory --workload import --workload stream-out --workload stream-in --runs 1 --peer-runs 0'
    const small = ['--budget', '300MB', '--budget', '100MB', '--scale', '0.001', '--work', folder.in('work')]
    const outputs = ['--html', folder.in('run.html'), '--output', folder.in('run.json'), '--json']
    const ran = await icebox([...matrix.split(' '), ...small, ...outputs])
    expect(ran.err).toContain('6/6')
    expect(ran.code).toBe(0)
    const run = JSON.parse(ran.out) as { scale: number; results: Record<string, unknown>[] }
    expect(JSON.parse(await readFile(folder.in('run.json'), 'utf8'))).toEqual(run)
    expect(run.scale).toBe(0.001)
    expect(run.results).toHaveLength(6)
    for (const result of run.results) {
      const isSmall = result['budgetBytes'] === 100e6
      // Nothing starts in 100 MB: refused, with the bytes, and not killed.
      expect(result['outcome']).toMatchObject(
        isSmall ? { kind: 'refused', code: 'memory/budget-too-small' } : { kind: 'finished' },
      )
      if (!isSmall) expect(result['peakRssBytes']).toBeLessThanOrEqual(300e6)
    }
    expect(await readFile(folder.in('run.html'), 'utf8')).toContain('NOT the full size')
    expect((await icebox(['bench', 'memory', '--workload', 'nothing'])).code).toBe(2)
    expect((await icebox(['bench', 'soak'])).err).toContain('comes with a later version')
  },
)
