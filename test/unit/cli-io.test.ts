import { describe, expect, it } from 'vitest'
import { terminalWidth } from '../../src/cli/io.ts'

describe('the width of a terminal', () => {
  it('is unknown where the terminal has none: a new pseudo-terminal says 0', () => {
    expect(terminalWidth({ columns: 120 })).toBe(120)
    expect(terminalWidth({ columns: 0 })).toBe(undefined)
    expect(terminalWidth({})).toBe(undefined)
  })
})
