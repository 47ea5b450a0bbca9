import { type BillOptions, BillMeter } from './bill.ts'
import type { Advice } from './pressure/advice.ts'
import { type Brake, PressureLadder, type PressureListener } from './pressure/ladder.ts'
import type { OperationOptions, RunningOperation } from './pressure/operations.ts'
import type { Reliever } from './pressure/relievers.ts'
import { DEFAULT_PRESSURE, type PressureSettings } from './pressure/rungs.ts'
import type { SourceGate } from './pressure/sources.ts'
import { ownMemory } from './process-memory.ts'
import type { BudgetNode } from './tree/budget-tree.ts'
import { HEAPS, Ledger, OTHERS } from './tree/ledger.ts'
import type { Reservation, ReserveOptions } from './tree/reservation.ts'
import { nextLookMs } from './watch/look-rule.ts'
import { type ProcessSources, systemProcessSources } from './watch/process-sources.ts'
import { ProcessTree, type TreeFigures } from './watch/process-tree.ts'

export interface GovernorOptions {
  readonly budgetBytes: number
  /** What the process takes by itself: held from the start under the name `process`. */
  readonly baseBytes?: number
  /** Reservations that may wait at once (default 10,000); more are refused. */
  readonly maxWaiters?: number
  /** Looks at the memory of the process tree at this interval, faster near the limit; without it only promises count. */
  readonly monitoringIntervalMs?: number
  readonly pressure?: PressureSettings
  /** Where figures of processes come from; replaced in tests. */
  readonly processes?: ProcessSources
}

/** What planEngine leaves for others than the engine: measured memory cannot take it from reservations. */
const KEPT_SHARE = 0.03
/** Changes of what is available below this share are not told. */
const AVAILABLE_STEP = 0.03
/** A statement's memory goes within 200 ms of its end, a cancelled one's within 309; ten times that is hopeless. */
const PATIENCE_MS = 5000
/** Looks while someone waits for memory, not promises. */
const WAITING_LOOK_MS = 100
/** A part that measures itself every few milliseconds makes us look at most so often. */
const LEAST_LOOK_MS = 20

/**
 * Who holds how much of the budget of a process tree: reservations, which are promises made before memory is taken,
 * and memory that was seen without one. What is asked and not free waits in turn; when memory gets short, the pressure
 * ladder slows the work down before anything is refused.
 */
export class Governor implements Disposable {
  readonly #ledger: Ledger
  readonly #ladder: PressureLadder
  readonly #tree: ProcessTree
  readonly #measured = new Map<string, number>()
  readonly #meters = new Set<BillMeter>()
  readonly #availableListeners = new Set<() => void>()
  #toldAvailableBytes = Number.POSITIVE_INFINITY
  readonly #intervalMs: number | undefined
  readonly #startHeapBytes: number
  #timer: NodeJS.Timeout | undefined
  #waitingTimer: NodeJS.Timeout | undefined
  #lastLook = { atMs: Number.NEGATIVE_INFINITY, usedBytes: 0 }
  #bytesPerMs = 0
  #isClosed = false

