import { cancelledError, IceboxError, isIceboxError, throwIfCancelled } from '../../base/index.ts'
import type { BufferAllocator, EnginePlan, Governor } from '../../memory/index.ts'
import { HeapBuffers } from '../arrow-out/heap-buffers.ts'
import type { Engine, EngineMemory, EngineSession } from '../port.ts'
import { removeStale } from '../spill.ts'
import { Channel } from './channel.ts'
import { ChildSession } from './child-session.ts'
import { launch, type LaunchOptions, limitData, setDataLimit } from './launch.ts'
import { type OpenRequest, strayMessage } from './protocol.ts'

export interface ChildEngineOptions extends OpenRequest {
  readonly governor: Governor
  readonly buffers?: BufferAllocator
  readonly child?: LaunchOptions
}

/** What the process may take beyond DuckDB's limit and what it had when it was idle: stacks, code, bursts that are not counted. */
const DATA_HEADROOM_BYTES = 64 * 1024 * 1024
/** A statement that was cancelled and alone, and does not end in this time, ends with its process. */
const CANCEL_PATIENCE_MS = 2_000
/** A process that does not close in this time is ended. */
const CLOSE_PATIENCE_MS = 5_000

interface Running {
  readonly channel: Channel
  readonly generation: number
  /** `RLIMIT_DATA` of the process; undefined where it could not be set. */
  dataLimitBytes: number | undefined
}

/** The engine in a process of its own, started again by the next session when it has died. */
export class ChildEngine implements Engine {
  readonly #options: ChildEngineOptions
  readonly #buffers: BufferAllocator
  readonly #sessions = new Set<ChildSession>()
  readonly #unregister: () => void
  #plan: EnginePlan
  #running: Promise<Running>
  #generation = 0
  /** Requests of sessions that are under way. */
  #asked = 0
  #isClosed = false

