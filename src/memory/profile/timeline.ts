/** What was held over a span of time: the most of each in it. */
export interface TimelinePoint {
  /** Start of the span, after the start of the operation. */
  readonly atMs: number
  /** The process tree as the operating system counts it. */
  readonly usedBytes: number
  /** By first level of the budget tree. */
  readonly consumers: Readonly<Record<string, number>>
  readonly spilledBytes: number
}

/** Memory of an operation over time, in a bounded number of spans of equal length; spans without a look are left out. */
export interface MemoryTimeline {
  readonly stepMs: number
  readonly points: readonly TimelinePoint[]
}

/** Points of a timeline; one that is full is halved by joining neighbours. */
const MOST_POINTS = 256
const FIRST_STEP_MS = 20
/** Consumers told apart in a point; the smaller ones come together under `others`. */
const MOST_CONSUMERS = 12
const OTHERS = 'others'

interface Point {
  readonly step: number
  readonly usedBytes: number
  readonly consumers: Readonly<Record<string, number>>
  readonly spilledBytes: number
}

/** Gathers a {@link MemoryTimeline} of any length in bounded memory. A peak stays a peak however often it is halved. */
export class Timeline {
  #stepMs = FIRST_STEP_MS
  #points: Point[] = []

  note(
    atMs: number,
    seen: {
      readonly usedBytes: number
      readonly holders: readonly { readonly name: string; readonly bytes: number }[]
      readonly spilledBytes: number
    },
  ): void {
    while (Math.floor(atMs / this.#stepMs) >= MOST_POINTS) this.#halve()
    const point: Point = {
      step: Math.floor(atMs / this.#stepMs),
      usedBytes: seen.usedBytes,
      consumers: largest(seen.holders),
      spilledBytes: seen.spilledBytes,
    }
    const last = this.#points.at(-1)
    if (last?.step === point.step) this.#points[this.#points.length - 1] = join(last, point)
    else this.#points.push(point)
  }

  value(): MemoryTimeline {
    return {
      stepMs: this.#stepMs,
      points: this.#points.map(({ step, ...rest }) => ({ atMs: step * this.#stepMs, ...rest })),
    }
  }

  #halve(): void {
    this.#stepMs *= 2
    const joined: Point[] = []
    for (const point of this.#points) {
      const halved = { ...point, step: Math.floor(point.step / 2) }
      const last = joined.at(-1)
      if (last?.step === halved.step) joined[joined.length - 1] = join(last, halved)
      else joined.push(halved)
    }
    this.#points = joined
  }
}

function join(a: Point, b: Point): Point {
  const consumers: Record<string, number> = { ...a.consumers }
  for (const [name, bytes] of Object.entries(b.consumers)) consumers[name] = Math.max(consumers[name] ?? 0, bytes)
  return {
    step: a.step,
    usedBytes: Math.max(a.usedBytes, b.usedBytes),
    consumers: largest(Object.entries(consumers).map(([name, bytes]) => ({ name, bytes }))),
    spilledBytes: Math.max(a.spilledBytes, b.spilledBytes),
  }
}

function largest(holders: readonly { readonly name: string; readonly bytes: number }[]): Record<string, number> {
  if (holders.length <= MOST_CONSUMERS) return Object.fromEntries(holders.map(({ name, bytes }) => [name, bytes]))
  const sorted = holders.filter(({ name }) => name !== OTHERS).toSorted((a, b) => b.bytes - a.bytes)
  const named = sorted.slice(0, MOST_CONSUMERS - 1)
  const known = named.reduce((sum, { bytes }) => sum + bytes, 0)
  const all = holders.reduce((sum, { bytes }) => sum + bytes, 0)
  return Object.fromEntries([...named.map(({ name, bytes }) => [name, bytes]), [OTHERS, all - known]])
}
