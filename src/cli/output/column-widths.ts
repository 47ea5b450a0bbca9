/** What a column asks for: the width of its widest cell, and whether cells may be cut. */
export interface ColumnDemand {
  readonly width: number
  /** Numbers are shown whole or not at all: a cut number is another number. */
  readonly canShrink: boolean
}

export interface ColumnFit {
  /** Indexes of the columns that are shown, in order. */
  readonly shown: readonly number[]
  /** Widths of those, in the same order. */
  readonly widths: readonly number[]
  /** How many columns are hidden; they lie between `shown[hiddenAfter]` and the next. */
  readonly hidden: number
  readonly hiddenAfter: number
}

/** A text column is not shrunk below this. */
const LEAST_WIDTH = 8
export const COLUMN_GAP = 2
/** The `…` column that stands for the hidden ones. */
const HIDDEN_MARK_WIDTH = 1

/**
 * Fits columns into `available` terminal columns: first the widest text columns are narrowed to one common width, and when
 * that is not enough, columns in the middle are hidden. The first column is always shown.
 */
export function fitColumns(demands: readonly ColumnDemand[], available: number): ColumnFit {
  const all = demands.map((_, index) => index)
  const widths = narrowed(demands, available)
  if (widths !== undefined) return { shown: all, widths, hidden: 0, hiddenAfter: -1 }

  const least = demands.map(leastWidth)
  const left: number[] = []
  const right: number[] = []
  let used = HIDDEN_MARK_WIDTH
  for (let taken = 0; taken < demands.length; taken++) {
    const fromLeft = taken % 2 === 0
    const index = fromLeft ? left.length : demands.length - 1 - right.length
    used += (least[index] ?? 0) + COLUMN_GAP
    if (used > available && taken > 0) break
    if (fromLeft) left.push(index)
    else right.unshift(index)
  }
  const shown = [...left, ...right]
  const room = Math.max(available - HIDDEN_MARK_WIDTH - COLUMN_GAP, 1)
  const shownDemands = shown.map((index) => demands[index] ?? { width: 1, canShrink: true })
  return {
    shown,
    widths: narrowed(shownDemands, room) ?? shownDemands.map((demand) => Math.min(leastWidth(demand), room)),
    hidden: demands.length - shown.length,
    hiddenAfter: left.length - 1,
  }
}

function leastWidth(demand: ColumnDemand): number {
  return demand.canShrink ? Math.min(demand.width, LEAST_WIDTH) : demand.width
}

/** Widths with the wide text columns cut to one common width, or undefined when even the least does not fit. */
function narrowed(demands: readonly ColumnDemand[], available: number): number[] | undefined {
  const room = available - COLUMN_GAP * Math.max(demands.length - 1, 0)
  const at = (cap: number) =>
    demands.map((demand) => (demand.canShrink ? Math.min(demand.width, Math.max(cap, LEAST_WIDTH)) : demand.width))
  const total = (widths: readonly number[]) => widths.reduce((sum, width) => sum + width, 0)
  let high = Math.max(LEAST_WIDTH, ...demands.map((demand) => demand.width))
  let low = LEAST_WIDTH
  if (total(at(high)) <= room) return at(high)
  if (total(at(low)) > room) return undefined
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (total(at(middle)) <= room) low = middle
    else high = middle
  }
  return handOut(demands, at(low), room - total(at(low)))
}

/** Gives the columns that rounding left over to the columns that were cut, one each from the left. */
function handOut(demands: readonly ColumnDemand[], widths: readonly number[], spare: number): number[] {
  let left = spare
  return widths.map((width, index) => {
    if (left === 0 || width >= (demands[index]?.width ?? 0)) return width
    left--
    return width + 1
  })
}