  private constructor(options: ChildEngineOptions) {
    this.#options = options
    this.#plan = options.plan
    this.#buffers = options.buffers ?? new HeapBuffers()
    this.#running = this.#start()
    this.#unregister = options.governor.registerReliever({
      name: "the engine's allocator",
      rung: 'relieve',
      relieve: (bytes) => this.#relieve(bytes),
    })
  }

  static async open(options: ChildEngineOptions): Promise<ChildEngine> {
    const engine = new ChildEngine(options)
    await engine.#running
    return engine
  }

  get plan(): EnginePlan {
    return this.#plan
  }

  get threads(): number {
    return this.plan.threads
  }

  get memoryLimitBytes(): number {
    return this.plan.memoryLimitBytes
  }

  /** The process that runs now. */
  async processId(): Promise<number> {
    return (await this.#alive()).channel.pid
  }

  /** `RLIMIT_DATA` of the process; undefined where there is no `prlimit`. */
  async dataLimitBytes(): Promise<number | undefined> {
    return (await this.#alive()).dataLimitBytes
  }

  async session(signal?: AbortSignal): Promise<EngineSession> {
    throwIfCancelled(signal)
    const { channel, generation } = await this.#alive()
    try {
      const answer = await channel.request({ kind: 'session' }, { signal })
      if (answer === undefined || !('session' in answer)) throw strayMessage(answer)
      const session: ChildSession = new ChildSession(
        channel,
        answer.session,
        generation,
        (of, aborted) => this.#patience(of, aborted),
        () => this.#sessions.delete(session),
      )
      this.#sessions.add(session)
      return session
    } catch (error) {
      if (signal?.aborted === true && isIceboxError(error, 'cancelled')) throw cancelledError(signal)
      throw error
    }
  }

  async follow(plan: EnginePlan, isUrgent = false): Promise<void> {
    const running = await this.#alive()
    await running.channel.request({ kind: 'follow', plan, isUrgent })
    if (running.dataLimitBytes !== undefined) {
      running.dataLimitBytes += plan.memoryLimitBytes - this.#plan.memoryLimitBytes
      await setDataLimit(running.channel.pid, running.dataLimitBytes)
    }
    this.#plan = plan
  }

  async memory(): Promise<EngineMemory> {
    const answer = await (await this.#alive()).channel.request({ kind: 'memory' })
    if (answer === undefined || !('memory' in answer)) throw strayMessage(answer)
    return answer.memory
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#unregister()
    const running = await this.#running.catch(() => undefined)
    if (running === undefined) return
    for (const session of this.#sessions) await session[Symbol.asyncDispose]()
    const { channel } = running
    const timer = setTimeout(() => channel.kill(), CLOSE_PATIENCE_MS)
    await channel.request({ kind: 'close' }).catch((error: unknown) => {
      if (!isIceboxError(error, 'engine/crashed')) throw error
    })
    await channel.gone
    clearTimeout(timer)
    await removeStale(this.#options.spillDirectory)
  }

  async giveBack(): Promise<void> {
    await this.#relieve(Number.MAX_SAFE_INTEGER)
  }

  /** A process that is not there holds nothing, and one that is ending gives all back. */
  async #relieve(bytes: number): Promise<number> {
    const running = await this.#running.catch(() => undefined)
    if (running === undefined || running.channel.lost !== undefined) return 0
    const answer = await running.channel.request({ kind: 'relieve', bytes }).catch((error: unknown) => {
      if (isIceboxError(error, 'engine/crashed')) return undefined
      throw error
    })
    return answer !== undefined && 'relievedBytes' in answer ? answer.relievedBytes : 0
  }

  /** The running process, or a new one where the last has died. */
  async #alive(): Promise<Running> {
    if (this.#isClosed) throw new IceboxError('internal/unreachable', { message: 'a closed engine was used' })
    const known = this.#running
    const running = await known.catch(() => undefined)
    if (running !== undefined && running.channel.lost === undefined) return running
    // The first to see it starts the next one; the others wait for the same.
    if (this.#running === known) this.#running = this.#start()
    return this.#running
  }

  async #start(): Promise<Running> {
    const { governor, child, spillDirectory, maxSpillBytes, allowedDirectories, maxSessions } = this.#options
    const plan = this.#plan
    const launched = await launch(child ?? {}, plan)
    const unregister = governor.registerProcess(launched.pid, 'engine')
    const channel = new Channel(launched, this.#buffers, {
      onFigures: ({ residentBytes, spilledBytes, isPurged }) => {
        if (isPurged === true) governor.purged()
        if (residentBytes !== undefined) governor.measured('engine', residentBytes)
        if (spilledBytes !== undefined) governor.spilled(spilledBytes)
      },
      onGone: () => {
        unregister()
        governor.measured('engine', 0)
        governor.spilled(0)
      },
    })
    try {
      await channel.request({
        kind: 'open',
        options: {
          plan,
          spillDirectory,
          maxSpillBytes,
          ...(allowedDirectories === undefined ? {} : { allowedDirectories }),
          ...(maxSessions === undefined ? {} : { maxSessions }),
        },
      })
      const dataLimitBytes = await limitData(launched.pid, plan.memoryLimitBytes + DATA_HEADROOM_BYTES)
      return { channel, generation: this.#generation++, dataLimitBytes }
    } catch (error) {
      channel.kill()
      await channel.gone
      throw error
    }
  }

  /**
   * Watches a request that is under way. Once it is cancelled it is given some time, and then, if no other request would
   * be lost with it, its process is ended: an interrupt is noticed only where the engine looks for one.
   */
  #patience(channel: Channel, signal: AbortSignal | undefined): Disposable {
    this.#asked++
    let timer: NodeJS.Timeout | undefined
    const lose = () => {
      timer = setTimeout(() => {
        if (this.#asked === 1) channel.kill()
      }, CANCEL_PATIENCE_MS)
    }
    signal?.addEventListener('abort', lose, { once: true })
    return {
      [Symbol.dispose]: () => {
        this.#asked--
        clearTimeout(timer)
        signal?.removeEventListener('abort', lose)
      },
    }
  }
}
