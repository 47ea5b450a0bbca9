/** From here on not every whole number is a double: a text without an exponent would say more digits than there are. */
const FIRST_INEXACT = 2 ** 53
/** Below it floats have fewer digits than {@link FLOAT_DIGITS}. */
const SMALLEST_NORMAL_FLOAT = 2 ** -126
/** Every decimal of so many digits comes back out of a float (C, FLT_DIG); 9 tell all floats apart (FLT_DECIMAL_DIG). */
const FLOAT_DIGITS = 6
const MOST_FLOAT_DIGITS = 9

/**
 * A double as text that reads back as the same double, and as a double: `-0.0`, `1e+20`, `NaN`. Whole numbers beyond 2^53 would
 * be taken for integers.
 */
export function doubleText(value: number): string {
  if (Object.is(value, -0)) return '-0.0'
  return Math.abs(value) < FIRST_INEXACT || !Number.isFinite(value) ? String(value) : value.toExponential()
}

/** The double of the shortest text that reads back as the same float: 0.1 for 0.10000000149011612. */
export function shortestFloat(value: number): number {
  if (!Number.isFinite(value) || value === 0) return value
  const first = Math.abs(value) < SMALLEST_NORMAL_FLOAT ? 1 : FLOAT_DIGITS
  for (let digits = first; digits < MOST_FLOAT_DIGITS; digits++) {
    const shorter = Number(value.toPrecision(digits))
    if (Math.fround(shorter) === value) return shorter
  }
  return Number(value.toPrecision(MOST_FLOAT_DIGITS))
}
