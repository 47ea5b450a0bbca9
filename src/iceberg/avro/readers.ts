import type { AvroDecoder } from './decoder.ts'
import { invalidAvro } from './invalid.ts'
import type { AvroRecord, AvroType } from './schema.ts'

/** Reads a value of some writer's type as the type that we want; null for a null of a union. */
export type Read<T> = (decoder: AvroDecoder) => T | null
/** The reader of a type that is no union, or undefined where it is none that can be taken. */
export type MakeRead<T> = (type: AvroType) => Read<T> | undefined

/**
 * Resolves a writer's type to a reader: unions in any order and with any branches, of which those that fit are read
 * and those that do not are refused when they occur. Rejects a type of which no branch fits, naming the field.
 */
export function nullable<T>(type: AvroType, name: string, make: MakeRead<T>): Read<T> {
  const wrong = (found: AvroType) => invalidAvro(`its field ${name} is written as ${found.kind}, which does not fit`)
  if (type.kind === 'null') return () => null
  if (type.kind !== 'union') {
    const read = make(type)
    if (read === undefined) throw wrong(type)
    return read
  }
  const branches = type.branches.map((branch): Read<T> | undefined =>
    branch.kind === 'null' ? () => null : make(branch),
  )
  if (branches.every((branch) => branch === undefined)) throw wrong(type)
  const [first, second] = branches
  // The shape of nearly all fields.
  if (branches.length === 2 && type.branches[0]?.kind === 'null' && second !== undefined) {
    return (decoder) => {
      const branch = decoder.int()
      if (branch === 1) return second(decoder)
      if (branch === 0 && first !== undefined) return null
      throw invalidAvro(`its field ${name} has the branch ${branch} of 2`)
    }
  }
  return (decoder) => {
    const index = decoder.int()
    const read = branches[index]
    if (read === undefined) throw invalidAvro(`its field ${name} has the branch ${index}, which cannot be read`)
    return read(decoder)
  }
}

export const longReader: MakeRead<bigint> = (type) =>
  type.kind === 'long' || type.kind === 'int' ? (decoder) => decoder.long() : undefined

export const intReader: MakeRead<number> = (type) =>
  type.kind === 'long' || type.kind === 'int' ? (decoder) => decoder.int() : undefined

export const booleanReader: MakeRead<boolean> = (type) =>
  type.kind === 'boolean' ? (decoder) => decoder.boolean() : undefined

export const stringReader: MakeRead<string> = (type) =>
  type.kind === 'string' || type.kind === 'bytes' ? (decoder) => decoder.string() : undefined

export const bytesReader: MakeRead<Uint8Array> = (type) => {
  if (type.kind === 'bytes' || type.kind === 'string') return (decoder) => decoder.byteString()
  if (type.kind !== 'fixed') return undefined
  const { size } = type
  return (decoder) => decoder.fixed(size)
}

/** A list without nulls. */
export function listReader<T>(name: string, item: MakeRead<T>): MakeRead<T[]> {
  return (type) => {
    if (type.kind !== 'array') return undefined
    const read = nullable(type.items, `${name}.element`, item)
    return (decoder) => {
      const list: T[] = []
      for (let count = decoder.blockCount(); count > 0; count = decoder.blockCount()) {
        for (; count > 0; count--) {
          const value = read(decoder)
          if (value !== null) list.push(value)
        }
      }
      return list
    }
  }
}

/**
 * A map with integer keys: an array of key-value records (Iceberg spec, Appendix A), or an Avro map whose keys are
 * digits. With `wanted`, other keys are passed over.
 */
export function mapReader<T>(
  name: string,
  item: MakeRead<T>,
  wanted: ReadonlySet<number> | undefined,
): MakeRead<Map<number, T>> {
  return (type) => {
    if (type.kind === 'map') {
      const pair = pairReader((decoder) => Number(decoder.string()), type.values, name, item, wanted)
      return blocksOfPairs(pair)
    }
    if (type.kind !== 'array' || type.items.kind !== 'record') return undefined
    const [key, value, ...more] = type.items.fields
    if (key === undefined || value === undefined || more.length > 0) return undefined
    const readKey = nullable(key.type, `${name}.key`, intReader)
    return blocksOfPairs(pairReader(readKey, value.type, name, item, wanted))
  }
}

type ReadPair<T> = (decoder: AvroDecoder, map: Map<number, T>) => void

function pairReader<T>(
  readKey: Read<number>,
  valueType: AvroType,
  name: string,
  item: MakeRead<T>,
  wanted: ReadonlySet<number> | undefined,
): ReadPair<T> {
  const readValue = nullable(valueType, `${name}.value`, item)
  const skipValue = skipper(valueType)
  return (decoder, map) => {
    const key = readKey(decoder)
    if (key === null || (wanted !== undefined && !wanted.has(key))) {
      skipValue(decoder)
      return
    }
    const value = readValue(decoder)
    if (value !== null) map.set(key, value)
  }
}

function blocksOfPairs<T>(pair: ReadPair<T>): Read<Map<number, T>> {
  return (decoder) => {
    const map = new Map<number, T>()
    for (let count = decoder.blockCount(); count > 0; count = decoder.blockCount()) {
      for (; count > 0; count--) pair(decoder, map)
    }
    return map
  }
}

/** Passes over a value of any type. */
export function skipper(type: AvroType): (decoder: AvroDecoder) => void {
  switch (type.kind) {
    case 'null':
      return () => {}
    case 'boolean':
      return (decoder) => decoder.skip(1)
    case 'int':
    case 'long':
    case 'enum':
      return (decoder) => decoder.skipLong()
    case 'float':
      return (decoder) => decoder.skip(4)
    case 'double':
      return (decoder) => decoder.skip(8)
    case 'bytes':
    case 'string':
      return (decoder) => decoder.skipBytes()
    case 'fixed': {
      const { size } = type
      return (decoder) => decoder.skip(size)
    }
    case 'array': {
      const skipItem = skipper(type.items)
      return (decoder) => decoder.skipBlocks(() => skipItem(decoder))
    }
    case 'map': {
      const skipValue = skipper(type.values)
      return (decoder) =>
        decoder.skipBlocks(() => {
          decoder.skipBytes()
          skipValue(decoder)
        })
    }
    case 'union': {
      const branches = type.branches.map(skipper)
      return (decoder) => {
        const index = decoder.int()
        const skip = branches[index]
        if (skip === undefined) throw invalidAvro(`a union has the branch ${index} of ${branches.length}`)
        skip(decoder)
      }
    }
    case 'record':
      return recordSkipper(type)
  }
}

function recordSkipper(record: AvroRecord): (decoder: AvroDecoder) => void {
  const fields = record.fields.map((field) => skipper(field.type))
  return (decoder) => {
    for (const skip of fields) skip(decoder)
  }
}
