import { availableParallelism } from 'node:os'
import { formatBytes, IceboxError, isIceboxError } from '../base/index.ts'
import { cappedPoolSize } from '../config/index.ts'
import { allocatorControl, type Engine, isEngineLoaded, type LaunchOptions, openEngine } from '../engine/index.ts'
import {
  collectAndSweep,
  type EnginePlan,
  expectedBaseBytes,
  Governor,
  heapBytes,
  ownMemory,
  type EnginePlanInput,
  leastBudgetBytes,
  planEngine,
  type PressureSettings,
  requireBudgetFits,
  SlabPool,
} from '../memory/index.ts'
import type { PlanningNeeds } from '../query/index.ts'
import { closedLakehouse } from './running.ts'

export interface ProcessNeeds {
  readonly budgetBytes: number
  /** Undefined: the cores that this process may use. */
  readonly threads: number | undefined
  readonly spillDirectory: string
  readonly maxSpillBytes: number
  /** `performance.memory.monitoring.interval`; undefined: memory is not watched. */
  readonly monitoringIntervalMs: number | undefined
  readonly pressure: PressureSettings
  /** `performance.memory.pool_size`; at most a tenth of the budget is kept. */
  readonly poolSizeBytes: number
  /** `performance.memory.defrag_threshold` */
  readonly defragThreshold: number
  /** Where the engine runs; see `EngineOptions.process`. */
  readonly engine?: 'own' | 'child'
  /** How its own process is started. */
  readonly launch?: LaunchOptions
}

/** What the tree takes more when the engine runs apart, file pages counted once: 15 to 25 MiB (docs/decisions/0014-engine-process.md). */
const CHILD_BASE_BYTES = 24 * 1024 * 1024
/** Of these, what this process speaks with it by: apache-arrow, which stays when the engine is closed. */
const CHILD_SPEECH_BYTES = 15 * 1024 * 1024

/** A process that grew by more since the lakehouse was opened has garbage, perhaps: a collection takes 11 ms at least. */
const WORTH_COLLECTING_BYTES = 16 * 1024 * 1024
/** A heap of a program that is larger holds more than its code: 10 to 20 MiB. */
const LARGE_HEAP_BYTES = 32 * 1024 * 1024

/** Of a parameter on its way to an engine apart, on both sides (docs/decisions/0032-large-parameters.md). */
const SENT_COPIES = 4
/** How long a large statement waits for memory where nothing runs, which goes soon or never, and where something does. */
const IDLE_PATIENCE_MS = 2000
const BUSY_PATIENCE_MS = 10_000
/** While a large statement is planned the engine's limit is not lowered below this: scans and small groups work with it. */
const LEAST_WHILE_PLANNING_BYTES = 24 * 1024 * 1024

/**
 * What a process has once, shared by the lakehouses open in it: the governor of its budget, and the engine, which is
 * started by the first statement that needs it, with the threads and the spill folder of the first lakehouse. Closed when
 * the last lakehouse closes. The budget is the smallest of those open now.
 */
export class SharedProcess {
  static #open: SharedProcess | undefined
  /** An engine apart was started once: what of ours speaks with it is in this process, and stays. */
  static #hasStartedChild = false

  readonly governor: Governor
  /** Buffers outside the V8 heap: Arrow batches, on their way out or between processes, spooled rows, files of metadata. */
  readonly pool: SlabPool
  readonly #first: ProcessNeeds
  readonly #openedAtBytes = ownMemory().rssBytes
  readonly #users = new Set<ProcessNeeds>()
  #engine: Promise<Engine> | undefined
  /** What statements are parsed and planned with; see `planning`. */
  #planningBytes = 0
  /** What the process takes beside the engine's limit, as last planned with. */
  #baseBytes = 0
  #following: Promise<unknown> = Promise.resolve()

