import { PerformanceObserver } from 'node:perf_hooks'

/** Time that V8's collector took of the main thread. */
export interface GcFigures {
  readonly collections: number
  readonly totalMs: number
  readonly longestMs: number
}

/** Counts collections from its making to its disposal; costs an entry per collection, so it is made for profiles only. */
export class GcWatch implements Disposable {
  readonly #observer: PerformanceObserver
  #collections = 0
  #totalMs = 0
  #longestMs = 0

  constructor() {
    this.#observer = new PerformanceObserver((list) => this.#count(list.getEntries()))
    this.#observer.observe({ entryTypes: ['gc'] })
  }

  figures(): GcFigures {
    this.#count(this.#observer.takeRecords())
    return { collections: this.#collections, totalMs: round(this.#totalMs), longestMs: round(this.#longestMs) }
  }

  [Symbol.dispose](): void {
    this.#observer.disconnect()
  }

  #count(entries: readonly { readonly duration: number }[]): void {
    for (const { duration } of entries) {
      this.#collections++
      this.#totalMs += duration
      this.#longestMs = Math.max(this.#longestMs, duration)
    }
  }
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10
}
