import { ARROW, type ArrowType } from '../../engine/index.ts'

/** Where a buffer lies in the body of a record batch, in bytes. */
export interface Region {
  readonly offset: number
  readonly length: number
}

/** How the values of a column lie in their buffers (Arrow format, "Physical memory layout"); a validity mask is before them. */
type Form =
  | { readonly kind: 'null' }
  | { readonly kind: 'bits'; readonly values: Region }
  | { readonly kind: 'fixed'; readonly width: number; readonly values: Region }
  | { readonly kind: 'bytes'; readonly offsets: Offsets; readonly values: Region }
  | { readonly kind: 'list'; readonly offsets: Offsets; readonly items: Column }
  | { readonly kind: 'array'; readonly size: number; readonly items: Column }
  | { readonly kind: 'struct'; readonly fields: readonly Column[] }

export interface Offsets extends Region {
  readonly width: 4 | 8
}

/** A column of a record batch, at any depth, and where its buffers are. */
export type Column = Form & { readonly nullCount: number; readonly validity: Region }

/** What the metadata of a record batch says of its body: depth first (Arrow format, "RecordBatch message"). */
export interface BatchMetadata {
  readonly length: number
  readonly nodes: readonly { readonly length: number; readonly nullCount: number }[]
  readonly buffers: readonly Region[]
}

/** Undefined where a column has a layout that nobody here knows: the engine refuses it by name. */
export function columnsOf(types: readonly ArrowType[], metadata: BatchMetadata): readonly Column[] | undefined {
  const tree = new Tree(metadata)
  const columns = types.map((type) => tree.column(type))
  return columns.every((column) => column !== undefined) ? columns : undefined
}

const NO_BYTES: Region = { offset: 0, length: 0 }

class Tree {
  readonly #metadata: BatchMetadata
  #node = 0
  #buffer = 0

  constructor(metadata: BatchMetadata) {
    this.#metadata = metadata
  }

  column(type: ArrowType): Column | undefined {
    const node = this.#metadata.nodes[this.#node++]
    if (node === undefined) return undefined
    const { nullCount } = node
    if (type.typeId === ARROW.NULL) return { kind: 'null', nullCount, validity: NO_BYTES }
    const validity = this.#next()
    const form = this.#form(type)
    return form === undefined ? undefined : { ...form, nullCount, validity }
  }

  #form(type: ArrowType): Form | undefined {
    const { typeId } = type
    switch (typeId) {
      case ARROW.BOOL:
        return { kind: 'bits', values: this.#next() }
      case ARROW.UTF8:
      case ARROW.BINARY:
        return { kind: 'bytes', offsets: this.#offsets(4), values: this.#next() }
      case ARROW.LARGE_UTF8:
      case ARROW.LARGE_BINARY:
        return { kind: 'bytes', offsets: this.#offsets(8), values: this.#next() }
      case ARROW.LIST:
      case ARROW.MAP:
        return this.#list(type)
      case ARROW.FIXED_SIZE_LIST: {
        const [items] = this.#children(type) ?? []
        return items === undefined ? undefined : { kind: 'array', size: type.listSize ?? 0, items }
      }
      case ARROW.STRUCT: {
        const fields = this.#children(type)
        return fields === undefined ? undefined : { kind: 'struct', fields }
      }
      default: {
        const width = widthOf(type)
        return width === undefined ? undefined : { kind: 'fixed', width, values: this.#next() }
      }
    }
  }

  #list(type: ArrowType): Form | undefined {
    const offsets = this.#offsets(4)
    const [items] = this.#children(type) ?? []
    return items === undefined ? undefined : { kind: 'list', offsets, items }
  }

  #children(type: ArrowType): readonly Column[] | undefined {
    const columns: Column[] = []
    for (const field of type.children ?? []) {
      const column = this.column(field.type)
      if (column === undefined) return undefined
      columns.push(column)
    }
    return columns
  }

  #offsets(width: 4 | 8): Offsets {
    return { ...this.#next(), width }
  }

  #next(): Region {
    return this.#metadata.buffers[this.#buffer++] ?? NO_BYTES
  }
}

/** Bytes of a value; undefined for types that the engine does not take. */
function widthOf(type: ArrowType): number | undefined {
  switch (type.typeId) {
    case ARROW.INT:
    case ARROW.DECIMAL:
    case ARROW.TIME:
      return type.bitWidth === undefined ? undefined : type.bitWidth / 8
    case ARROW.FLOAT:
      return 2 << (type.precision ?? 0)
    case ARROW.DATE:
      return type.unit === 0 ? 4 : 8
    case ARROW.TIMESTAMP:
      return 8
    case ARROW.FIXED_SIZE_BINARY:
      return type.byteWidth
    default:
      // A dictionary's codes.
      return type.indices === undefined ? undefined : widthOf(type.indices)
  }
}
