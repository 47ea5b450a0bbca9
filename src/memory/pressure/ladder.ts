import { type Advice, ECONOMY, NO_ADVICE } from './advice.ts'
import { CALM, decidePressure, type PressureAction, type PressureState } from './decide-pressure.ts'
import { GarbageReliever } from './garbage.ts'
import { Operations, type OperationUse } from './operations.ts'
import { type Relief, Relievers } from './relievers.ts'
import { type PressureSettings, type Rung, thresholdsOf } from './rungs.ts'
import { Sources } from './sources.ts'

interface Moment {
  readonly usedBytes: number
  readonly budgetBytes: number
}

/** What happened on the ladder. */
export type PressureEvent =
  | (Moment & { readonly kind: 'rung'; readonly rung: Rung; readonly isEntered: boolean })
  | (Moment & { readonly kind: 'alert'; readonly isRaised: boolean })
  | (Moment & { readonly kind: 'relief' } & Relief)
  | (Moment & { readonly kind: 'cancelled' } & { readonly operation: OperationUse })
  | (Moment & { readonly kind: 'braked'; readonly ms: number })

/**
 * Refuses this process more memory, and blocks it, until it holds at most so much or a moment has passed; answers with the
 * milliseconds, 0 where it can do nothing.
 */
export type Brake = (downToBytes: number) => number

export type PressureListener = (event: PressureEvent) => void

/** What the ladder asks of the books. */
export interface LadderView {
  readonly usedBytes: number
  /** Of it, growth of V8's heap. */
  readonly heapBytes: number
  readonly budgetBytes: number
  readonly isShort: boolean
  /** Memory of the engine, the heaps and nobody: what operations share. */
  readonly sharedBytes: number
  readonly heldBy: (operation: string) => number
}

/** The brake is held until so much of the budget is left. */
const BRAKED_SHARE = 0.95

/** Does what {@link decidePressure} decides, and tells of it. */
export class PressureLadder {
  readonly sources = new Sources()
  readonly operations = new Operations()
  readonly relievers = new Relievers()
  readonly #settings: PressureSettings
  readonly #view: () => LadderView
  /** Memory may have come back: time to look again. */
  readonly #onRelieved: () => void
  readonly #listeners = new Set<PressureListener>()
  readonly #garbage = new GarbageReliever()
  #state: PressureState = CALM
  #advice: Advice = NO_ADVICE
  #reliefs = 0
  #lastFreedBytes = 0
  #brake: Brake | undefined

  constructor(options: {
    readonly settings: PressureSettings
    readonly view: () => LadderView
    readonly onRelieved: () => void
  }) {
    this.#settings = options.settings
    this.#view = options.view
    this.#onRelieved = options.onRelieved
  }

  tidy(): void {
    this.#garbage.tidy()
  }

  get advice(): Advice {
    return this.#advice
  }

  /** The share of the budget where the first rung begins. */
  get lowestThreshold(): number {
    const { 'pause-sources': pause, relieve } = thresholdsOf(this.#settings)
    return Math.min(relieve, this.#settings.pausesSources ? pause : relieve, this.#settings.alertThreshold)
  }

  /** The answer ends the listening. A listener must not throw. */
  onPressure(listener: PressureListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The last resort against one computation that takes more and more and does not listen; until the answer is called. */
  registerBrake(brake: Brake): () => void {
    this.#brake = brake
    return () => {
      if (this.#brake === brake) this.#brake = undefined
    }
  }

  /** Something was told to end for the budget, and has not. */
  get isEnding(): boolean {
    return this.operations.ending > 0
  }

  /** Decides by the books as they are now, and acts. */
  step(nowMs: number): void {
    const { usedBytes, heapBytes, budgetBytes, isShort } = this.#view()
    const figures = {
      nowMs,
      usedBytes,
      heapBytes,
      budgetBytes,
      isShort,
      reliefs: this.#reliefs,
      lastFreedBytes: this.#lastFreedBytes,
      operations: this.operations.running,
      ending: this.operations.ending,
    }
    const decision = decidePressure(figures, this.#state, this.#settings)
    this.#state = decision.state
    for (const action of decision.actions) this.#act(action)
  }

  #act(action: PressureAction): void {
    switch (action.kind) {
      case 'enter':
        return this.#enter(action.rung)
      case 'leave':
        return this.#leave(action.rung)
      case 'alert':
        return this.#tell({ ...this.#moment(), kind: 'alert', isRaised: action.isRaised })
      case 'relieve':
        return void this.#relieve(action.bytesWanted)
      case 'cancel-largest':
        return this.#cancelLargest()
      case 'brake':
        return this.#hold()
    }
  }

  #enter(rung: Rung): void {
    this.#tell({ ...this.#moment(), kind: 'rung', rung, isEntered: true })
    if (rung === 'pause-sources') this.sources.pause()
    if (rung === 'economise') {
      this.#advice = ECONOMY
      const { usedBytes, budgetBytes } = this.#view()
      void this.#run('economise', Math.max(1, usedBytes - budgetBytes * this.lowestThreshold))
    }
    if (rung === 'queue') this.operations.queue()
  }

  #leave(rung: Rung): void {
    this.#tell({ ...this.#moment(), kind: 'rung', rung, isEntered: false })
    if (rung === 'pause-sources') this.sources.resume()
    if (rung === 'economise') this.#advice = NO_ADVICE
    if (rung === 'queue') this.operations.admit()
  }

  async #relieve(bytesWanted: number): Promise<void> {
    // Below the threshold it is for somebody who waits; how much is not known better than "some".
    this.#lastFreedBytes = await this.#run('relieve', Math.max(1, bytesWanted))
    this.#reliefs++
    this.#onRelieved()
  }

  async #run(rung: 'relieve' | 'economise', bytesWanted: number): Promise<number> {
    let freedBytes = 0
    const last = rung === 'relieve' ? this.#garbage : undefined
    for await (const relief of this.relievers.run(rung, bytesWanted, last)) {
      freedBytes += relief.freedBytes
      this.#tell({ ...this.#moment(), kind: 'relief', ...relief })
    }
    return freedBytes
  }

  #cancelLargest(): void {
    const { usedBytes, budgetBytes, sharedBytes, heldBy } = this.#view()
    const operation = this.operations.cancelLargest(heldBy, sharedBytes, { usedBytes, budgetBytes })
    if (operation !== undefined) this.#tell({ usedBytes, budgetBytes, kind: 'cancelled', operation })
  }

  #hold(): void {
    const { usedBytes, budgetBytes } = this.#view()
    const ms = this.#brake?.(Math.floor(budgetBytes * BRAKED_SHARE)) ?? 0
    if (ms > 0) this.#tell({ usedBytes, budgetBytes, kind: 'braked', ms })
  }

  #moment(): Moment {
    const { usedBytes, budgetBytes } = this.#view()
    return { usedBytes, budgetBytes }
  }

  #tell(event: PressureEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}
