import type { SlabClass } from './size-classes.ts'

/** Bytes of the pool: `pooled = leased + padding + holes + kept`, and what is pooled is reserved with the governor. */
export interface PoolBytes {
  /** All slabs. */
  readonly pooledBytes: number
  /** What leases asked for. */
  readonly leasedBytes: number
  /** What rounding adds to them. */
  readonly paddingBytes: number
  /** Free parts of slabs that have leases. */
  readonly holeBytes: number
  /** Slabs without leases, kept for reuse. */
  readonly keptBytes: number
}

export interface PoolStatistics extends PoolBytes {
  /** `holeBytes` over `pooledBytes`, 0 to 1. */
  readonly fragmentation: number
  readonly leases: number
  readonly pinnedLeases: number
  /** Leases given since the start, and those of them that needed no new slab. */
  readonly leased: number
  readonly hits: number
  /** `hits` over `leased`; 1 before the first. */
  readonly hitRate: number
  readonly refused: number
  /** Leases whose handle was garbage before it was released. */
  readonly dropped: number
  readonly highWaterBytes: number
  readonly slabsMade: number
  readonly slabsReturned: number
  readonly leasesMoved: number
  readonly movedBytes: number
  readonly slabs: Readonly<Record<SlabClass, number>>
}

export function fragmentationOf(bytes: Pick<PoolBytes, 'holeBytes' | 'pooledBytes'>): number {
  return bytes.pooledBytes === 0 ? 0 : bytes.holeBytes / bytes.pooledBytes
}
