/** Who waits for each signal. */
const waiting = new WeakMap<AbortSignal, { readonly acts: Set<() => void>; readonly stop: () => void }>()

/**
 * Calls `act` once when the signal fires, unless what it answers with was called before. All share one listener at the signal,
 * which goes with the last of them: a program may give one signal to all its calls, and from the eleventh listener on Node
 * warns of a leak. `act` is not the same function twice, and does not throw. `null` is no signal, as for `fetch`.
 */
export function whenAborted(signal: AbortSignal | null | undefined, act: () => void): () => void {
  if (signal === undefined || signal === null) return () => undefined
  const { acts, stop } = waiting.get(signal) ?? listen(signal)
  acts.add(act)
  return () => {
    if (acts.delete(act) && acts.size === 0) stop()
  }
}

function listen(signal: AbortSignal): { readonly acts: Set<() => void>; readonly stop: () => void } {
  const acts = new Set<() => void>()
  const fire = () => {
    waiting.delete(signal)
    const all = [...acts]
    acts.clear()
    for (const act of all) act()
  }
  const stop = () => {
    waiting.delete(signal)
    signal.removeEventListener('abort', fire)
  }
  const made = { acts, stop }
  waiting.set(signal, made)
  signal.addEventListener('abort', fire, { once: true })
  return made
}
