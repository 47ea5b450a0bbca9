import { describe, expect, it } from 'vitest'
import { padText, textWidth, truncateText, visibleText } from '../../src/cli/output/text-width.ts'

describe('text width', () => {
  it('counts wide characters twice and combining marks not at all, so columns stay straight', () => {
    expect(textWidth('abc')).toBe(3)
    expect(textWidth('日本')).toBe(4)
    expect(textWidth('e\u0301')).toBe(1)
    expect(textWidth('👍')).toBe(2)
    expect(textWidth('👨‍👩‍👧')).toBe(2)
    expect(textWidth('é')).toBe(1)
  })

  it('never cuts a character in half', () => {
    expect(truncateText('abcdef', 4)).toBe('abc…')
    expect(truncateText('abcd', 4)).toBe('abcd')
    expect(truncateText('日本語', 4)).toBe('日…')
    expect(textWidth(truncateText('日本語', 4))).toBeLessThanOrEqual(4)
    expect(truncateText('👨‍👩‍👧👨‍👩‍👧', 3)).toBe('👨‍👩‍👧…')
  })

  it('pads by columns, not by code units', () => {
    expect(padText('日本', 6, 'left')).toBe('日本  ')
    expect(padText('7', 3, 'right')).toBe('  7')
  })

  it('does not let data write escape sequences to the terminal', () => {
    expect(visibleText('a\u001b[31mb\nc\u009b\u202e')).toBe('a\\x1b[31mb\\nc\\x9b\\u202e')
    expect(visibleText('plain é')).toBe('plain é')
  })
})
