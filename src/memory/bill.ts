import type { GateFigures } from './pressure/gate.ts'
import type { PressureEvent } from './pressure/ladder.ts'
import { type GcFigures, GcWatch } from './profile/gc-watch.ts'
import { type PressureCounts, PressureTally } from './profile/pressure-counts.ts'
import { type MemoryTimeline, Timeline } from './profile/timeline.ts'

/** What an operation cost in memory: shown with every result. */
export interface MemoryBill {
  /** The largest while the operation ran, where it changed. */
  readonly budgetBytes: number
  /**
   * The process tree. One process: the kernel's high-water mark (VmHWM), or the largest sample where the operation did
   * not raise it. Several: the larger of the sampled sum of PSS and the largest single VmHWM.
   */
  readonly peakRssBytes: number
  /** Peaks by consumer, largest first. They need not have been at the same moment. */
  readonly consumers: readonly { readonly name: string; readonly peakBytes: number }[]
  /** Peak minus what the consumers account for; 0 when they account for all. */
  readonly unattributedBytes: number
  /** The largest size of the spill folder while the operation ran. */
  readonly spilledBytes: number
  readonly pressure: PressureCounts
  /** Where a profile was asked for. */
  readonly timeline?: MemoryTimeline
  readonly gc?: GcFigures
}

/** What a meter asks of the governor. */
export interface BillSource {
  readonly budgetBytes: number
  /** Called when the meter is done. */
  readonly onClose: (meter: BillMeter) => void
  /** Bytes that parts of the process measured of themselves, by name, as last told. */
  readonly measured: ReadonlyMap<string, number>
  /** Memory of the process tree: now, and its high-water mark since the start of the process. */
  readonly look: () => { readonly usedBytes: number; readonly peakBytes: number }
  readonly sources: () => GateFigures
}

export interface BillOptions {
  /** Whether the bill has a timeline and the time of V8's collector. */
  readonly profile?: boolean
  /** A bill of the whole time: it does not make the looks at memory more frequent. */
  readonly isBackground?: boolean
}

/** The share of the process that was there before the operation. */
const BEFORE = 'process before'

/** Watches one operation from its start to its end; open it with `using`. */
export class BillMeter implements Disposable {
  readonly operation: string
  readonly isBackground: boolean
  readonly #source: BillSource
  readonly #peaks = new Map<string, number>()
  readonly #countedElsewhere = new Set<string>()
  readonly #tally = new PressureTally()
  readonly #profile: { readonly timeline: Timeline; readonly gc: GcWatch } | undefined
  readonly #startedMs = performance.now()
  readonly #startPeakBytes: number
  readonly #startSources: GateFigures
  #largestSample: number
  #spilledBytes = 0
  #largestSpillBytes = 0
  #budgetBytes: number

  constructor(source: BillSource, operation: string, options: BillOptions = {}) {
    const { usedBytes, peakBytes } = source.look()
    this.operation = operation
    this.isBackground = options.isBackground ?? false
    this.#source = source
    this.#budgetBytes = source.budgetBytes
    this.#profile = options.profile === true ? { timeline: new Timeline(), gc: new GcWatch() } : undefined
    this.#startPeakBytes = peakBytes
    this.#startSources = source.sources()
    this.#largestSample = usedBytes
    const measuredBytes = [...source.measured.values()].reduce((sum, bytes) => sum + bytes, 0)
    this.#peaks.set(BEFORE, Math.max(0, usedBytes - measuredBytes))
    for (const [name, bytes] of source.measured) this.note(name, bytes, undefined)
  }

  get hasProfile(): boolean {
    return this.#profile !== undefined
  }

  /** The process tree was seen to hold so many bytes, and who held them. */
  sampled(usedBytes: number, holders: readonly { readonly name: string; readonly bytes: number }[]): void {
    this.#largestSample = Math.max(this.#largestSample, usedBytes)
    const atMs = performance.now() - this.#startedMs
    this.#profile?.timeline.note(atMs, { usedBytes, holders, spilledBytes: this.#spilledBytes })
  }

