/**
 * How many columns of a terminal text takes: 2 for East Asian wide characters and emoji, 0 for marks that combine,
 * 1 for the rest (Unicode TR11, the ranges that terminals agree on). ASCII takes the short way.
 */
export function textWidth(text: string): number {
  if (isPlain(text)) return text.length
  let width = 0
  for (const { segment } of segmenter().segment(text)) width += graphemeWidth(segment)
  return width
}

/** The text cut to `width` columns, the last of them `…` where something was cut. */
export function truncateText(text: string, width: number): string {
  if (isPlain(text)) return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`
  if (textWidth(text) <= width) return text
  let used = 0
  let kept = ''
  for (const { segment } of segmenter().segment(text)) {
    const more = graphemeWidth(segment)
    if (used + more > width - 1) break
    used += more
    kept += segment
  }
  return `${kept}…`
}

/** The text padded with spaces to `width` columns. */
export function padText(text: string, width: number, align: 'left' | 'right'): string {
  const missing = width - textWidth(text)
  if (missing <= 0) return text
  return align === 'left' ? text + ' '.repeat(missing) : ' '.repeat(missing) + text
}

// biome-ignore format: one range a line reads worse
const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u
const ZERO = /^[\p{Mark}\u200b-\u200f\u2060\ufeff]+$/u

function graphemeWidth(grapheme: string): number {
  if (WIDE.test(grapheme)) return 2
  return ZERO.test(grapheme) ? 0 : 1
}

/** True for text of which each code unit takes one column: no need to look for graphemes, whose rules take 3 MB to load. */
function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (!isSingle(text.charCodeAt(at))) return false
  return true
}

/** Latin, Greek and Cyrillic letters; dashes, quotes and the ellipsis; arrows; lines and blocks. */
function isSingle(code: number): boolean {
  return (
    code < 0x300 ||
    (code >= 0x370 && code <= 0x482) ||
    (code >= 0x2010 && code <= 0x2027) ||
    (code >= 0x2190 && code <= 0x21ff) ||
    (code >= 0x2500 && code <= 0x259f)
  )
}

let shared: Intl.Segmenter | undefined

function segmenter(): Intl.Segmenter {
  shared ??= new Intl.Segmenter('en', { granularity: 'grapheme' })
  return shared
}

/**
 * Text that comes from data, safe to show: control characters (line ends, escape sequences, bidirectional overrides) are
 * written as escapes, so a value cannot move the cursor, recolour the terminal or break a table.
 */
export function visibleText(text: string): string {
  return UNSAFE.test(text) ? text.replace(UNSAFE_ALL, escapeControl) : text
}

/** The same for messages of several lines: line ends stay. */
export function visibleLines(text: string): string {
  return text.split('\n').map(visibleText).join('\n')
}

/** JSON or CSV as a terminal may have it: line ends and tabs stay, other control characters are as JSON writes them in strings. */
export function escapedText(text: string): string {
  return text.replace(UNSAFE_IN_DATA, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** C0 and C1 controls, line and paragraph separators, bidirectional marks. */
const UNSAFE_RANGES = '[\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]'
const UNSAFE = new RegExp(UNSAFE_RANGES)
const UNSAFE_ALL = new RegExp(UNSAFE_RANGES, 'g')
const UNSAFE_IN_DATA = new RegExp(`(?![\\n\\t])${UNSAFE_RANGES}`, 'g')
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0' }

function escapeControl(character: string): string {
  const code = character.charCodeAt(0)
  return (
    NAMED[character] ??
    (code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`)
  )
}
