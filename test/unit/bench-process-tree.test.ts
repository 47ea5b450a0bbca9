import { describe, expect, it } from 'vitest'
import { cgroupPlace } from '../../src/bench/measure/memory-limit.ts'
import { ProcessTree } from '../../src/bench/measure/process-tree.ts'
import { parseIo, parsePss, parseStat, type Procfs } from '../../src/bench/measure/procfs.ts'

interface Fake {
  parent: number
  ticks?: number
  peakKb: number
  pssKb?: number
  read?: number
}

/** A procfs of a few processes that can be changed while it is watched. */
function fakeProcfs(processes: Map<number, Fake>): Procfs {
  return {
    pids: () => [...processes.keys()],
    read(pid, name) {
      const found = processes.get(pid)
      if (found === undefined) return undefined
      switch (name) {
        case 'stat':
          return `${pid} (a) b) S ${found.parent} 1 1 0 -1 0 0 0 0 0 ${found.ticks ?? 0} 5 0 0 20 0 1 0 100`
        case 'status':
          return `Name:\tx\nVmHWM:\t  ${found.peakKb} kB\nVmRSS:\t  1 kB\n`
        case 'io':
          return `rchar: ${found.read ?? 0}\nwchar: 2\nsyscr: 1\nsyscw: 1\nread_bytes: 3\nwrite_bytes: 4\ncancelled_write_bytes: 0\n`
        case 'smaps_rollup':
          return `00-ff ---p 00000000 00:00 0 [rollup]\nRss: 9 kB\nPss:  ${found.pssKb ?? 0} kB\nPss_Dirty: 1 kB\n`
      }
    },
  }
}

describe('a process tree seen from outside', () => {
  it('takes the high-water mark of a single process, and never its PSS', () => {
    const processes = new Map<number, Fake>([
      [10, { parent: 1, peakKb: 300, pssKb: 999 }],
      [11, { parent: 1, peakKb: 5000, pssKb: 5000 }],
    ])
    const tree = new ProcessTree(10, fakeProcfs(processes))
    tree.poll()
    tree.sample()
    expect(tree.figures()).toMatchObject({ peakRssBytes: 300 * 1024, processes: 1 })
  })

  it('sums PSS over children and grandchildren, also with ids below their parent', () => {
    const processes = new Map<number, Fake>([
      [50, { parent: 1, peakKb: 300, pssKb: 250, ticks: 7, read: 100 }],
      [7, { parent: 40, peakKb: 200, pssKb: 180, ticks: 1, read: 20 }],
      [40, { parent: 50, peakKb: 100, pssKb: 90, ticks: 2, read: 3 }],
    ])
    const tree = new ProcessTree(50, fakeProcfs(processes))
    tree.poll()
    tree.sample()
    tree.poll()
    // PSS 250 + 180 + 90 = 520 kB, above the largest high-water mark; ticks of 10 ms, 5 of system time each.
    expect(tree.figures()).toMatchObject({ peakRssBytes: 520 * 1024, cpuMs: 250, processes: 3 })
    expect(tree.figures().io.readBytes).toBe(123)
  })

  it('keeps what a process that ended had taken', () => {
    const processes = new Map<number, Fake>([
      [10, { parent: 1, peakKb: 100, pssKb: 50 }],
      [11, { parent: 10, peakKb: 400, pssKb: 60, ticks: 3 }],
    ])
    const tree = new ProcessTree(10, fakeProcfs(processes))
    tree.sample()
    tree.poll()
    processes.delete(11)
    tree.poll()
    tree.sample()
    expect(tree.figures()).toMatchObject({ peakRssBytes: 400 * 1024, cpuMs: 130 })
  })

  it('reads the fields of proc(5), whatever the name of the program', () => {
    expect(parseStat('7 (x) 9 (y)) R 3 1 1 0 -1 0 0 0 0 0 12 34 0 0')).toEqual({ parentPid: 3, cpuMs: 460 })
    expect(parseStat('')).toBeUndefined()
    expect(parseIo('rchar: 1\nwchar: 2\nread_bytes: 3\nwrite_bytes: 4\n')).toEqual({
      readBytes: 1,
      writtenBytes: 2,
      deviceReadBytes: 3,
      deviceWrittenBytes: 4,
    })
    expect(parsePss('Rss: 5 kB\nPss:     12 kB\nSwapPss: 99 kB\n')).toBe(12288)
  })
})

describe('where a memory cgroup can be made', () => {
  it('is below the group of this process in v1, so that its own limit holds too', () => {
    expect(cgroupPlace('9:cpu:/\n4:memory:/docker/ab\n0::/\n')).toEqual({
      kind: 'cgroup v1',
      parents: ['/sys/fs/cgroup/memory/docker/ab'],
      limitFile: 'memory.limit_in_bytes',
    })
  })

  it('is below or beside it in v2', () => {
    expect(cgroupPlace('0::/user.slice/a\n')).toEqual({
      kind: 'cgroup v2',
      parents: ['/sys/fs/cgroup/user.slice/a', '/sys/fs/cgroup/user.slice'],
      limitFile: 'memory.max',
    })
    expect(cgroupPlace('')).toBeUndefined()
  })
})
