import { formatBytes, IceboxError } from '../../base/index.ts'
import { Gate } from './gate.ts'
import { Turns } from './turns.ts'

export interface OperationOptions {
  /** The first level of its consumers' names: `import 3`. */
  readonly name: string
  /** What its plan says it needs, with its share of the engine. */
  readonly planBytes: number
  /** The caller's. */
  readonly signal?: AbortSignal
}

/** An operation that was let in. Dispose it at its end. */
export interface RunningOperation extends Disposable {
  readonly name: string
  /** Fires with the caller's signal, and with `memory/exhausted` where the operation must end for the budget. */
  readonly signal: AbortSignal
  /**
   * To be awaited before it takes memory of the engine: resolves when what others plan to hold leaves room, in order of
   * arrival. Nobody waits for less than an eighth of the engine. What it held before is let go first. Rejects `cancelled`.
   */
  hold(bytes: number, capacityBytes: number): Promise<void>
  /** Others need not wait for it any longer: it has its rows, and is as fast as who reads them and may start others. */
  letGo(): void
}

/** What an operation was found to use, beside its plan. */
export interface OperationUse {
  readonly name: string
  readonly planBytes: number
  readonly usedBytes: number
}

/**
 * The operation that is furthest above its plan; undefined where none is. Memory of the engine and of the heaps is not
 * counted by operation: it is shared out as the plans asked for it.
 */
export function largestOvercommitted(
  operations: readonly { readonly name: string; readonly planBytes: number; readonly heldBytes: number }[],
  sharedBytes: number,
): OperationUse | undefined {
  const planned = operations.reduce((sum, { planBytes }) => sum + planBytes, 0)
  let found: OperationUse | undefined
  for (const { name, planBytes, heldBytes } of operations) {
    const share = planned === 0 ? 1 / operations.length : planBytes / planned
    const use = { name, planBytes, usedBytes: Math.round(heldBytes + sharedBytes * share) }
    const overBytes = use.usedBytes - planBytes
    if (overBytes > 0 && (found === undefined || overBytes > found.usedBytes - found.planBytes)) found = use
  }
  return found
}

interface Running {
  readonly options: OperationOptions
  readonly controller: AbortController
  /** For its turn: it has nothing yet. */
  isWaiting: boolean
}

/** Of the engine: less is no reason to wait for anybody. */
const LITTLE_SHARE = 1 / 8

/** The operations that run, and the gate before them. */
export class Operations {
  readonly #running = new Set<Running>()
  readonly #gate = new Gate(() => undefined)
  readonly #turns = new Turns()

  get names(): readonly string[] {
    return [...this.#running].map(({ options }) => options.name)
  }

  get waiting(): number {
    return this.#gate.waiting
  }

  get running(): number {
    return this.#running.size
  }

  /** Those that were told to end for the budget and have not. */
  get ending(): number {
    return [...this.#running].filter(({ controller }) => controller.signal.aborted).length
  }

  /** New operations wait, unless nothing runs: then nothing would ever let them in. */
  queue(): void {
    this.#gate.close()
    this.#admitIfIdle()
  }

  admit(): void {
    this.#gate.open()
  }

  async start(options: OperationOptions): Promise<RunningOperation> {
    if (this.#running.size > 0 || this.#gate.waiting > 0) await this.#gate.whenOpen(options.signal)
    const controller = new AbortController()
    const running: Running = { options, controller, isWaiting: false }
    this.#running.add(running)
    const signal =
      options.signal === undefined ? controller.signal : AbortSignal.any([options.signal, controller.signal])
    let held: Disposable | undefined
    const letGo = () => held?.[Symbol.dispose]()
    return {
      name: options.name,
      signal,
      hold: async (bytes, capacityBytes) => {
        letGo()
        if (bytes < capacityBytes * LITTLE_SHARE) return
        running.isWaiting = true
        try {
          held = await this.#turns.take({ bytes: Math.min(bytes, capacityBytes), capacityBytes }, signal)
        } finally {
          running.isWaiting = false
        }
      },
      letGo,
      [Symbol.dispose]: () => {
        letGo()
        this.#running.delete(running)
        this.#admitIfIdle()
      },
    }
  }

  /** Ends the operation that is furthest above its plan; answers which, or undefined where none is above. */
  cancelLargest(
    heldBy: (name: string) => number,
    sharedBytes: number,
    figures: { readonly usedBytes: number; readonly budgetBytes: number },
  ): OperationUse | undefined {
    const candidates = [...this.#running].filter((running) => !running.controller.signal.aborted && !running.isWaiting)
    const found = largestOvercommitted(
      candidates.map(({ options }) => ({ ...options, heldBytes: heldBy(options.name) })),
      sharedBytes,
    )
    const victim = candidates.find(({ options }) => options.name === found?.name)
    if (found === undefined || victim === undefined) return undefined
    victim.controller.abort(exhausted(found, figures))
    return found
  }

  #admitIfIdle(): void {
    if (this.#running.size === 0 && !this.#gate.isOpen) this.#gate.passOne()
  }
}

function exhausted(
  { name, usedBytes, planBytes }: OperationUse,
  process: { readonly usedBytes: number; readonly budgetBytes: number },
): IceboxError {
  return new IceboxError('memory/exhausted', {
    message: `${name} uses about ${formatBytes(usedBytes)} where its plan was ${formatBytes(planBytes)}, and the process holds ${formatBytes(process.usedBytes)} of its ${formatBytes(process.budgetBytes)}: it was ended to keep the budget`,
    remedy: 'raise performance.memory.max_usage, or run less at once',
    context: { consumer: name, usedBytes, planBytes, heldBytes: process.usedBytes, budgetBytes: process.budgetBytes },
    retryable: true,
  })
}
