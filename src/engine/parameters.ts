import { halfPairAt, IceboxError } from '../base/index.ts'
import type { Binding, PreparedStatement } from './binding.ts'
import type { SqlParameter } from './port.ts'

const INT32_MIN = -2_147_483_648
const INT32_MAX = 2_147_483_647
const INT64_MIN = -(1n << 63n)
const INT64_MAX = (1n << 63n) - 1n
const INT128_MIN = -(1n << 127n)
const INT128_MAX = (1n << 127n) - 1n

/**
 * Binds values to `$1`, `$2`, … by position. Numbers that are whole and fit go as INTEGER, other numbers as DOUBLE,
 * bigint as BIGINT or HUGEINT. Rejects `usage/invalid` when the count differs, an integer has more than 128 bits, or a value is
 * none of a {@link SqlParameter}: those of a library's user are checked by nobody before.
 */
export function bindParameters(binding: Binding, statement: PreparedStatement, values: readonly SqlParameter[]): void {
  requireParameters(values, binding.nparams(statement))
  // Not forEach, which leaves out the holes of an array.
  for (const [at, value] of values.entries()) bindOne(binding, statement, at + 1, value)
}

/** Refuses what is no array: programs without types give names. Throws `usage/invalid`. */
export function requireArray(values: readonly SqlParameter[]): void {
  if (Array.isArray(values)) return
  throw new IceboxError('usage/invalid', {
    message: `the parameters are ${described(values)}; they are bound by position, and names are not taken`,
    remedy: 'write $1, $2, … and give an array of the values in this order',
  })
}

/** Refuses what is no array, and another number of values than the statement has parameters. Throws `usage/invalid`. */
export function requireParameters(values: readonly SqlParameter[], expected: number): void {
  requireArray(values)
  if (expected !== values.length) {
    throw new IceboxError('usage/invalid', {
      message: `the statement has ${expected} parameter${expected === 1 ? '' : 's'}, ${values.length} given`,
      remedy: expected === 0 ? 'write $1, $2, … where the values belong' : 'give a value for each of $1, $2, …',
      context: { expected, given: values.length },
    })
  }
}

function bindOne(binding: Binding, statement: PreparedStatement, index: number, value: SqlParameter): void {
  if (value === null) return binding.bind_null(statement, index)
  switch (typeof value) {
    case 'boolean':
      return binding.bind_boolean(statement, index, value)
    case 'string':
      if (halfPairAt(value) >= 0) {
        throw new IceboxError('usage/invalid', {
          message: `parameter $${index} holds half of a surrogate pair`,
          remedy: 'give text that is whole, or the bytes as a Uint8Array',
          context: { parameter: index },
        })
      }
      return binding.bind_varchar(statement, index, value)
    case 'number':
      if (Number.isInteger(value) && value >= INT32_MIN && value <= INT32_MAX && !Object.is(value, -0)) {
        return binding.bind_int32(statement, index, value)
      }
      if (Number.isSafeInteger(value) && !Object.is(value, -0))
        return binding.bind_int64(statement, index, BigInt(value))
      return binding.bind_double(statement, index, value)
    case 'bigint':
      if (value >= INT64_MIN && value <= INT64_MAX) return binding.bind_int64(statement, index, value)
      if (value >= INT128_MIN && value <= INT128_MAX) return binding.bind_hugeint(statement, index, value)
      throw new IceboxError('usage/invalid', {
        message: `parameter $${index} is an integer of more than 128 bits`,
        context: { parameter: index },
      })
    case 'object':
      if (value instanceof Uint8Array) return binding.bind_blob(statement, index, value)
      throw notTaken(index, value)
    default:
      throw notTaken(index, value)
  }
}

function notTaken(index: number, value: unknown): IceboxError {
  const how =
    value instanceof Date
      ? "give its text: date.toISOString(), and CAST($… AS TIMESTAMPTZ) where the text's type matters"
      : typeof value === 'object'
        ? 'lists and objects go as JSON text: CAST($… AS INTEGER[]), from_json($…, …)'
        : 'leave it out'
  return new IceboxError('usage/invalid', {
    message: `parameter $${index} is ${described(value)}; taken are null, a boolean, a number, a bigint, text and bytes (Uint8Array)`,
    remedy: how.replaceAll('$…', `$${index}`),
    context: { parameter: index },
  })
}

function described(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Date) return 'a Date'
  return value === undefined ? 'undefined' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
