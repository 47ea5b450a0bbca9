import { ownMemory } from './process-memory.ts'

/** What an operation cost in memory: shown with every result. */
export interface MemoryBill {
  /** The largest while the operation ran, where it changed. */
  readonly budgetBytes: number
  /** The kernel's high-water mark of the process (VmHWM), or the largest sample where the operation did not raise it. */
  readonly peakRssBytes: number
  /** Peaks by consumer, largest first. They need not have been at the same moment. */
  readonly consumers: readonly { readonly name: string; readonly peakBytes: number }[]
  /** Peak minus what the consumers account for; 0 when they account for all. */
  readonly unattributedBytes: number
  /** The largest size of the spill folder while the operation ran. */
  readonly spilledBytes: number
}

/** What a meter asks of the governor. */
export interface BillSource {
  readonly budgetBytes: number
  /** Called when the meter is done. */
  readonly onClose: (meter: BillMeter) => void
  /** Bytes that parts of the process measured of themselves, by name, as last told. */
  readonly measured: ReadonlyMap<string, number>
}

/** How often memory is looked at for the case that the operation stays below an earlier peak of the process. */
const SAMPLE_INTERVAL_MS = 100

/** The share of the process that was there before the operation. */
const BEFORE = 'process before'

/** Watches one operation from its start to its end; open it with `using`. */
export class BillMeter implements Disposable {
  readonly operation: string
  readonly #source: BillSource
  readonly #peaks = new Map<string, number>()
  readonly #countedElsewhere = new Set<string>()
  readonly #startPeakBytes: number
  readonly #timer: NodeJS.Timeout
  #largestSample: number
  #spilledBytes = 0
  #budgetBytes: number

  constructor(source: BillSource, operation: string) {
    const memory = ownMemory()
    this.operation = operation
    this.#source = source
    this.#budgetBytes = source.budgetBytes
    this.#startPeakBytes = memory.peakRssBytes
    this.#largestSample = memory.rssBytes
    const measuredBytes = [...source.measured.values()].reduce((sum, bytes) => sum + bytes, 0)
    this.#peaks.set(BEFORE, Math.max(0, memory.rssBytes - measuredBytes))
    for (const [name, bytes] of source.measured) this.note(name, bytes, undefined)
    this.#timer = setInterval(() => this.sample(), SAMPLE_INTERVAL_MS)
    this.#timer.unref()
  }

  /** Reads the process's memory now. */
  sample(): void {
    this.#largestSample = Math.max(this.#largestSample, ownMemory().rssBytes)
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
    this.#spilledBytes = Math.max(this.#spilledBytes, bytes)
  }

  /** The budget is so many bytes from now on. */
  noteBudget(bytes: number): void {
    this.#budgetBytes = Math.max(this.#budgetBytes, bytes)
  }

  /** The bill so far. */
  bill(): MemoryBill {
    this.sample()
    const { peakRssBytes } = ownMemory()
    const isRaised = peakRssBytes > this.#startPeakBytes
    return composeBill({
      budgetBytes: this.#budgetBytes,
      peakRssBytes: isRaised ? peakRssBytes : this.#largestSample,
      peaks: this.#peaks,
      countedElsewhere: this.#countedElsewhere,
      measured: new Set(this.#source.measured.keys()),
      spilledBytes: this.#spilledBytes,
    })
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
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
}): MemoryBill {
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
