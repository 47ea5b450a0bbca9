import { isIceboxError } from '../../base/index.ts'
import type { DataFile, FieldSummary } from '../spec/manifest.ts'
import type { Literal, PrimitiveType } from '../spec/types.ts'
import { decodeValue } from '../values/index.ts'
import { compareForFilter, isNan } from './compare.ts'

/**
 * What is known of the values of one column in one file (or of one partition field in one manifest). `undefined` means not
 * known. Bounds hold for the values that are neither null nor NaN and need not be reached by one (they may be truncated).
 */
export interface Facts {
  readonly hasNull: boolean | undefined
  readonly hasNan: boolean | undefined
  /** True when there is no value but null. */
  readonly onlyNull: boolean
  /** True when there is no value but NaN and null. */
  readonly onlyNan: boolean
  readonly lower: Literal | undefined
  readonly upper: Literal | undefined
}

/** Statistics of one column of one file, as the manifest has them. */
export interface ColumnStatistics {
  readonly values: bigint | undefined
  readonly nulls: bigint | undefined
  readonly nans: bigint | undefined
  readonly lower: Uint8Array | undefined
  readonly upper: Uint8Array | undefined
}

/** Facts of a column from a file's statistics; `undefined` bounds for a bound that cannot be decoded as the type. */
export function factsOfFile(file: DataFile, fieldId: number, type: PrimitiveType): Facts {
  return factsOfStatistics(type, {
    values: file.valueCounts?.get(fieldId),
    nulls: file.nullValueCounts?.get(fieldId),
    nans: file.nanValueCounts?.get(fieldId),
    lower: file.lowerBounds?.get(fieldId),
    upper: file.upperBounds?.get(fieldId),
  })
}

/** As {@link factsOfFile}. */
export function factsOfStatistics(type: PrimitiveType, statistics: ColumnStatistics): Facts {
  const { values, nulls } = statistics
  const nans = isFloating(type) ? statistics.nans : 0n
  const lower = bound(type, statistics.lower)
  const upper = bound(type, statistics.upper)
  // A lower bound above the upper one is a writer's mistake; neither can be believed.
  const absurd = lower !== undefined && upper !== undefined && (compareForFilter(lower, upper) ?? 0) > 0
  return {
    hasNull: nulls === undefined ? undefined : nulls > 0n,
    hasNan: nans === undefined ? undefined : nans > 0n,
    onlyNull: values !== undefined && nulls !== undefined && values > 0n && nulls === values,
    onlyNan: values !== undefined && nans !== undefined && values > 0n && nans > 0n && nans + (nulls ?? 0n) === values,
    lower: absurd ? undefined : lower,
    upper: absurd ? undefined : upper,
  }
}

/** Facts of a partition field in a manifest, from the manifest list. */
export function factsOfSummary(summary: FieldSummary, type: PrimitiveType): Facts {
  const lower = bound(type, summary.lowerBound)
  const nan = isFloating(type) ? summary.containsNan : false
  // Without bounds there is no value but null and NaN (Iceberg spec, `field_summary`).
  const noValues = summary.lowerBound === undefined && summary.upperBound === undefined
  return {
    hasNull: summary.containsNull,
    hasNan: nan,
    onlyNull: noValues && summary.containsNull && nan === false,
    onlyNan: noValues && !summary.containsNull && nan === true,
    lower,
    upper: bound(type, summary.upperBound),
  }
}

/** Facts of a column that holds one value throughout, such as an identity partition value. */
export function factsOfValue(value: Literal | null): Facts {
  const nan = value !== null && isNan(value)
  const exact = value === null || nan ? undefined : value
  return { hasNull: value === null, hasNan: nan, onlyNull: value === null, onlyNan: nan, lower: exact, upper: exact }
}

function isFloating(type: PrimitiveType): boolean {
  return type.kind === 'float' || type.kind === 'double'
}

/** Old writers put NaN into bounds, and a damaged bound says nothing: both are left out, so they never prune (I11). */
function bound(type: PrimitiveType, bytes: Uint8Array | undefined): Literal | undefined {
  if (bytes === undefined) return undefined
  try {
    const value = decodeValue(type, bytes)
    return isNan(value) ? undefined : value
  } catch (error) {
    if (isIceboxError(error)) return undefined
    throw error
  }
}
