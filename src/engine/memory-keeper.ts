import { isIceboxError } from '../base/index.ts'
import { decidePurge, type EnginePlan, type Governor } from '../memory/index.ts'
import { type Allocator, type AllocatorFigures, openAllocator } from './allocator.ts'
import { countWorkers, openBrake } from './brake.ts'
import type { ChunkRoom } from './chunk-memory.ts'
import type { SpillFolder } from './spill.ts'

/** The allocator is loaded (12 ms, 2 MiB) only for statements that run longer than this. */
const FIRST_LOOK_MS = 15
const SPILL_LOOK_MS = 200
/** Calls that come back sooner after a look bring nothing new: a look takes 35 microseconds, a chunk of rows 400. */
const LEAST_LOOK_MS = 4
/** How long after the last statement free pages are given back. */
const IDLE_MS = 200
const WITHOUT_ALLOCATOR_LOOK_MS = 100

/**
 * What the keeper tells of the engine: the governor of this process, or one that passes it on to another, which does not
 * know the budget.
 */
export type EngineGovernor = Pick<Governor, 'measured' | 'spilled' | 'purged' | 'registerReliever'> &
  Partial<Pick<Governor, 'look' | 'freeBytes' | 'registerBrake'>>

/**
 * Keeps the engine's resident memory near its limit while statements run: looks every 5 to 20 ms, purges above the
 * threshold, tells the governor what the engine holds, and gives back what is free when the engine is idle.
 */
export class MemoryKeeper implements Disposable, ChunkRoom {
  readonly #governor: EngineGovernor
  #purgeAboveBytes: number | undefined
  readonly #spill: SpillFolder
  #allocator: Allocator | undefined
  #isMissing = false
  #running = 0
  #timer: NodeJS.Timeout | undefined
  #nextSpillLook = 0
  #lookedAtMs = 0
  #unregister: () => void

  constructor(options: {
    readonly governor: EngineGovernor
    readonly plan: EnginePlan
    readonly spill: SpillFolder
  }) {
    this.#governor = options.governor
    if (options.governor.registerBrake !== undefined) countWorkers()
    this.#purgeAboveBytes = options.plan.purgeAboveBytes
    this.#spill = options.spill
    this.#isMissing = options.plan.purgeAboveBytes === undefined
    this.#unregister = options.governor.registerReliever({
      name: "the engine's allocator",
      rung: 'relieve',
      relieve: () => this.giveBack(),
    })
  }

  /** Another threshold from now on. */
  follow(plan: EnginePlan): void {
    this.#purgeAboveBytes = plan.purgeAboveBytes
    this.look()
  }

  /** A native call begins. */
  enter(): void {
    this.#running++
    if (this.#running === 1) this.#schedule(FIRST_LOOK_MS)
  }

  /** A native call has come back. Looks, since the event loop may have been busy with rows since the last look. */
  leave(): void {
    this.#running--
    if (this.#allocator !== undefined && performance.now() - this.#lookedAtMs >= LEAST_LOOK_MS) this.look()
    if (this.#running === 0) this.#schedule(IDLE_MS)
  }

  /** What the budget has free, seen anew; undefined in a process that does not know it. */
  freeBytes(): number | undefined {
    this.#governor.look?.()
    return this.#governor.freeBytes
  }

  /** What the allocator holds; undefined where it cannot be read. Loads it. */
  async figures(): Promise<AllocatorFigures | undefined> {
    await this.#load()
    return this.#allocator?.read()
  }

  /** Reads, tells the governor, and purges if it must. Answers with the milliseconds until the next look. */
  look(): number {
    const allocator = this.#allocator
    const purgeAboveBytes = this.#purgeAboveBytes
    if (allocator === undefined || purgeAboveBytes === undefined) return WITHOUT_ALLOCATOR_LOOK_MS
    this.#lookedAtMs = performance.now()
    const figures = allocator.read()
    const decision = decidePurge({ ...figures, purgeAboveBytes })
    if (decision.purge) {
      allocator.purge()
      this.#governor.purged()
    }
    this.#governor.measured('engine', figures.residentBytes)
    return decision.nextLookMs
  }

  [Symbol.dispose](): void {
    this.#unregister()
    this.#governor.measured('engine', 0)
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#isMissing = true
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#tick(), delayMs)
    this.#timer.unref()
  }

  #tick(): void {
    if (this.#allocator === undefined && !this.#isMissing) void this.#load()
    const nextMs = this.look()
    if (performance.now() >= this.#nextSpillLook) void this.#lookAtSpill()
    if (this.#running > 0) return this.#schedule(nextMs)
    this.giveBack()
  }

  async #lookAtSpill(): Promise<void> {
    this.#nextSpillLook = Number.POSITIVE_INFINITY
    this.#governor.spilled(await this.#spill.usedBytes())
    this.#nextSpillLook = performance.now() + SPILL_LOOK_MS
  }

  /** Returns free pages and tells what is left; answers with the bytes that went back. */
  giveBack(): number {
    const allocator = this.#allocator
    if (allocator === undefined) return 0
    const before = allocator.read().residentBytes
    allocator.purge()
    allocator.trim()
    const after = allocator.read().residentBytes
    this.#governor.purged()
    this.#governor.measured('engine', after)
    return Math.max(0, before - after)
  }

  /** Where the allocator cannot be reached although the plan says so, the limit alone has to do; doctor tells. */
  async #load(): Promise<void> {
    if (this.#allocator !== undefined || this.#isMissing) return
    try {
      this.#allocator = await openAllocator()
      await this.#registerBrake()
    } catch (error) {
      if (!isIceboxError(error, 'engine/unavailable')) throw error
      this.#isMissing = true
    }
  }

  async #registerBrake(): Promise<void> {
    const { registerBrake } = this.#governor
    const brake = registerBrake === undefined ? undefined : await openBrake()
    if (registerBrake === undefined || brake === undefined || this.#isMissing) return
    const unregisterBrake = registerBrake.call(this.#governor, (bytes) => (this.#running > 0 ? brake(bytes) : 0))
    const unregister = this.#unregister
    this.#unregister = () => {
      unregister()
      unregisterBrake()
    }
  }
}
