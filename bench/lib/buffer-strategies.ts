import type { SlabMemory, SlabPool } from '../../src/memory/index.ts'

export interface TakenBuffer {
  readonly view: Uint8Array<ArrayBuffer>
  /** The work on the view is done; the bytes stay held. */
  done(): void
  release(): void
}

export interface Strategy {
  take(byteLength: number): TakenBuffer
  /** Gives back what it can at once. */
  relieve(): void
  counts(): { readonly taken: number; readonly hits: number }
  fragmentation(): number
}

export type StrategyName = 'fresh' | 'buffers' | 'slabs' | 'resizable'

export function isStrategy(name: string): name is StrategyName {
  return Object.hasOwn(strategies, name)
}

type MakePool = (memory?: SlabMemory) => SlabPool

/** Ways to have buffers outside the V8 heap. */
export const strategies: Readonly<Record<StrategyName, (makePool: MakePool) => Strategy>> = {
  /** A new buffer each time; the collector frees it. */
  fresh() {
    let taken = 0
    return {
      take(byteLength) {
        taken++
        return { view: new Uint8Array(byteLength), done() {}, release() {} }
      },
      relieve() {},
      counts: () => ({ taken, hits: 0 }),
      fragmentation: () => 0,
    }
  },
  /** Lists of free Buffers by power of two, up to 100 MB, given up to the collector under pressure. */
  buffers() {
    const free = new Map<number, Buffer<ArrayBuffer>[]>()
    let freeBytes = 0
    let taken = 0
    let hits = 0
    return {
      take(byteLength) {
        const size = 2 ** Math.ceil(Math.log2(byteLength))
        const kept = free.get(size)?.pop()
        taken++
        if (kept !== undefined) {
          hits++
          freeBytes -= size
        }
        const buffer = kept ?? Buffer.allocUnsafeSlow(size)
        return {
          view: buffer.subarray(0, byteLength),
          done() {},
          release() {
            if (freeBytes + size > 100e6) return
            freeBytes += size
            const list = free.get(size)
            if (list === undefined) free.set(size, [buffer])
            else list.push(buffer)
          },
        }
      },
      relieve() {
        free.clear()
        freeBytes = 0
      },
      counts: () => ({ taken, hits }),
      fragmentation: () => 0,
    }
  },
  slabs: (makePool) => slabStrategy(makePool()),
  /** The same slabs of memory that is resized to nothing instead of detached. */
  resizable: (makePool) =>
    slabStrategy(
      makePool({
        // Node 20 has them, the library of ES2023 that we compile with does not say so.
        make: (bytes) => Reflect.construct(ArrayBuffer, [bytes, { maxByteLength: bytes }]),
        giveBack: (buffer) => Reflect.apply(Reflect.get(ArrayBuffer.prototype, 'resize'), buffer, [0]),
      }),
    ),
}

function slabStrategy(pool: SlabPool): Strategy {
  return {
    take(byteLength) {
      const lease = pool.lease(byteLength, 'benchmark')
      return { view: lease.pin(), done: () => lease.unpin(), release: () => lease.release() }
    },
    relieve: () => void pool.relieve(Number.POSITIVE_INFINITY),
    counts() {
      const { leased, hits } = pool.statistics()
      return { taken: leased, hits }
    },
    fragmentation: () => pool.statistics().fragmentation,
  }
}
