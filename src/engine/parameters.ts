import { IceboxError } from '../base/index.ts'
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
 * bigint as BIGINT or HUGEINT. Rejects `usage/invalid` when the count differs or an integer has more than 128 bits.
 */
export function bindParameters(binding: Binding, statement: PreparedStatement, values: readonly SqlParameter[]): void {
  const expected = binding.nparams(statement)
  if (expected !== values.length) {
    throw new IceboxError('usage/invalid', {
      message: `the statement has ${expected} parameter${expected === 1 ? '' : 's'}, ${values.length} given`,
      remedy: 'give a value for each of $1, $2, …',
      context: { expected, given: values.length },
    })
  }
  values.forEach((value, at) => bindOne(binding, statement, at + 1, value))
}

function bindOne(binding: Binding, statement: PreparedStatement, index: number, value: SqlParameter): void {
  if (value === null) return binding.bind_null(statement, index)
  switch (typeof value) {
    case 'boolean':
      return binding.bind_boolean(statement, index, value)
    case 'string':
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
      return binding.bind_blob(statement, index, value)
    case 'undefined':
    case 'function':
    case 'symbol':
      throw new IceboxError('usage/invalid', {
        message: `parameter $${index} is a ${typeof value}, which SQL has no type for`,
        remedy: 'give null, a boolean, a number, a bigint, text or bytes',
        context: { parameter: index },
      })
  }
}
