import type { Rung } from './rungs.ts'

/** A part that can give memory back when it is short: a cache, a pool, an allocator, a writer. */
export interface Reliever {
  readonly name: string
  /** `relieve`: what costs little and may be made again. `economise`: what costs work (writers flushed early). */
  readonly rung: Extract<Rung, 'relieve' | 'economise'>
  /** Gives back `bytesWanted` or what it can; answers with the bytes given back, 0 where it cannot tell. */
  readonly relieve: (bytesWanted: number) => Promise<number> | number
}

export interface Relief {
  readonly reliever: string
  readonly freedBytes: number
  readonly tookMs: number
  /** Why it failed, where it did. */
  readonly error?: unknown
}

/** The parts that can give memory back, asked in the order in which they registered. */
export class Relievers {
  readonly #list: Reliever[] = []

  /** The answer takes it out again. */
  register(reliever: Reliever): () => void {
    this.#list.push(reliever)
    return () => {
      const at = this.#list.indexOf(reliever)
      if (at >= 0) this.#list.splice(at, 1)
    }
  }

  /** Asks one after the other until enough is back, `last` at the end. One that fails is reported, and the next is asked. */
  async *run(rung: Reliever['rung'], bytesWanted: number, last?: Reliever): AsyncGenerator<Relief> {
    let missingBytes = bytesWanted
    const asked = this.#list.filter((reliever) => reliever.rung === rung)
    for (const reliever of last === undefined ? asked : [...asked, last]) {
      if (missingBytes <= 0) return
      const beganMs = performance.now()
      const relief = { reliever: reliever.name, freedBytes: 0 }
      try {
        relief.freedBytes = Math.max(0, await reliever.relieve(missingBytes))
      } catch (error) {
        yield { ...relief, tookMs: performance.now() - beganMs, error }
        continue
      }
      missingBytes -= relief.freedBytes
      yield { ...relief, tookMs: performance.now() - beganMs }
    }
  }
}
