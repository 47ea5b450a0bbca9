import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FileMetrics } from '../../src/iceberg/index.ts'
import { PackedMetrics } from '../../src/ingest/write/packed-metrics.ts'

const fieldId = fc.integer({ min: 1, max: 2 ** 31 - 1 })
const counts = fc
  .array(fc.tuple(fieldId, fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })), { maxLength: 8 })
  .map((entries) => new Map(entries))
const bounds = fc
  .array(fc.tuple(fieldId, fc.uint8Array({ maxLength: 70 })), { maxLength: 8 })
  .map((entries) => new Map(entries))

describe('packed metrics', () => {
  it('give back what was packed, each time they are asked', () => {
    const metrics = fc.record({
      columnSizes: counts,
      valueCounts: counts,
      nullValueCounts: counts,
      nanValueCounts: counts,
      lowerBounds: bounds,
      upperBounds: bounds,
    })
    fc.assert(
      fc.property(metrics, (wanted) => {
        const packed = new PackedMetrics(wanted)
        for (let round = 0; round < 2; round++) {
          for (const name of Object.keys(wanted) as (keyof FileMetrics)[]) {
            expect(packed[name] === undefined ? undefined : [...packed[name]]).toEqual([
              ...wanted[name as keyof typeof wanted],
            ])
          }
        }
      }),
    )
  })

  it('of a file without any are empty', () => {
    const packed = new PackedMetrics({})
    expect([packed.valueCounts.size, packed.upperBounds.size]).toEqual([0, 0])
  })
})