  private constructor(first: ProcessNeeds) {
    this.#first = first
    const { budgetBytes, monitoringIntervalMs, pressure } = first
    this.governor = Governor.create({
      budgetBytes,
      baseBytes: this.#openedAtBytes,
      pressure,
      ...(monitoringIntervalMs !== undefined && { monitoringIntervalMs }),
    })
    const pool = new SlabPool({
      budget: this.governor,
      poolSizeBytes: cappedPoolSize(first.poolSizeBytes, budgetBytes),
      maxBytes: budgetBytes,
      defragThreshold: first.defragThreshold,
    })
    this.pool = pool
    this.governor.onPressure((event) => {
      if (event.kind === 'rung' && event.rung === 'economise') void this.#economise()
    })
    this.governor.onAvailable(() => void this.#economise())
    this.governor.registerReliever({
      name: 'the buffer pool',
      rung: 'relieve',
      relieve: (bytes) => pool.relieve(bytes),
    })
  }

  /**
   * The shared parts, made by the first caller; `leave` takes the same needs. A smaller budget than that of the others
   * holds for all once the engine, if it runs, has shrunk to it, which waits for the statements that run. Rejects
   * `memory/budget-too-small` and `memory/refused` where it cannot, and `memory/budget-too-large` above what the operating
   * system gives; then nothing is changed.
   */
  static async join(needs: ProcessNeeds): Promise<SharedProcess> {
    if (SharedProcess.#open === undefined) {
      requireBudgetFits(needs.budgetBytes)
      // What the process has now is its base as long as a lakehouse is open: the program's garbage is none of it.
      if (heapBytes() > LARGE_HEAP_BYTES) await collectAndSweep()
    }
    const shared = SharedProcess.#open ?? new SharedProcess(needs)
    SharedProcess.#open = shared
    shared.#users.add(needs)
    try {
      await shared.#followBudget()
    } catch (error) {
      await shared.leave(needs)
      throw error
    }
    return shared
  }

  get budgetBytes(): number {
    return this.governor.budgetBytes
  }

  /** The engine; started by the first call. A start that failed is tried again by the next. Rejects `cancelled` once all left. */
  engine(): Promise<Engine> {
    if (this.#engine !== undefined) return this.#engine
    if (this.#users.size === 0) return Promise.reject(closedLakehouse())
    const starting = this.#start()
    this.#engine = starting
    // Forgotten after it was kept: a plan that is refused may fail before `#start` first waits.
    starting.catch(() => {
      if (this.#engine === starting) this.#engine = undefined
    })
    return starting
  }

  /**
   * Room for what the engine takes beside its limit to parse and plan a large statement and for its parameters, until it is
   * disposed; meanwhile the limit itself is lower. Rejects `memory/refused` where the budget has no room for it, `cancelled`.
   */
  async planning(needs: PlanningNeeds, signal: AbortSignal | undefined): Promise<AsyncDisposable> {
    const bytes = needs.bytes + (this.#first.engine === 'child' ? needs.sentBytes * SENT_COPIES : 0)
    // The program's own objects are seen, not promised: the parameters are among them.
    this.governor.look()
    // Beside it there must be room for the least of an engine, and for what the process is known to load yet.
    const baseBytes = this.#engine === undefined ? this.#expectedBase(ownMemory().rssBytes) : this.#baseBytes
    const besideBytes = LEAST_WHILE_PLANNING_BYTES + Math.max(0, baseBytes - ownMemory().rssBytes)
    const held = await this.governor.reserve({
      consumer: 'statements/planning',
      bytes: bytes + besideBytes,
      // What the engine holds goes with its statements, and with their readers, which may wait for this one.
      deadlineMs: this.governor.isIdle ? IDLE_PATIENCE_MS : BUSY_PATIENCE_MS,
      ...(signal !== undefined && { signal }),
    })
    try {
      await this.engine()
    } catch (error) {
      held.release()
      throw error
    }
    held.resize(bytes)
    this.#planningBytes += bytes
    await this.#economise()
    return {
      [Symbol.asyncDispose]: async () => {
        held.release()
        this.#planningBytes -= bytes
        await this.#economise()
      },
    }
  }

  async leave(needs: ProcessNeeds): Promise<void> {
    this.#users.delete(needs)
    if (this.#users.size > 0) return this.#followBudget()
    if (SharedProcess.#open === this) SharedProcess.#open = undefined
    await this.#following
    const engine = await this.#engine
    this.#engine = undefined
    await engine?.[Symbol.asyncDispose]()
    this.pool.close()
    this.governor[Symbol.dispose]()
  }

  async #start(): Promise<Engine> {
    const { spillDirectory, maxSpillBytes, engine = 'own', launch } = this.#first
    const hasGrown = ownMemory().rssBytes - this.#openedAtBytes > WORTH_COLLECTING_BYTES
    if (hasGrown || heapBytes() > LARGE_HEAP_BYTES) await this.#giveBack()
    const started = await openEngine({
      plan: await this.#firstPlan(),
      governor: this.governor,
      spillDirectory,
      maxSpillBytes,
      process: engine,
      buffers: this.pool,
      ...(launch === undefined ? {} : { child: launch }),
    })
    if (engine === 'child') SharedProcess.#hasStartedChild = true
    return started
  }

  /** What the process and that of an engine apart will take beside the limit, of which it has `rssBytes` now. */
  #expectedBase(rssBytes: number): number {
    if (this.#first.engine !== 'child') return expectedBaseBytes(rssBytes, { isEngineLoaded: isEngineLoaded() })
    const areRoomsLoaded = SharedProcess.#hasStartedChild
    return (
      expectedBaseBytes(rssBytes, { areRoomsLoaded }) + CHILD_BASE_BYTES - (areRoomsLoaded ? CHILD_SPEECH_BYTES : 0)
    )
  }

  #foreseeBase(): void {
    // Texts of statements go with them, and are in the books.
    const rssBytes = ownMemory().rssBytes - this.governor.heldBy('statements/text')
    this.#baseBytes = this.#expectedBase(rssBytes)
  }

  /** The plan to start with. Where there is no room for one what can be given back is, and it is made once more. */
  async #firstPlan(): Promise<EnginePlan> {
    const plan = (): EnginePlan => {
      this.governor.look()
      this.#foreseeBase()
      return this.#planWithin(this.governor.availableBytes)
    }
    try {
      return plan()
    } catch (error) {
      if (!isIceboxError(error, 'memory/budget-too-small')) throw error
    }
    await this.#giveBack()
    try {
      return plan()
    } catch (error) {
      throw isIceboxError(error, 'memory/budget-too-small') ? this.#withHolders(error) : error
    }
  }

  /** Who holds the memory that the engine lacks: the program's own objects, mostly. */
  #withHolders(error: IceboxError): IceboxError {
    const heap = heapBytes()
    const promised = this.governor.holders().filter(({ name }) => name !== 'process' && name !== 'heaps')
    const holders = [
      `JavaScript objects and buffers of this program ${formatBytes(heap)}`,
      ...promised.map(({ name, bytes }) => `${name} ${formatBytes(bytes)}`),
    ]
    return new IceboxError('memory/budget-too-small', {
      message: `${error.message}; of what the process takes: ${holders.slice(0, 4).join(', ')}`,
      remedy: `${error.remedy ?? ''}, or let the program hold less when its first statement runs`,
      context: {
        ...error.context,
        heapBytes: heap,
        holders: promised.map(({ name, bytes }) => `${name}: ${bytes} bytes`),
      },
      cause: error,
    })
  }

  /** What the process holds for no use would be taken for its base, and from the engine, as long as that runs. */
  async #giveBack(): Promise<void> {
    this.pool.trim(0)
    await collectAndSweep()
  }

  /** The smallest budget that this process could be given, by what it takes itself. */
  get leastBudgetBytes(): number {
    return leastBudgetBytes(this.#planInput(this.budgetBytes))
  }

  #plan(budgetBytes: number): EnginePlan {
    return planEngine(this.#planInput(budgetBytes))
  }

  #planInput(budgetBytes: number): EnginePlanInput {
    return {
      budgetBytes,
      baseBytes: this.#baseBytes,
      cores: this.#first.threads ?? availableParallelism(),
      allocator: allocatorControl(),
    }
  }

  /** For what others have left of the budget, but never less than the engine needs: that may just fit. */
  #planWithin(availableBytes: number): EnginePlan {
    try {
      return this.#plan(availableBytes)
    } catch (error) {
      const least = isIceboxError(error, 'memory/budget-too-small') ? error.context['leastBudgetBytes'] : undefined
      if (typeof least !== 'number' || least > this.budgetBytes) throw error
      return this.#plan(least)
    }
  }

  /** Brings engine and governor to the smallest budget of those who are there, one change after the other. */
  #followBudget(): Promise<void> {
    const turn = this.#following.then(() => this.#changeBudget())
    this.#following = turn.catch(() => undefined)
    return turn
  }

