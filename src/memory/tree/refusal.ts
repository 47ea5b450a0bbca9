import { formatBytes, formatDuration, IceboxError } from '../../base/index.ts'

export interface Refused {
  readonly consumer: string
  readonly askedBytes: number
  readonly heldBytes: number
  readonly freeBytes: number
  readonly budgetBytes: number
  /** Largest first. */
  readonly holders: readonly { readonly name: string; readonly bytes: number }[]
  /** The part whose own limit refused; undefined: the whole budget did. */
  readonly limit: { readonly path: string; readonly limitBytes: number; readonly freeBytes: number } | undefined
  readonly waitedMs: number | undefined
  /** Whether the same request may be granted when less is held. */
  readonly retryable: boolean
}

const HOLDERS_NAMED = 3

/** `memory/refused`: who asked for how much, what is free, who holds most, how long it waited. */
export function refusal(refused: Refused): IceboxError {
  const { consumer, askedBytes, budgetBytes, limit } = refused
  const holders = refused.holders.slice(0, HOLDERS_NAMED).map(({ name, bytes }) => `${name} (${formatBytes(bytes)})`)
  const freeBytes = Math.max(0, limit?.freeBytes ?? refused.freeBytes)
  const of = limit === undefined ? formatBytes(budgetBytes) : `the ${formatBytes(limit.limitBytes)} of ${limit.path}`
  const held = holders.length === 0 ? '' : `, held by ${holders.join(', ')}`
  const waited = refused.waitedMs === undefined ? '' : `; waited ${formatDuration(Math.round(refused.waitedMs))}`
  return new IceboxError('memory/refused', {
    message: `${consumer} needs ${formatBytes(askedBytes)}; ${formatBytes(freeBytes)} of ${of} is free${held}${waited}`,
    remedy: 'raise performance.memory.max_usage, or try again when less runs at once',
    context: {
      consumer,
      askedBytes,
      heldBytes: refused.heldBytes,
      freeBytes,
      budgetBytes,
      holders,
      ...(limit !== undefined && { limitedBy: limit.path, limitBytes: limit.limitBytes }),
      ...(refused.waitedMs !== undefined && { waitedMs: Math.round(refused.waitedMs) }),
    },
    retryable: refused.retryable,
  })
}
