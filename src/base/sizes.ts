import { IceboxError } from './errors.ts'

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
}

/**
 * Bytes of a size as people write it: `256MB` (powers of ten), `512MiB` (powers of two), `1048576`; case does not matter.
 * Rejects `usage/invalid` for anything else, and for sizes past 2^53.
 */
export function parseSize(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text)
  const unit = match === null ? undefined : UNITS[(match[2] ?? '').toLowerCase() || 'b']
  const bytes = unit === undefined ? Number.NaN : Math.round(Number(match?.[1]) * unit)
  if (!Number.isSafeInteger(bytes)) {
    throw new IceboxError('usage/invalid', {
      message: `'${text}' is not a size`,
      remedy: 'write a number with a unit: 256MB, 1GB (powers of ten) or 512MiB, 1GiB (powers of two)',
      context: { value: text },
    })
  }
  return bytes
}

const SHOWN = ['B', 'kB', 'MB', 'GB', 'TB']

/** A size for people, powers of ten, three digits: `1.54 GB`, `256 MB`, `12 B`. */
export function formatBytes(bytes: number | bigint): string {
  let value = Number(bytes)
  const sign = value < 0 ? '-' : ''
  value = Math.abs(value)
  let unit = 0
  while (value >= 999.5 && unit < SHOWN.length - 1) {
    value /= 1000
    unit++
  }
  const digits =
    unit === 0
      ? value.toFixed(0)
      : value >= 99.95
        ? value.toFixed(0)
        : value >= 9.995
          ? value.toFixed(1)
          : value.toFixed(2)
  return `${sign}${digits.replace(/\.0+$/, '')} ${SHOWN[unit]}`
}
