import { IceboxError } from '../../base/index.ts'
import { TYPE } from '../binding.ts'
import { decodeDecimals, decodeFixed, each, structs } from '../decode.ts'
import type { SqlValue } from '../port.ts'
import type { EngineType } from '../types.ts'
import type { Validity } from '../validity.ts'
import { bitAt } from './bits.ts'
import type { ArrowLayout, ArrowNode } from './layout.ts'
import { AS_TEXT } from './make-column.ts'

/** The values of each column of a body that was written in the form `values`, decoded when asked for. Everything is copied. */
export function decodeBody(
  types: readonly EngineType[],
  layout: ArrowLayout,
  body: Uint8Array,
): (index: number) => readonly SqlValue[] {
  const reader = new BodyReader(layout, body)
  const columns = types.map((type) => reader.column(type))
  return (index) => columns[index]?.() ?? []
}

/** Walks nodes and buffers in the order in which the columns were placed; decoding comes later. */
class BodyReader {
  readonly #layout: ArrowLayout
  readonly #body: Uint8Array
  #node = 0
  #buffer = 0

  constructor(layout: ArrowLayout, body: Uint8Array) {
    this.#layout = layout
    this.#body = body
  }

  column(type: EngineType): () => SqlValue[] {
    if (type.id === TYPE.SQLNULL) {
      const { length } = this.#nextNode()
      return () => Array.from({ length }, () => null)
    }
    switch (type.kind) {
      case 'plain':
        return this.#plain(type.id)
      case 'enum':
        return this.#texts((text) => text.toString('utf8'))
      case 'decimal': {
        const { length, validity } = this.#rows()
        const data = this.#bytes()
        return () => decodeDecimals(() => data, { scale: type.scale, storage: TYPE.HUGEINT }, length, validity)
      }
      case 'list':
        return this.#list(() => this.column(type.element))
      case 'map':
        return this.#list(() => this.#entries(type.key, type.value))
      case 'array': {
        const { length, validity } = this.#rows()
        const items = this.column(type.element)
        return () => {
          const all = items()
          return each(length, validity, (row) => all.slice(row * type.length, (row + 1) * type.length))
        }
      }
      case 'struct': {
        const { length, validity } = this.#rows()
        const fields = type.fields.map((field) => ({ name: field.name, values: this.column(field.type) }))
        return () => {
          const columns = fields.map(({ name, values }) => ({ name, values: values() }))
          return structs(columns, length, validity)
        }
      }
      case 'union': {
        const { length } = this.#nextNode()
        const tags = this.#bytes()
        const members = type.fields.map((field) => this.column(field.type))
        return () => {
          const columns = members.map((values) => values())
          return each(length, null, (row) => columns[tags[row] ?? 0]?.[row] ?? null)
        }
      }
      default:
        return type satisfies never
    }
  }

  #plain(id: number): () => SqlValue[] {
    if (id === TYPE.BIGNUM) return this.#texts((text) => BigInt(text.toString('utf8')))
    if (id === TYPE.VARCHAR || AS_TEXT.has(id)) return this.#texts((text) => text.toString('utf8'))
    if (id === TYPE.BLOB || id === TYPE.GEOMETRY) return this.#texts((bytes) => new Uint8Array(bytes))
    const { length, validity } = this.#rows()
    const data = this.#bytes()
    if (id === TYPE.BOOLEAN) return () => each(length, validity, (row) => bitAt(data, row) === 1)
    return () => decodeFixed(() => data, id, length, validity)
  }

  #texts(convert: (bytes: Buffer) => SqlValue): () => SqlValue[] {
    const { length, validity } = this.#rows()
    const offsets = this.#offsets(length)
    const { buffer, byteOffset, byteLength } = this.#bytes()
    const data = Buffer.from(buffer, byteOffset, byteLength)
    return () => each(length, validity, (row) => convert(data.subarray(offsets[row] ?? 0, offsets[row + 1] ?? 0)))
  }

  #list(readItems: () => () => SqlValue[]): () => SqlValue[] {
    const { length, validity } = this.#rows()
    const offsets = this.#offsets(length)
    const items = readItems()
    return () => {
      const all = items()
      return each(length, validity, (row) => all.slice(offsets[row] ?? 0, offsets[row + 1] ?? 0))
    }
  }

  #entries(key: EngineType, value: EngineType): () => SqlValue[] {
    const { length } = this.#rows()
    const keys = this.column(key)
    const values = this.column(value)
    return () => {
      const [first, second] = [keys(), values()]
      return each(length, null, (row) => [first[row] ?? null, second[row] ?? null])
    }
  }

  /** A node and its mask. */
  #rows(): { readonly length: number; readonly validity: Validity } {
    const { length, nullCount } = this.#nextNode()
    const mask = this.#bytes()
    return { length, validity: nullCount === 0 ? null : mask }
  }

  #offsets(length: number): Int32Array {
    const { buffer, byteOffset } = this.#bytes()
    return new Int32Array(buffer, byteOffset, length + 1)
  }

  #nextNode(): ArrowNode {
    const node = this.#layout.nodes[this.#node++]
    if (node === undefined) throw shortBody('nodes')
    return node
  }

  #bytes(): Uint8Array {
    const place = this.#layout.buffers[this.#buffer++]
    if (place === undefined) throw shortBody('buffers')
    return this.#body.subarray(place.offset, place.offset + place.length)
  }
}

function shortBody(what: string): IceboxError {
  return new IceboxError('internal/unreachable', {
    message: `a batch of the engine has fewer ${what} than its columns`,
  })
}
