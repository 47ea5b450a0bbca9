import { describe, expect, it } from 'vitest'
import { Governor } from '../../src/memory/index.ts'
import { spareMemory } from '../../src/memory/watch/spare-memory.ts'

const MiB = 1024 * 1024
const files = (entries: Record<string, string>) => (path: string) => entries[path]

describe('what the operating system could still give', () => {
  it('is the least rest below the limits of all groups on the way (v2), caches of files not counted', () => {
    const spare = spareMemory(
      files({
        '/proc/self/cgroup': '0::/pod/app\n',
        '/sys/fs/cgroup/pod/app/memory.max': 'max\n',
        '/sys/fs/cgroup/pod/memory.max': `${1000 * MiB}\n`,
        '/sys/fs/cgroup/pod/memory.stat': `anon ${700 * MiB}\nfile ${250 * MiB}\n`,
        '/proc/meminfo': 'MemTotal: 9000000 kB\nMemAvailable:    4000000 kB\n',
      }),
    )
    expect(spare()).toBe(300 * MiB)
  })

  it('of v1 as well, where no limit is a number near 2^63', () => {
    const spare = spareMemory(
      files({
        '/proc/self/cgroup': '4:memory:/a/b\n0::/\n',
        '/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes': '9223372036854771712\n',
        '/sys/fs/cgroup/memory/a/memory.limit_in_bytes': `${400 * MiB}\n`,
        '/sys/fs/cgroup/memory/a/memory.stat': `cache 5\ntotal_rss ${390 * MiB}\n`,
      }),
    )
    expect(spare()).toBe(10 * MiB)
  })

  it('is what the machine has where there is no limit, and not known where nothing says it', () => {
    expect(spareMemory(files({ '/proc/meminfo': 'MemAvailable:  2000 kB\n' }))()).toBe(2_048_000)
    expect(spareMemory(files({}))()).toBe(undefined)
  })
})

describe('a budget that others have taken', () => {
  it('is not given away: it counts as held by other processes, and comes back with them', async () => {
    let spareBytes: number | undefined = 10_000
    using governor = Governor.create({
      budgetBytes: 1_000,
      baseBytes: 100,
      monitoringIntervalMs: 1e6,
      processes: {
        own: () => ({ rssBytes: 200, heapBytes: 0 }),
        rssBytes: () => undefined,
        pssBytes: () => undefined,
        peakBytes: () => undefined,
        spareBytes: () => spareBytes,
      },
    })
    const look = async (spare: number | undefined) => {
      spareBytes = spare
      await new Promise((resolve) => setTimeout(resolve, 110))
      governor.look()
    }
    await look(10_000)
    expect(governor.heldBytes).toBe(200)
    await look(300)
    expect(governor.heldBytes).toBe(700)
    expect(governor.holders()).toContainEqual({ name: 'other processes', bytes: 500 })
    expect(governor.tryReserve({ consumer: 'rows', bytes: 400 })).toBe(undefined)
    expect(governor.tryReserve({ consumer: 'rows', bytes: 200 })?.bytes).toBe(200)
    await look(undefined)
    expect(governor.holders()).not.toContainEqual(expect.objectContaining({ name: 'other processes' }))
  })
})
