import { parseStatus } from '../../memory/index.ts'
import { parseIo, parsePss, parseStat, type ProcessIo, type Procfs, procfs } from './procfs.ts'

export interface TreeFigures {
  /**
   * Peak memory as docs/reference and `peakRssBytes` define it: of one process the kernel's high-water mark (VmHWM), of
   * several the larger of the sampled sum of PSS and the largest single VmHWM.
   */
  readonly peakRssBytes: number
  /** Of all processes that were seen, to the last look: at most 10 ms of each are missing. */
  readonly cpuMs: number
  readonly io: ProcessIo
  /** Processes that were seen. */
  readonly processes: number
}

interface Member {
  peakRssBytes: number
  cpuMs: number
  io: ProcessIo
}

const NO_IO: ProcessIo = { readBytes: 0, writtenBytes: 0, deviceReadBytes: 0, deviceWrittenBytes: 0 }

/** A process and all that it started, watched from outside. Nothing runs by itself: the owner calls `poll` and `sample`. */
export class ProcessTree {
  readonly #proc: Procfs
  readonly #members = new Map<number, Member>()
  readonly #alive = new Set<number>()
  /** Processes that were looked at and are not of the tree: a parent does not change to one of it later. */
  #others = new Set<number>()
  #largestSumBytes = 0

  constructor(rootPid: number, proc: Procfs = procfs) {
    this.#proc = proc
    this.#add(rootPid)
  }

  /** Reads the high-water mark, CPU and I/O of every known process: some 60 microseconds each. */
  poll(): void {
    for (const pid of this.#alive) {
      const status = this.#proc.read(pid, 'status')
      if (status === undefined) {
        this.#alive.delete(pid)
        continue
      }
      const member = this.#members.get(pid)
      if (member === undefined) continue
      member.peakRssBytes = Math.max(member.peakRssBytes, parseStatus(status)?.peakRssBytes ?? 0)
      const stat = parseStat(this.#proc.read(pid, 'stat') ?? '')
      member.cpuMs = Math.max(member.cpuMs, stat?.cpuMs ?? 0)
      const io = this.#proc.read(pid, 'io')
      if (io !== undefined) member.io = parseIo(io)
    }
  }

  /** Looks for new processes, and sums PSS where there are several: reading it costs 2-9 ms and stops the process meanwhile. */
  sample(): void {
    this.#findNew()
    if (this.#alive.size < 2) return
    let sumBytes = 0
    for (const pid of this.#alive) sumBytes += parsePss(this.#proc.read(pid, 'smaps_rollup') ?? '')
    this.#largestSumBytes = Math.max(this.#largestSumBytes, sumBytes)
  }

  figures(): TreeFigures {
    const members = [...this.#members.values()]
    const sum = (pick: (member: Member) => number) => members.reduce((total, member) => total + pick(member), 0)
    return {
      peakRssBytes: Math.max(this.#largestSumBytes, ...members.map((member) => member.peakRssBytes)),
      cpuMs: sum((member) => member.cpuMs),
      io: {
        readBytes: sum((member) => member.io.readBytes),
        writtenBytes: sum((member) => member.io.writtenBytes),
        deviceReadBytes: sum((member) => member.io.deviceReadBytes),
        deviceWrittenBytes: sum((member) => member.io.deviceWrittenBytes),
      },
      processes: members.length,
    }
  }

  #add(pid: number): void {
    this.#members.set(pid, { peakRssBytes: 0, cpuMs: 0, io: NO_IO })
    this.#alive.add(pid)
  }

  /** A child may have a smaller id than its parent (ids wrap around), so it looks until it finds no more. */
  #findNew(): void {
    const pids = this.#proc.pids()
    const unknown = new Map<number, number>()
    for (const pid of pids) {
      if (this.#alive.has(pid) || this.#others.has(pid)) continue
      const stat = parseStat(this.#proc.read(pid, 'stat') ?? '')
      if (stat !== undefined) unknown.set(pid, stat.parentPid)
    }
    for (let found = true; found; ) {
      found = false
      for (const [pid, parentPid] of unknown) {
        if (!this.#alive.has(parentPid)) continue
        this.#add(pid)
        unknown.delete(pid)
        found = true
      }
    }
    const present = new Set(pids)
    this.#others = new Set([...this.#others, ...unknown.keys()].filter((pid) => present.has(pid)))
  }
}
