import { describe, expect, it } from 'vitest'
import { defaultConfiguration, explainConfiguration } from '../../src/config/index.ts'
import { referenceRows } from './support/reference-table.ts'

describe('docs/reference/configuration.md', () => {
  it('lists every key with its type, default, allowed values, effect and part, as the code has them', async () => {
    const expected = explainConfiguration(defaultConfiguration()).map((row) => [
      row.key,
      row.type,
      row.default,
      row.allowed,
      row.effect,
      row.status === 'in effect' ? 'now' : row.status.replace('accepted, takes effect ', ''),
    ])
    expect(await referenceRows('configuration.md', 'key')).toEqual(expected)
  })
})
