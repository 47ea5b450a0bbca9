import type { PressureEvent } from '../pressure/ladder.ts'
import type { Rung } from '../pressure/rungs.ts'

/** What memory pressure did while an operation ran, in the whole process. */
export interface PressureCounts {
  /** How often each rung of the ladder was begun; those that were not are left out. */
  readonly rungs: Readonly<Partial<Record<Rung, number>>>
  /** How often a source had to wait, and for how long there was one that waited. */
  readonly sourcePauses: number
  readonly sourcePausedMs: number
  /** Times that the engine's allocator gave free pages back. */
  readonly purges: number
  readonly alerts: number
  /** Times that the process was refused more memory, since a computation took it and did not listen. */
  readonly brakes: number
}

/** Adds up events from the start of an operation to its end. */
export class PressureTally {
  readonly #rungs: Partial<Record<Rung, number>> = {}
  #alerts = 0
  #purges = 0
  #brakes = 0

  note(event: PressureEvent): void {
    if (event.kind === 'rung' && event.isEntered) this.#rungs[event.rung] = (this.#rungs[event.rung] ?? 0) + 1
    if (event.kind === 'alert' && event.isRaised) this.#alerts++
    if (event.kind === 'braked') this.#brakes++
  }

  notePurge(): void {
    this.#purges++
  }

  counts(sources: { readonly waits: number; readonly waitedMs: number }): PressureCounts {
    return {
      rungs: { ...this.#rungs },
      sourcePauses: sources.waits,
      sourcePausedMs: Math.round(sources.waitedMs),
      purges: this.#purges,
      alerts: this.#alerts,
      brakes: this.#brakes,
    }
  }
}
