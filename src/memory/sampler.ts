import { childrenOf, ownMemory, readProcessMemory, readProportionalBytes } from './process-memory.ts'

export interface RssSample {
  readonly atMs: number
  /** This process, or with children the sum of the proportional shares of the tree. */
  readonly rssBytes: number
  readonly processes: number
}

export interface RssSamplerOptions {
  readonly intervalMs?: number
  /** Called with each sample. */
  readonly onSample?: (sample: RssSample) => void
  readonly now?: () => number
}

/** Reading proportional shares costs 2 to 9 ms a process, so trees are looked at less often. */
const TREE_INTERVAL_MS = 250

/**
 * Looks at the memory of the process tree at an interval. It records and can warn; it cannot guard, since memory
 * grows by more than 100 MiB between two looks (design/memory.md section 3).
 */
export class RssSampler implements Disposable {
  readonly #options: RssSamplerOptions
  readonly #now: () => number
  #timer: NodeJS.Timeout | undefined
  #latest: RssSample | undefined
  #largestTree = 0

  constructor(options: RssSamplerOptions = {}) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  start(): this {
    this.#timer ??= setInterval(() => this.sample(), this.#options.intervalMs ?? 1000)
    this.#timer.unref()
    return this
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  get latest(): RssSample | undefined {
    return this.#latest
  }

  /**
   * Peak of the process tree as interfaces.md defines it: one process: VmHWM; several: the larger of the sampled sum
   * of proportional shares and the largest single VmHWM.
   */
  get peakRssBytes(): number {
    return Math.max(ownMemory().peakRssBytes, this.#largestTree)
  }

  sample(): RssSample {
    const atMs = this.#now()
    const tree = treeOf(process.pid)
    if (tree.length === 1) return this.#record({ atMs, rssBytes: ownMemory().rssBytes, processes: 1 })
    const before = this.#latest
    if (before !== undefined && before.processes > 1 && atMs - before.atMs < TREE_INTERVAL_MS) return before
    let sum = 0
    for (const pid of tree) {
      sum += readProportionalBytes(pid) ?? 0
      this.#largestTree = Math.max(this.#largestTree, readProcessMemory(pid)?.peakRssBytes ?? 0)
    }
    this.#largestTree = Math.max(this.#largestTree, sum)
    return this.#record({ atMs, rssBytes: sum, processes: tree.length })
  }

  [Symbol.dispose](): void {
    this.stop()
  }

  #record(sample: RssSample): RssSample {
    this.#latest = sample
    this.#options.onSample?.(sample)
    return sample
  }
}

/** A process and all below it. */
function treeOf(root: number): number[] {
  const tree = [root]
  for (const pid of tree) tree.push(...childrenOf(pid))
  return tree
}
