/** The middle value; the mean of the two middle ones for an even count. Rejects an empty list by answering NaN. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const upper = sorted[Math.floor(middle)] ?? Number.NaN
  if (sorted.length % 2 === 1) return upper
  return ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** Median, smallest and largest as text, for the report's detail column. */
export function spread(values: readonly number[], digits = 2): string {
  const low = Math.min(...values)
  const high = Math.max(...values)
  return `${median(values).toFixed(digits)} (${low.toFixed(digits)}-${high.toFixed(digits)})`
}

/** Ratios of two sides measured in the same rounds. */
export function ratios(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, round) => value / (b[round] ?? Number.NaN))
}
