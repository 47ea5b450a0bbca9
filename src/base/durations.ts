import { IceboxError } from './errors.ts'

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of a duration as people write it: `250ms`, `5s`, `3m`, `24h`, `7d`. Rejects `usage/invalid`. */
export function parseDuration(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$/i.exec(text)
  const unit = UNITS[(match?.[2] ?? '').toLowerCase()]
  const ms = unit === undefined ? Number.NaN : Math.round(Number(match?.[1]) * unit)
  if (!Number.isSafeInteger(ms)) {
    throw new IceboxError('usage/invalid', {
      message: `'${text}' is not a duration`,
      remedy: 'write a number with a unit: 250ms, 5s, 3m, 24h or 7d',
      context: { value: text },
    })
  }
  return ms
}

/** A duration for people: `12 ms`, `3.4 s`, `2 min 05 s`, `1 h 02 min`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  const two = (n: number) => String(n).padStart(2, '0')
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`
  return `${Math.floor(seconds / 3600)} h ${two(Math.floor(seconds / 60) % 60)} min`
}