  /**
   * A consumer holds so many bytes now. Parts of other operations are left out (their sum comes under their name).
   * `within` names the consumer that measures these bytes already, so that they are not counted twice.
   */
  note(consumer: string, bytes: number, within: string | undefined): void {
    if (consumer.includes('/') && !consumer.startsWith(`${this.operation}/`)) return
    if (within !== undefined) this.#countedElsewhere.add(consumer)
    if (bytes > (this.#peaks.get(consumer) ?? 0)) this.#peaks.set(consumer, bytes)
  }

  /** The spill folder holds so many bytes now. */
  noteSpill(bytes: number): void {
    this.#spilledBytes = bytes
    this.#largestSpillBytes = Math.max(this.#largestSpillBytes, bytes)
  }

  /** The budget is so many bytes from now on. */
  noteBudget(bytes: number): void {
    this.#budgetBytes = Math.max(this.#budgetBytes, bytes)
  }

  notePressure(event: PressureEvent): void {
    this.#tally.note(event)
  }

  notePurge(): void {
    this.#tally.notePurge()
  }

  /** The bill so far. */
  bill(): MemoryBill {
    const { usedBytes, peakBytes } = this.#source.look()
    this.#largestSample = Math.max(this.#largestSample, usedBytes)
    const isRaised = peakBytes > this.#startPeakBytes
    const sources = this.#source.sources()
    return {
      ...composeBill({
        budgetBytes: this.#budgetBytes,
        peakRssBytes: isRaised ? peakBytes : this.#largestSample,
        peaks: this.#peaks,
        countedElsewhere: this.#countedElsewhere,
        measured: new Set(this.#source.measured.keys()),
        spilledBytes: this.#largestSpillBytes,
      }),
      pressure: this.#tally.counts({
        waits: sources.waits - this.#startSources.waits,
        waitedMs: sources.waitedMs - this.#startSources.waitedMs,
      }),
      ...(this.#profile !== undefined && {
        timeline: this.#profile.timeline.value(),
        gc: this.#profile.gc.figures(),
      }),
    }
  }

  [Symbol.dispose](): void {
    this.#profile?.gc[Symbol.dispose]()
    this.#source.onClose(this)
  }
}

/**
 * The bill of peaks by name: levels below another (`import 3/staging`) are part of it and not counted again. What a part of
 * the process measured of itself counts pages that it holds and never touched (jemalloc's `stats.resident`): it cannot have
 * been more than the peak leaves beside what was there before.
 */
export function composeBill(input: {
  readonly budgetBytes: number
  readonly peakRssBytes: number
  readonly peaks: ReadonlyMap<string, number>
  readonly countedElsewhere: ReadonlySet<string>
  /** Consumers that were measured, not reserved. */
  readonly measured: ReadonlySet<string>
  readonly spilledBytes: number
}): Omit<MemoryBill, 'pressure'> {
  const mostBytes = Math.max(0, input.peakRssBytes - (input.peaks.get(BEFORE) ?? 0))
  const consumers = [...input.peaks].map(([name, peakBytes]) => ({
    name,
    peakBytes: input.measured.has(name) ? Math.min(peakBytes, mostBytes) : peakBytes,
  }))
  const accountedBytes = consumers
    .filter(({ name }) => !name.includes('/') && !input.countedElsewhere.has(name))
    .reduce((sum, { peakBytes }) => sum + peakBytes, 0)
  return {
    budgetBytes: input.budgetBytes,
    peakRssBytes: input.peakRssBytes,
    consumers: consumers.toSorted((a, b) => b.peakBytes - a.peakBytes),
    unattributedBytes: Math.max(0, input.peakRssBytes - accountedBytes),
    spilledBytes: input.spilledBytes,
  }
}