  async #changeBudget(hasGivenBack = false): Promise<void> {
    let engine: Engine | undefined
    // Leaves the loop in the turn that looked: an engine that starts after it plans with the budget set below.
    while (engine === undefined && this.#engine !== undefined) engine = await this.#runningEngine()
    const budgetBytes = Math.min(...[...this.#users].map((user) => user.budgetBytes))
    if (this.#users.size === 0 || budgetBytes === this.budgetBytes) return
    if (engine !== undefined) {
      this.#baseBytes = Math.max(this.#baseBytes, await besideEngineBytes(engine))
      await engine.follow(this.#plan(budgetBytes))
    } else if (budgetBytes < this.budgetBytes && !this.#canStartWithin(budgetBytes, hasGivenBack)) {
      await this.#giveBack()
      return this.#changeBudget(true)
    }
    this.governor.changeBudget(budgetBytes)
  }

  /** An engine that cannot start would have the statements of all who are there refused. Throws where `isLast`. */
  #canStartWithin(budgetBytes: number, isLast: boolean): boolean {
    try {
      this.#foreseeBase()
      this.#plan(budgetBytes)
      return true
    } catch (error) {
      if (isLast || !isIceboxError(error, 'memory/budget-too-small')) throw error
      return false
    }
  }

  /**
   * Gives the engine the limit that the governor advises: less while memory is short or others have taken of the budget, all
   * of it afterwards. Looking at what is held is not enough there: an engine grows by 2 MiB a millisecond.
   */
  #economise(): Promise<unknown> {
    const turn = this.#following.then(() => this.#followAdvice())
    // What runs holds more than the lower limit: it stays as it is, and the next rungs have their turn.
    this.#following = turn.catch(() => undefined)
    return this.#following
  }

  async #followAdvice(): Promise<void> {
    const engine = await this.#runningEngine()
    if (engine === undefined) return
    const plan = this.#planWithin(this.governor.availableBytes)
    const scaledBytes = Math.floor(plan.memoryLimitBytes * this.governor.advice.engineLimitScale)
    const memoryLimitBytes = Math.max(
      Math.min(scaledBytes, LEAST_WHILE_PLANNING_BYTES),
      scaledBytes - this.#planningBytes,
    )
    await engine.follow({ ...plan, memoryLimitBytes }, true)
  }

  /** The engine, if it was started; a start that fails is told to who asked for it. */
  async #runningEngine(): Promise<Engine | undefined> {
    try {
      return await this.#engine
    } catch (error) {
      if (isIceboxError(error)) return undefined
      throw error
    }
  }
}

/** What the process takes that is not the engine's allocator's; 0 where that cannot be read. */
async function besideEngineBytes(engine: Engine): Promise<number> {
  const { residentBytes } = await engine.memory()
  return residentBytes === undefined ? 0 : Math.max(0, ownMemory().rssBytes - residentBytes)
}