  private constructor(options: GovernorOptions) {
    const processes = options.processes ?? systemProcessSources()
    this.#tree = new ProcessTree(processes)
    this.#startHeapBytes = processes.own().heapBytes
    this.#intervalMs = options.monitoringIntervalMs
    this.#ledger = new Ledger({
      budgetBytes: options.budgetBytes,
      baseBytes: options.baseBytes ?? 0,
      maxWaiters: options.maxWaiters ?? 10_000,
      keptShare: KEPT_SHARE,
      patienceMs: PATIENCE_MS,
      onChange: (consumer, bytes, within) => {
        for (const meter of this.#meters) meter.note(consumer, bytes, within)
      },
    })
    this.#ladder = new PressureLadder({
      settings: options.pressure ?? DEFAULT_PRESSURE,
      view: () => ({
        usedBytes: this.#ledger.heldBytes,
        heapBytes: this.#ledger.heldBy(HEAPS),
        budgetBytes: this.#ledger.budgetBytes,
        isShort: this.#ledger.isShortOfMemory,
        sharedBytes: this.#ledger.seenBytes,
        heldBy: (operation) => this.#ledger.heldBy(operation),
      }),
      onRelieved: () => this.look(),
    })
    this.#ladder.onPressure((event) => {
      for (const meter of this.#meters) meter.notePressure(event)
    })
    this.#schedule()
  }

  static create(options: GovernorOptions): Governor {
    return new Governor(options)
  }

  get budgetBytes(): number {
    return this.#ledger.budgetBytes
  }

  /** The budget less what other processes of the container or the machine have taken of it. */
  get availableBytes(): number {
    return Math.max(0, this.budgetBytes - this.#ledger.heldBy(OTHERS))
  }

  /** Tells when {@link availableBytes} has changed by 3% of the budget, until the answer is called. Must not throw. */
  onAvailable(listener: () => void): () => void {
    this.#availableListeners.add(listener)
    return () => this.#availableListeners.delete(listener)
  }

  /** The process itself, all reservations, and what was seen beside them. */
  get heldBytes(): number {
    return this.#ledger.heldBytes
  }

  /** What a reservation could get now: see "What is free" in the README. */
  get freeBytes(): number {
    return this.#ledger.freeBytes
  }

  /** Reservations that wait now. */
  get waiting(): number {
    return this.#ledger.waiting
  }

  /** True while no operation runs. */
  get isIdle(): boolean {
    return this.#ladder.operations.running === 0
  }

  /** Sources of rows await it before they take in more. */
  get sources(): SourceGate {
    return this.#ladder.sources
  }

  /** What planners should make of their plans now. */
  get advice(): Advice {
    return this.#ladder.advice
  }

  /**
   * The reservation if its bytes are free now and nobody waits who goes before it, else undefined. Options for waiting
   * have no effect.
   */
  tryReserve(options: Omit<ReserveOptions, 'signal' | 'deadlineMs'>): Reservation | undefined {
    return this.#ledger.tryReserve(options)
  }

  /**
   * Waits until the bytes are free. Rejects `memory/refused` at once where waiting cannot help (more than the budget
   * has beyond the process itself, or than a limit on the way allows) or too many wait already; after `deadlineMs`; or
   * when only memory that nobody answers for stands against it and does not go. Rejects `cancelled` by the signal.
   */
  async reserve(options: ReserveOptions): Promise<Reservation> {
    const granted = this.#ledger.reserve(options)
    this.#lookWhileWaiting()
    return await granted
  }

  /** Gives a part of the tree (`pool`, `import 3`) a limit of its own; undefined takes it away. */
  limit(path: string, bytes: number | undefined): void {
    this.#ledger.limit(path, bytes)
  }

  /**
   * Another budget from now on. Below what is held nothing is taken away, and nothing is granted until it fits; those
   * who wait for more than the new budget can ever have are refused.
   */
  changeBudget(budgetBytes: number): void {
    this.#ledger.changeBudget(budgetBytes)
    for (const meter of this.#meters) meter.noteBudget(budgetBytes)
    this.#ladder.step(performance.now())
  }

  /** What a part of the tree (`process`, `import 3`) and all below it hold. */
  heldBy(path: string): number {
    return this.#ledger.heldBy(path)
  }

  /** Who holds most now, names rolled up to their first level, largest first. */
  holders(): { readonly name: string; readonly bytes: number }[] {
    return this.#ledger.holders()
  }

  /** The whole budget tree as a value. */
  snapshot(): BudgetNode {
    return this.#ledger.snapshot()
  }

  /** A part of the process tells what it was measured to hold (the engine: what its allocator has of the system). */
  measured(name: string, bytes: number): void {
    this.#measured.set(name, bytes)
    for (const meter of this.#meters) meter.note(name, bytes, undefined)
    if (performance.now() - this.#lastLook.atMs >= LEAST_LOOK_MS) this.look()
  }

  /** The engine tells how much lies in its spill folder now. */
  spilled(bytes: number): void {
    for (const meter of this.#meters) meter.noteSpill(bytes)
  }

  /** The engine tells that its allocator gave free pages back. */
  purged(): void {
    for (const meter of this.#meters) meter.notePurge()
  }

  /** Counts a child process as part of the tree, under a name, until the answer is called. */
  registerProcess(pid: number, name: string): () => void {
    const unregister = this.#tree.register(pid, name)
    this.look()
    return () => {
      unregister()
      this.#measured.delete(name)
      this.look()
    }
  }

  /** A part that can give memory back is asked to when memory is short, until the answer is called. */
  registerReliever(reliever: Reliever): () => void {
    return this.#ladder.relievers.register(reliever)
  }

  /** What stops a computation that runs away with the budget and does not listen (rung `cancel`), until the answer is called. */
  registerBrake(brake: Brake): () => void {
    return this.#ladder.registerBrake(brake)
  }

  /** Tells of every step on the pressure ladder until the answer is called. The listener must not throw. */
  onPressure(listener: PressureListener): () => void {
    return this.#ladder.onPressure(listener)
  }

  /**
   * Begins an operation: waits while the ladder queues new work, then counts it among those that may be ended for the
   * budget. Rejects `cancelled` by its signal. Dispose the answer, and let the work follow its signal.
   */
  operation(options: OperationOptions): Promise<RunningOperation> {
    return this.#ladder.operations.start(options)
  }

  /**
   * Between operations of seconds: collects V8's garbage where it grew by 3 MiB. Handles of the engine are among it, each some
   * bytes to V8 and up to 100 kB of native memory, so that 50 imports held 20 MB of either before V8 saw a reason.
   */
  tidy(): void {
    this.#ladder.tidy()
  }

  /** Starts the bill of an operation; its reservations carry its name as their first level. */
  bill(operation: string, options: BillOptions = {}): BillMeter {
    const meter = new BillMeter(
      {
        budgetBytes: this.budgetBytes,
        measured: this.#measured,
        onClose: (closed) => {
          this.#meters.delete(closed)
          this.#schedule()
        },
        look: () => ({
          usedBytes: this.#tree.read().usedBytes,
          peakBytes: this.#tree.peakBytes(ownMemory().peakRssBytes),
        }),
        sources: () => this.#ladder.sources.figures(),
      },
      operation,
      options,
    )
    this.#meters.add(meter)
    this.#schedule()
    return meter
  }

  /** Looks at the memory of the process tree now, and acts on it. */
  look(): void {
    this.observe(this.#tree.read())
  }

  /** The process tree was seen to hold this: booked where it is watched, told to the bills, and the ladder is asked. */
  observe(figures: TreeFigures): void {
    const atMs = performance.now()
    this.#bytesPerMs = (figures.usedBytes - this.#lastLook.usedBytes) / Math.max(1, atMs - this.#lastLook.atMs)
    this.#lastLook = { atMs, usedBytes: figures.usedBytes }
    if (this.#intervalMs !== undefined) {
      this.#ledger.see({
        usedBytes: figures.usedBytes,
        heapGrowthBytes: figures.heapBytes - this.#startHeapBytes,
        measured: withChildren(this.#measured, figures.children),
        spareBytes: figures.spareBytes,
      })
    }
    this.#tellAvailable()
    const needsHolders = [...this.#meters].some((meter) => meter.hasProfile)
    const holders = needsHolders ? this.holders() : []
    for (const meter of this.#meters) meter.sampled(figures.usedBytes, holders)
    this.#ladder.step(atMs)
    this.#schedule()
  }

  #tellAvailable(): void {
    const told = Math.min(this.#toldAvailableBytes, this.budgetBytes)
    if (Math.abs(this.availableBytes - told) < this.budgetBytes * AVAILABLE_STEP) return
    this.#toldAvailableBytes = this.availableBytes
    for (const listener of this.#availableListeners) listener()
  }

  /** Ends the watching; reservations stay as they are. */
  [Symbol.dispose](): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    clearTimeout(this.#waitingTimer)
  }

  /** One timer for all, which does not keep the process alive. It stands still when nothing is watched. */
  #schedule(): void {
    clearTimeout(this.#timer)
    const hasOpenBills = [...this.#meters].some((meter) => !meter.isBackground)
    if (this.#isClosed || (this.#intervalMs === undefined && !hasOpenBills)) return
    const delayMs = nextLookMs({
      usedBytes: this.#ledger.heldBytes,
      thresholdBytes: this.#ledger.budgetBytes * this.#ladder.lowestThreshold,
      intervalMs: this.#intervalMs ?? Number.POSITIVE_INFINITY,
      hasOpenBills,
      budgetBytes: this.#ledger.budgetBytes,
      bytesPerMs: this.#bytesPerMs,
      isEnding: this.#ladder.isEnding,
    })
    this.#timer = setTimeout(() => this.look(), delayMs)
    this.#timer.unref()
  }

  /** Who waits is work to be done: this timer keeps the process alive. */
  #lookWhileWaiting(): void {
    if (this.#isClosed || this.#intervalMs === undefined) return
    if (this.#waitingTimer !== undefined || this.waiting === 0) return
    this.look()
    this.#waitingTimer = setTimeout(() => {
      this.#waitingTimer = undefined
      this.#lookWhileWaiting()
    }, WAITING_LOOK_MS)
  }
}

/** What a child process was seen to hold, or measured of itself, whichever is more. */
function withChildren(
  measured: ReadonlyMap<string, number>,
  children: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  if (children.size === 0) return measured
  const both = new Map(measured)
  for (const [name, bytes] of children) both.set(name, Math.max(bytes, measured.get(name) ?? 0))
  return both
}
