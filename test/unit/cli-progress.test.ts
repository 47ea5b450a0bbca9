import { describe, expect, it } from 'vitest'
import { textWidth } from '../../src/cli/output/text-width.ts'
import { compact, progressLine, type ProgressState } from '../../src/cli/progress/progress-line.ts'

const state: ProgressState = {
  phase: 'write',
  elapsedMs: 10_000,
  rows: 12_345_678,
  bytesRead: 750_000_000,
  bytesTotal: 1_500_000_000,
  fraction: 0.5,
  rssBytes: 180_000_000,
  budgetBytes: 256_000_000,
}

describe('progress line', () => {
  it('tells rate, bytes, rows, time left and memory against the budget', () => {
    expect(progressLine(state, 200)).toBe(
      'write    ██████████░░░░░░░░░░  50%  12.3M rows  1.23M rows/s  750 MB of 1.50 GB  10.0 s left  180 MB of 256 MB memory',
    )
  })

  it.each([10, 30, 50, 80, 100])('never is wider than a terminal of %i columns', (width) => {
    expect(textWidth(progressLine(state, width))).toBeLessThanOrEqual(width)
  })

  it('keeps memory and time left when space is short', () => {
    expect(progressLine(state, 75)).toBe('write    ██████████░░░░░░░░░░  50%  10.0 s left  180 MB of 256 MB memory')
  })

  it('guesses nothing from nothing', () => {
    const unknown = {
      ...state,
      rows: undefined,
      bytesRead: undefined,
      bytesTotal: undefined,
      fraction: undefined,
      rssBytes: undefined,
    }
    expect(progressLine(unknown, 200)).toMatch(/^write {4}[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]$/)
    expect(progressLine({ ...state, fraction: 0, elapsedMs: 100 }, 200)).not.toMatch(/left|rows\/s/)
    expect(progressLine({ ...state, fraction: 7 }, 200)).toContain('100%')
  })

  it.each([
    [0, '0'],
    [999, '999'],
    [999.6, '1.00k'],
    [12_345, '12.3k'],
    [999_600, '1.00M'],
    [1_234_567_890, '1.23G'],
  ])('writes %d as %s', (value, text) => expect(compact(value)).toBe(text))
})
