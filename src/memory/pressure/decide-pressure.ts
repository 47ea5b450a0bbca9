import { type PressureSettings, type Rung, RUNGS, thresholdsOf } from './rungs.ts'

/** What the ladder looks at. */
export interface PressureFigures {
  readonly nowMs: number
  readonly usedBytes: number
  /** Of it, what V8's heap has grown: garbage perhaps, which a relief finds. */
  readonly heapBytes: number
  readonly budgetBytes: number
  /** Reliefs that have ended so far, and what the last one freed. */
  readonly reliefs: number
  readonly lastFreedBytes: number
  /** Someone waits for memory that promises leave free: relief is worth a try below its threshold too. */
  readonly isShort: boolean
  /** Operations that run, and those among them that were told to end for the budget. */
  readonly operations: number
  readonly ending: number
}

/** A value: the same figures and state give the same decision. */
export interface PressureState {
  readonly active: ReadonlySet<Rung>
  readonly isAlerted: boolean
  /** `reliefs` when relief was last asked for; undefined: none was since the pressure began. */
  readonly askedAtRelief: number | undefined
  readonly nextReliefMs: number
  /** Grows while reliefs free nothing. */
  readonly reliefIntervalMs: number
  readonly nextCancelMs: number
  /** What V8's heap does not hold, at the last look. */
  readonly nativeBytes: number
}

export type PressureAction =
  | { readonly kind: 'enter' | 'leave'; readonly rung: Rung }
  | { readonly kind: 'alert'; readonly isRaised: boolean }
  /** Give back at least so many bytes. */
  | { readonly kind: 'relieve'; readonly bytesWanted: number }
  | { readonly kind: 'cancel-largest' }
  /** Refuse the process more memory until what runs away with it has failed. */
  | { readonly kind: 'brake' }

export interface PressureDecision {
  readonly actions: readonly PressureAction[]
  readonly state: PressureState
}

/** A rung is left when use has fallen by this share of the budget below where it begins. */
const HYSTERESIS = 0.05
const RELIEF_INTERVAL_MS = 1000
const LONGEST_RELIEF_INTERVAL_MS = 30_000
/** A relief that frees less than this share of the budget is tried half as often the next time. */
const WORTHWHILE_SHARE = 0.01
/** Time for a cancelled operation to give its memory back (an interrupt takes 23-309 ms) before the next is chosen. */
const CANCEL_INTERVAL_MS = 2000
/** Beyond the budget, more native memory than this share of it since the last look: no relief is as fast. */
const RUNAWAY_SHARE = 0.01

export const CALM: PressureState = {
  active: new Set(),
  isAlerted: false,
  askedAtRelief: undefined,
  nextReliefMs: 0,
  reliefIntervalMs: RELIEF_INTERVAL_MS,
  nextCancelMs: 0,
  nativeBytes: 0,
}

/**
 * One look at the ladder. Sources pause and relief begins at once where their thresholds are passed, in this order;
 * every further rung waits until a relief has ended and a look has come back with the rung before it in force: a jump
 * over all thresholds still climbs rung by rung. Only where memory runs away beyond the budget they are all begun in one
 * look, and with them the brake: what computes one value does not look whether it was cancelled. Rungs are left from the top.
 */
export function decidePressure(
  figures: PressureFigures,
  state: PressureState,
  settings: PressureSettings,
): PressureDecision {
  const { nowMs, budgetBytes } = figures
  const share = figures.usedBytes / budgetBytes
  const thresholds = thresholdsOf(settings)
  const actions: PressureAction[] = []
  const active = new Set(state.active)
  for (const rung of RUNGS.toReversed()) {
    if (!active.has(rung) || share >= thresholds[rung] - HYSTERESIS) continue
    active.delete(rung)
    actions.push({ kind: 'leave', rung })
  }
  const nativeBytes = figures.usedBytes - figures.heapBytes
  const isRunaway = share >= thresholds.cancel && nativeBytes - state.nativeBytes > budgetBytes * RUNAWAY_SHARE
  const wasRelieved = state.askedAtRelief !== undefined && figures.reliefs > state.askedAtRelief
  for (const [at, rung] of RUNGS.entries()) {
    if (active.has(rung) || share < thresholds[rung]) continue
    if (rung === 'pause-sources' && !settings.pausesSources) continue
    const before = RUNGS[at - 1]
    const isFirst = rung === 'pause-sources' || rung === 'relieve'
    if (!isFirst && !isRunaway && !(wasRelieved && before !== undefined && state.active.has(before))) break
    active.add(rung)
    actions.push({ kind: 'enter', rung })
  }
  const relief = decideRelief(figures, state, active.has('relieve'), (thresholds.relieve - HYSTERESIS) * budgetBytes)
  if (relief.action !== undefined) actions.push(relief.action)
  let { nextCancelMs } = state
  if (active.has('cancel') && share >= thresholds.cancel) {
    if (nowMs >= nextCancelMs && figures.operations > 0) {
      actions.push({ kind: 'cancel-largest' })
      nextCancelMs = nowMs + CANCEL_INTERVAL_MS
    }
    // What others ask for is refused as well, so while there are some the one that was told to end gets a look's time. Where
    // there is none, a statement is being planned.
    if (figures.ending > 0 || (isRunaway && figures.operations <= 1)) actions.push({ kind: 'brake' })
  }
  const alert = settings.alertThreshold
  const isAlerted = share >= (state.isAlerted ? alert - HYSTERESIS : alert)
  if (isAlerted !== state.isAlerted) actions.push({ kind: 'alert', isRaised: isAlerted })
  return { actions, state: { active, isAlerted, nextCancelMs, nativeBytes, ...relief.state } }
}

function decideRelief(
  { nowMs, usedBytes, budgetBytes, reliefs, lastFreedBytes, isShort }: PressureFigures,
  state: PressureState,
  isActive: boolean,
  targetBytes: number,
): {
  readonly action: PressureAction | undefined
  readonly state: Pick<PressureState, 'askedAtRelief' | 'nextReliefMs' | 'reliefIntervalMs'>
} {
  const { askedAtRelief, nextReliefMs, reliefIntervalMs } = state
  const isRunning = askedAtRelief !== undefined && reliefs === askedAtRelief
  if (!isActive && !isShort) {
    // The interval is kept while the pressure comes and goes, and starts anew after a calm.
    const isCalm = nowMs >= nextReliefMs
    return {
      action: undefined,
      state: {
        askedAtRelief: undefined,
        nextReliefMs,
        reliefIntervalMs: isCalm ? RELIEF_INTERVAL_MS : reliefIntervalMs,
      },
    }
  }
  if (isRunning || nowMs < nextReliefMs)
    return { action: undefined, state: { askedAtRelief, nextReliefMs, reliefIntervalMs } }
  const wasInVain = askedAtRelief !== undefined && lastFreedBytes < budgetBytes * WORTHWHILE_SHARE
  const interval = wasInVain ? Math.min(LONGEST_RELIEF_INTERVAL_MS, reliefIntervalMs * 2) : RELIEF_INTERVAL_MS
  return {
    action: { kind: 'relieve', bytesWanted: Math.max(0, Math.ceil(usedBytes - targetBytes)) },
    state: { askedAtRelief: reliefs, nextReliefMs: nowMs + interval, reliefIntervalMs: interval },
  }
}
