import { IceboxError, messageOf } from '../base/index.ts'
import { type Binding, type Connection, type LogicalType, TYPE, type Vector } from './binding.ts'
import { decodeVector } from './decode.ts'
import type { ScalarFunction, SqlValue } from './port.ts'
import { type EngineType, readType } from './types.ts'

const TYPE_BY_NAME: Readonly<Record<string, number>> = {
  BOOLEAN: TYPE.BOOLEAN,
  INTEGER: TYPE.INTEGER,
  BIGINT: TYPE.BIGINT,
  DOUBLE: TYPE.DOUBLE,
  VARCHAR: TYPE.VARCHAR,
  BLOB: TYPE.BLOB,
  UUID: TYPE.UUID,
}

/**
 * Makes a function of TypeScript callable from SQL on this instance. DuckDB hands it whole vectors, and each row whose
 * arguments all have values is computed; a row with a null argument gives null. It runs on Node's thread: while it
 * computes, statements of other sessions go on, the event loop does not.
 */
export function registerScalarFunction(binding: Binding, connection: Connection, definition: ScalarFunction): void {
  const argumentHandles = definition.argumentTypes.map((name) => logicalType(binding, name, definition.name))
  const returnHandle = logicalType(binding, definition.returnType, definition.name)
  const argumentTypes = argumentHandles.map((handle) => readType(binding, handle))
  const write = WRITERS[definition.returnType.toUpperCase()]
  if (write === undefined) throw unsupported(definition.name, definition.returnType)

  const native = binding.create_scalar_function()
  binding.scalar_function_set_name(native, definition.name)
  for (const handle of argumentHandles) binding.scalar_function_add_parameter(native, handle)
  binding.scalar_function_set_return_type(native, returnHandle)
  binding.scalar_function_set_function(native, (info, input, output) => {
    try {
      const count = binding.data_chunk_get_size(input)
      const columns = argumentTypes.map((type: EngineType, at) =>
        decodeVector(binding, binding.data_chunk_get_vector(input, at), type, count),
      )
      const values: SqlValue[] = []
      for (let row = 0; row < count; row++) {
        const args = columns.map((column) => column[row] ?? null)
        values.push(args.includes(null) ? null : definition.call(args))
      }
      write(binding, output, values)
      writeValidity(binding, output, values)
    } catch (error) {
      binding.scalar_function_set_error(info, `${definition.name}: ${messageOf(error)}`)
    }
  })
  binding.register_scalar_function(connection, native)
  binding.destroy_scalar_function_sync(native)
}

function logicalType(binding: Binding, name: string, functionName: string): LogicalType {
  const id = TYPE_BY_NAME[name.toUpperCase()]
  if (id === undefined) throw unsupported(functionName, name)
  return binding.create_logical_type(id)
}

function unsupported(functionName: string, typeName: string): IceboxError {
  return new IceboxError('internal/unreachable', {
    message: `the function ${functionName} uses the type ${typeName}; known are ${Object.keys(TYPE_BY_NAME).join(', ')}`,
  })
}

type Writer = (binding: Binding, output: Vector, values: readonly SqlValue[]) => void

const copy = (binding: Binding, output: Vector, data: Int32Array | BigInt64Array | Float64Array | Uint8Array): void => {
  if (data.buffer instanceof ArrayBuffer) {
    binding.copy_data_to_vector(output, 0, data.buffer, data.byteOffset, data.byteLength)
  }
}

const WRITERS: Readonly<Record<string, Writer>> = {
  BOOLEAN: (binding, output, values) =>
    copy(
      binding,
      output,
      Uint8Array.from(values, (value) => (value === true ? 1 : 0)),
    ),
  INTEGER: (binding, output, values) =>
    copy(
      binding,
      output,
      Int32Array.from(values, (value) => Number(value ?? 0)),
    ),
  BIGINT: (binding, output, values) =>
    copy(
      binding,
      output,
      BigInt64Array.from(values, (value) => (typeof value === 'bigint' ? value : BigInt(Number(value ?? 0)))),
    ),
  DOUBLE: (binding, output, values) =>
    copy(
      binding,
      output,
      Float64Array.from(values, (value) => Number(value ?? 0)),
    ),
  VARCHAR: (binding, output, values) =>
    values.forEach((value, row) => {
      if (typeof value === 'string') binding.vector_assign_string_element(output, row, value)
    }),
  BLOB: (binding, output, values) =>
    values.forEach((value, row) => {
      if (value instanceof Uint8Array) binding.vector_assign_string_element_len(output, row, value)
    }),
}

function writeValidity(binding: Binding, output: Vector, values: readonly SqlValue[]): void {
  if (!values.includes(null)) return
  const bits = new Uint8Array(Math.ceil(values.length / 64) * 8).fill(0xff)
  values.forEach((value, row) => {
    if (value === null) bits[row >> 3] = (bits[row >> 3] ?? 0) & ~(1 << (row & 7))
  })
  binding.vector_ensure_validity_writable(output)
  binding.copy_data_to_vector_validity(output, 0, bits.buffer, 0, bits.byteLength)
}
