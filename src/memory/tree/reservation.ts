import type { Priority } from './wait-line.ts'

export interface ReserveOptions {
  /** Who asks: levels apart by `/`, the operation first: `import 3/staging`. */
  readonly consumer: string
  readonly bytes: number
  readonly signal?: AbortSignal
  /** A measured consumer (`engine`) that these bytes are part of: they are held here and billed there. */
  readonly within?: string
  /** Default `normal`. */
  readonly priority?: Priority
  /** The longest wait; then `memory/refused`. Without it the wait ends when the bytes are free or cannot become free. */
  readonly deadlineMs?: number
}

/** A part of the budget that is held. Released exactly once: a second `release` does nothing. */
export interface Reservation extends Disposable {
  readonly consumer: string
  readonly bytes: number
  /** Changes the size: growing beyond what is free rejects `memory/refused`, and the reservation stays as it was. */
  resize(bytes: number): void
  release(): void
}
