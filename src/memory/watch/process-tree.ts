import type { ProcessSources } from './process-sources.ts'

/** Memory of the process tree at one moment. */
export interface TreeFigures {
  /** RSS of one process; of several the sum of PSS, or of RSS where the kernel gives no PSS. */
  readonly usedBytes: number
  /** V8's heap of this process. */
  readonly heapBytes: number
  /** By the name that each child process was registered with. */
  readonly children: ReadonlyMap<string, number>
  /** What the container and the machine could still give; undefined where they do not say. */
  readonly spareBytes: number | undefined
}

/** PSS walks the page tables (1 to 9 ms): at most this often, and at most this share of the time. */
const LEAST_PSS_INTERVAL_MS = 250
const PSS_TIME_SHARE = 0.01

/** Two files of some 50 lines: 60 microseconds. */
const LEAST_SPARE_INTERVAL_MS = 100

interface Child {
  readonly pid: number
  readonly name: string
  rssBytes: number
  /** PSS less RSS at the last reading of PSS: what is shared with others, as a negative number. */
  sharedBytes: number
}

/** This process and the children that were registered, as the kernel counts their memory. */
export class ProcessTree {
  readonly #sources: ProcessSources
  readonly #now: () => number
  readonly #children = new Set<Child>()
  #ownSharedBytes = 0
  #nextPssMs = 0
  #nextSpareMs = 0
  #spareBytes: number | undefined
  #largestSumBytes = 0
  /** High-water marks of children that are gone count on. */
  #largestChildBytes = 0

  constructor(sources: ProcessSources, now: () => number = () => performance.now()) {
    this.#sources = sources
    this.#now = now
  }

  /** Counts a child process from now on; the answer ends it. */
  register(pid: number, name: string): () => void {
    const child: Child = { pid, name, rssBytes: 0, sharedBytes: 0 }
    this.#children.add(child)
    this.#nextPssMs = 0
    return () => {
      this.#readPeak(child)
      this.#children.delete(child)
      if (this.#children.size === 0) this.#ownSharedBytes = 0
    }
  }

  read(): TreeFigures {
    const own = this.#sources.own()
    const now = this.#now()
    if (now >= this.#nextSpareMs) {
      this.#nextSpareMs = now + LEAST_SPARE_INTERVAL_MS
      this.#spareBytes = this.#sources.spareBytes()
    }
    const spareBytes = this.#spareBytes
    if (this.#children.size === 0)
      return { usedBytes: own.rssBytes, heapBytes: own.heapBytes, children: new Map(), spareBytes }
    for (const child of this.#children) child.rssBytes = this.#sources.rssBytes(child.pid) ?? 0
    if (this.#now() >= this.#nextPssMs) this.#readPss(own.rssBytes)
    const children = new Map<string, number>()
    let usedBytes = Math.max(0, own.rssBytes + this.#ownSharedBytes)
    for (const child of this.#children) {
      const bytes = Math.max(0, child.rssBytes === 0 ? 0 : child.rssBytes + child.sharedBytes)
      usedBytes += bytes
      children.set(child.name, (children.get(child.name) ?? 0) + bytes)
    }
    this.#largestSumBytes = Math.max(this.#largestSumBytes, usedBytes)
    return { usedBytes, heapBytes: own.heapBytes, children, spareBytes }
  }

  /**
   * Peak memory as interfaces.md defines it: VmHWM of one process; of several the larger of the sampled sum and the
   * largest single VmHWM.
   */
  peakBytes(ownPeakBytes: number): number {
    for (const child of this.#children) this.#readPeak(child)
    return Math.max(ownPeakBytes, this.#largestSumBytes, this.#largestChildBytes)
  }

  /** Between two readings of PSS the sum follows RSS: what is shared changes slowly. */
  #readPss(ownRssBytes: number): void {
    const beganMs = this.#now()
    this.#ownSharedBytes = (this.#sources.pssBytes('self') ?? ownRssBytes) - ownRssBytes
    for (const child of this.#children) {
      child.sharedBytes = (this.#sources.pssBytes(child.pid) ?? child.rssBytes) - child.rssBytes
      this.#readPeak(child)
    }
    const tookMs = this.#now() - beganMs
    this.#nextPssMs = this.#now() + Math.max(LEAST_PSS_INTERVAL_MS, tookMs / PSS_TIME_SHARE)
  }

  #readPeak(child: Child): void {
    this.#largestChildBytes = Math.max(this.#largestChildBytes, this.#sources.peakBytes(child.pid) ?? 0)
  }
}
