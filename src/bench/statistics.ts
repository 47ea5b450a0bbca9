/** The middle value; the mean of the two middle ones for an even count. Of an empty list NaN, as of all that follow. */
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

/** Standard deviation (of a sample, divided by n - 1) over the mean. Of fewer than two values NaN. */
export function coefficientOfVariation(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)
  return Math.sqrt(variance) / mean
}

/** Growth over a series: the median of the last `count` over that of the first `count`, minus one. */
export function drift(values: readonly number[], count = 10): number {
  return median(values.slice(-count)) / median(values.slice(0, count)) - 1
}
