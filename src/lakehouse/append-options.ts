import { IceboxError } from '../base/index.ts'

/** Room for a number after it: keys of appends have 512 characters at most. */
const MOST_PREFIX_CHARACTERS = 490

/** For callers whose types nobody checked. Throws `usage/invalid`. */
export function checkAppenderOptions(options: unknown): void {
  const { key } = checked('appender', options)
  if (key === undefined || (typeof key === 'string' && key !== '' && key.length <= MOST_PREFIX_CHARACTERS)) return
  throw invalid('appender', 'key', key, `a string of 1 to ${MOST_PREFIX_CHARACTERS} characters`)
}

/** Throws `usage/invalid`. */
export function checkAppendOptions(options: unknown): void {
  const { key, signal } = checked('append', options)
  if (key !== undefined && typeof key !== 'string') throw invalid('append', 'key', key, 'a string')
  if (signal !== undefined && !isSignal(signal)) throw invalid('append', 'signal', signal, 'an AbortSignal')
}

interface Unchecked {
  readonly key?: unknown
  readonly signal?: unknown
  readonly ack?: unknown
}

function checked(call: string, options: unknown): Unchecked {
  if (typeof options !== 'object' || options === null)
    throw invalid(call, 'options', options, 'an object such as { key }')
  const { ack }: Unchecked = options
  if (ack !== undefined && ack !== 'durable' && ack !== 'committed')
    throw invalid(call, 'ack', ack, "'durable' or 'committed'")
  return options
}

function isSignal(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value
}

function invalid(call: string, name: string, value: unknown, allowed: string): IceboxError {
  const given =
    typeof value === 'string'
      ? `'${value.slice(0, 80)}'`
      : value === null
        ? 'null'
        : `a value of the type ${typeof value}`
  return new IceboxError('usage/invalid', {
    message: `${name} of ${call} is ${given}`,
    remedy: `give ${allowed}`,
    context: { argument: name },
  })
}
