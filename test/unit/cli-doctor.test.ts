import { describe, expect, it } from 'vitest'
import type { DoctorFacts } from '../../src/cli/doctor/facts.ts'
import { judge } from '../../src/cli/doctor/findings.ts'
import { runWith } from './support/cli-fake-lake.ts'

const good: DoctorFacts = {
  iceboxVersion: '0.1.0',
  nodeVersion: 'v20.20.2',
  platform: 'linux',
  architecture: 'x64',
  libc: 'glibc 2.36',
  cores: 2,
  machineMemoryBytes: 8e9,
  environment: {
    engine: { version: 'v1.5.5', isAllocatorReached: true },
    memory: {
      limitBytes: 8e9,
      autoBudgetBytes: 4e9,
      autoSource: "half of the machine's memory",
      leastBudgetBytes: 219e6,
    },
  },
  launcher: { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '65536', MALLOC_MMAP_THRESHOLD_: '131072' },
  budgetBytes: 1e9,
  budgetSource: 'default',
  lake: {
    kind: 'open',
    directory: '/lake',
    tables: 3,
    isWritable: true,
    freeBytes: 100e9,
    spill: { path: '/lake/.icebox/spill', isMemory: false, isWritable: true, freeBytes: 100e9 },
  },
}

const openLake = good.lake.kind === 'open' ? good.lake : undefined

describe('doctor', () => {
  it('finds nothing wrong with a good machine', () => {
    expect(judge(good).filter((finding) => finding.level !== 'ok')).toEqual([])
  })

  it.each<[string, Partial<DoctorFacts>, string, 'warn' | 'fail']>([
    ['an old Node', { nodeVersion: 'v20.18.1' }, 'node', 'fail'],
    ['musl', { libc: 'musl' }, 'platform', 'warn'],
    ['macOS', { platform: 'darwin', libc: undefined }, 'platform', 'warn'],
    ['Windows', { platform: 'win32', libc: undefined }, 'platform', 'fail'],
    [
      'a library that does not load',
      { environment: { ...good.environment, engine: { problem: 'no such file' } } },
      'engine',
      'fail',
    ],
    [
      'an allocator out of reach',
      { environment: { ...good.environment, engine: { version: 'v1.5.5', isAllocatorReached: false } } },
      'allocator',
      'warn',
    ],
    ['no launcher', { launcher: { ...good.launcher, MALLOC_ARENA_MAX: undefined } }, 'launcher', 'warn'],
    ['a budget above the limit', { budgetBytes: 9e9 }, 'memory', 'fail'],
    ['no lakehouse', { lake: { kind: 'none', message: 'none' } }, 'lakehouse', 'warn'],
    [
      'a spill folder on tmpfs',
      {
        lake: {
          ...openLake,
          kind: 'open',
          spill: { path: '/dev/shm', isMemory: true, isWritable: true, freeBytes: 1e12 },
        } as DoctorFacts['lake'],
      },
      'spill folder',
      'fail',
    ],
    ['a budget that no statement runs with', { budgetBytes: 1e6 }, 'memory', 'fail'],
    ['a read-only lakehouse', { lake: { ...openLake, isWritable: false } as DoctorFacts['lake'] }, 'lakehouse', 'warn'],
    ['little space', { lake: { ...openLake, freeBytes: 1e9 } as DoctorFacts['lake'] }, 'disk', 'warn'],
  ])('names %s, with what to do', (_name, change, name, level) => {
    const found = judge({ ...good, ...change }).filter((finding) => finding.level !== 'ok')
    expect(found.map((finding) => [finding.name, finding.level])).toContainEqual([name, level])
    for (const finding of found) expect(finding.advice).not.toBe('')
  })

  it('accepts Node 20.19 and newer majors', () => {
    for (const nodeVersion of ['v20.19.0', 'v22.0.0', 'v24.1.0']) {
      expect(judge({ ...good, nodeVersion }).find((finding) => finding.name === 'node')?.level).toBe('ok')
    }
  })

  it('looks at this machine without a lakehouse', async () => {
    const ran = await runWith(['doctor', '--json'])
    const report: unknown = JSON.parse(ran.out)
    expect(report).toMatchObject({
      findings: expect.arrayContaining([expect.objectContaining({ name: 'lakehouse', level: 'warn' })]),
    })
  })
})
