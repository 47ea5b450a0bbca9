/** A span of the statement that is given to the engine as something else. */
export interface Replacement {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** The text with its replacements made; they must not overlap. */
export function replaceSpans(text: string, replacements: readonly Replacement[]): string {
  let result = ''
  let at = 0
  for (const { start, end, text: by } of inOrder(replacements)) {
    result += text.slice(at, start) + by
    at = end
  }
  return result + text.slice(at)
}

/** Where an offset of the replaced text was in the original; inside a replacement: where that began. */
export function originalOffset(offset: number, replacements: readonly Replacement[]): number {
  let shift = 0
  for (const { start, end, text } of inOrder(replacements)) {
    const newStart = start + shift
    if (offset < newStart) break
    if (offset < newStart + text.length) return start
    shift += text.length - (end - start)
  }
  return offset - shift
}

function inOrder(replacements: readonly Replacement[]): Replacement[] {
  return replacements.toSorted((a, b) => a.start - b.start)
}
