/** Who is served first. Within a priority the order is that of arrival. */
export type Priority = 'high' | 'normal' | 'low'

const PRIORITIES: readonly Priority[] = ['high', 'normal', 'low']

/** A lower priority is passed over this often in a row at most; then its first is next, and nobody before it. */
export const MOST_PASSED_OVER = 8

export interface Waiting {
  readonly priority: Priority
  /** The parts of the tree that it counts for: `import 3`, `import 3/staging`. */
  readonly levels: readonly string[]
}

/**
 * Why somebody cannot be served now: the whole budget (then nobody behind may be either, or a large request would
 * starve), or the limit of one part, by its path (then those who do not count for that part may).
 */
export type Blocker = 'whole' | { readonly path: string }

/** Those who wait for memory, in turn. Decides only about the order. */
export class WaitLine<W extends Waiting> {
  readonly #lines: Readonly<Record<Priority, W[]>> = { high: [], normal: [], low: [] }
  readonly #passedOver: Record<Priority, number> = { high: 0, normal: 0, low: 0 }

  get size(): number {
    return PRIORITIES.reduce((sum, priority) => sum + this.#lines[priority].length, 0)
  }

  add(waiter: W): void {
    this.#lines[waiter.priority].push(waiter)
  }

  /** False where it does not wait (any more). */
  remove(waiter: W): boolean {
    const line = this.#lines[waiter.priority]
    const at = line.indexOf(waiter)
    if (at < 0) return false
    line.splice(at, 1)
    if (line.length === 0) this.#passedOver[waiter.priority] = 0
    return true
  }

  /** All of them, in turn; a copy. */
  all(): readonly W[] {
    return this.#order().flatMap((priority) => this.#lines[priority])
  }

  /** The one who is next when the whole budget has room. */
  get first(): W | undefined {
    const [first] = this.#inTurn()
    return first
  }

  /** Takes out the one who is next, or answers undefined while nobody who is next can be served. */
  take(blockerOf: (waiter: W) => Blocker | undefined): W | undefined {
    const closed = new Set<string>()
    for (const waiter of this.#inTurn()) {
      if (waiter.levels.some((level) => closed.has(level))) continue
      const blocker = blockerOf(waiter)
      if (blocker === 'whole') return undefined
      if (blocker === undefined) {
        this.#served(waiter.priority)
        this.remove(waiter)
        return waiter
      }
      closed.add(blocker.path)
    }
    return undefined
  }

  /** Whether a newcomer may be served now, without anybody being overtaken who should not be; counts it if so. */
  admit(newcomer: Waiting, blockerOf: (waiter: W) => Blocker | undefined): boolean {
    const closed = new Set<string>()
    for (const priority of this.#order()) {
      if (this.#isBelow(priority, newcomer.priority)) break
      for (const waiter of this.#lines[priority]) {
        if (waiter.levels.some((level) => closed.has(level))) continue
        const blocker = blockerOf(waiter)
        if (blocker === 'whole' || blocker === undefined) return false
        closed.add(blocker.path)
      }
    }
    if (newcomer.levels.some((level) => closed.has(level))) return false
    this.#served(newcomer.priority)
    return true
  }

  *#inTurn(): Generator<W> {
    for (const priority of this.#order()) yield* this.#lines[priority]
  }

  /** Priorities in turn: those that were passed over too often come first. */
  #order(): Priority[] {
    const isOwed = (priority: Priority) => this.#passedOver[priority] >= MOST_PASSED_OVER
    return [...PRIORITIES.filter(isOwed), ...PRIORITIES.filter((priority) => !isOwed(priority))]
  }

  #isBelow(priority: Priority, other: Priority): boolean {
    if (this.#passedOver[priority] >= MOST_PASSED_OVER) return false
    return PRIORITIES.indexOf(priority) > PRIORITIES.indexOf(other)
  }

  #served(priority: Priority): void {
    this.#passedOver[priority] = 0
    for (const lower of PRIORITIES.slice(PRIORITIES.indexOf(priority) + 1)) {
      if (this.#lines[lower].length > 0) this.#passedOver[lower]++
    }
  }
}
