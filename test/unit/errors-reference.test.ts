import { describe, expect, it } from 'vitest'
import { ERROR_CODES } from '../../src/base/index.ts'
import { referenceRows } from './support/reference-table.ts'

describe('docs/reference/errors.md', () => {
  it('lists every code with its meaning, as the code has them, and what to do', async () => {
    const rows = await referenceRows('errors.md', 'code')
    expect(rows.map(([code, meaning]) => [code, meaning])).toEqual(Object.entries(ERROR_CODES))
    for (const [code, , remedy] of rows) expect(remedy, code).toMatch(/^[A-Z].{10,}\.$/)
  })
})
