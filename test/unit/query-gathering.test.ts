import { describe, expect, it } from 'vitest'
import { mayGather, threadsForRows, widestRow } from '../../src/query/run/gathering.ts'

const file = (fileSizeInBytes: number, recordCount: number) => ({
  fileSizeInBytes: BigInt(fileSizeInBytes),
  recordCount: BigInt(recordCount),
})
/** Engines of 256MB and 2GB. */
const small = { memoryLimitBytes: 82_000_000, threads: 2 }
const large = { memoryLimitBytes: 1_600_000_000, threads: 2 }

describe('rows that DuckDB may gather', () => {
  it.each([
    ['lineitem', 70, true, true],
    ['200 columns of numbers', 250, true, true],
    ['documents of 10 kB', 2_500, false, true],
    ['texts of 1 MB', 750_000, false, false],
    ['of files that tell nothing', 0, true, true],
  ])('%s', (_what, rowBytes, inSmall, inLarge) => {
    expect([mayGather(rowBytes, small), mayGather(rowBytes, large)]).toEqual([inSmall, inLarge])
  })

  it.each([
    ['lineitem', 70, 2, 2],
    ['documents of 10 kB', 2_500, 2, 2],
    ['documents of 32 kB', 16_000, 1, 2],
    ['documents of 200 kB', 100_000, 1, 1],
    ['texts of 1 MB', 750_000, 1, 1],
    ['of files that tell nothing', 0, 2, 2],
  ])('%s have as many threads as the engine holds vectors', (_what, rowBytes, inSmall, inLarge) => {
    expect([threadsForRows(rowBytes, small), threadsForRows(rowBytes, large)]).toEqual([inSmall, inLarge])
  })

  it('are as wide as those of the file where they are widest; files that are mostly footer do not count', () => {
    expect(widestRow([])).toBe(0)
    expect(widestRow([file(1_500, 1), file(255_000, 1), file(0, 0), file(400_000, 0)])).toBe(0)
    expect(widestRow([file(1_000_000, 10_000), file(1_000_000, 100), file(2_000, 1)])).toBe(10_000)
  })
})
