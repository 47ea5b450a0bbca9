import { availableParallelism } from 'node:os'
import { IceboxError, formatBytes } from '../base/index.ts'
import { allocatorControl, type Engine, type LaunchOptions, openEngine } from '../engine/index.ts'
import { expectedBaseBytes, Governor, ownMemory, planEngine } from '../memory/index.ts'

export interface ProcessNeeds {
  readonly budgetBytes: number
  /** Undefined: the cores that this process may use. */
  readonly threads: number | undefined
  readonly spillDirectory: string
  readonly maxSpillBytes: number
  /** Where the engine runs; see `EngineOptions.process`. */
  readonly engine?: 'own' | 'child'
  /** How its own process is started. */
  readonly launch?: LaunchOptions
}

/** What the tree takes more when the engine runs apart, file pages counted once: 15 to 25 MiB (docs/decisions/0014-engine-process.md). */
const CHILD_BASE_BYTES = 24 * 1024 * 1024

/**
 * What a process has once, shared by the lakehouses open in it: the governor of its budget, and the engine, which is
 * started by the first statement that needs it. Closed when the last lakehouse closes.
 */
export class SharedProcess {
  static #open: SharedProcess | undefined

  readonly governor: Governor
  readonly #needs: ProcessNeeds
  #engine: Promise<Engine> | undefined
  #users = 0

  private constructor(needs: ProcessNeeds) {
    this.#needs = needs
    this.governor = Governor.create({ budgetBytes: needs.budgetBytes, baseBytes: ownMemory().rssBytes })
  }

  /**
   * The shared parts, made by the first caller. The smaller budget rules: a later, larger one is capped at the first. A
   * smaller one cannot be kept once the process works under a larger one, and is `memory/refused`.
   */
  static join(needs: ProcessNeeds): SharedProcess {
    const open = SharedProcess.#open
    if (open !== undefined && needs.budgetBytes < open.governor.budgetBytes) {
      throw new IceboxError('memory/refused', {
        message: `this process works under a budget of ${formatBytes(open.governor.budgetBytes)} already; ${formatBytes(needs.budgetBytes)} cannot be kept beside it`,
        remedy: 'open the lakehouse with the smaller budget first, or close the other one',
        context: { budgetBytes: open.governor.budgetBytes, askedBytes: needs.budgetBytes },
      })
    }
    const shared = open ?? new SharedProcess(needs)
    SharedProcess.#open = shared
    shared.#users++
    return shared
  }

  get budgetBytes(): number {
    return this.governor.budgetBytes
  }

  /** The engine; started by the first call. A start that failed is tried again by the next. */
  engine(): Promise<Engine> {
    if (this.#engine !== undefined) return this.#engine
    const starting = this.#start()
    this.#engine = starting
    // Forgotten after it was kept: a plan that is refused fails before `#start` first waits.
    starting.catch(() => {
      if (this.#engine === starting) this.#engine = undefined
    })
    return starting
  }

  async #start(): Promise<Engine> {
    const { budgetBytes, threads, spillDirectory, maxSpillBytes, engine = 'own', launch } = this.#needs
    const plan = planEngine({
      budgetBytes,
      baseBytes: expectedBaseBytes() + (engine === 'child' ? CHILD_BASE_BYTES : 0),
      cores: threads ?? availableParallelism(),
      allocator: allocatorControl(),
    })
    return await openEngine({
      plan,
      governor: this.governor,
      spillDirectory,
      maxSpillBytes,
      process: engine,
      ...(launch === undefined ? {} : { child: launch }),
    })
  }

  async leave(): Promise<void> {
    this.#users--
    if (this.#users > 0) return
    if (SharedProcess.#open === this) SharedProcess.#open = undefined
    const engine = await this.#engine
    this.#engine = undefined
    await engine?.[Symbol.asyncDispose]()
  }
}
