/**
 * What is read of an apache-arrow `Data`: the buffers of one column of a record batch. Named here, so that the engine
 * does not load apache-arrow: whoever has batches has loaded it.
 */
export interface ArrowData {
  readonly type: ArrowType
  readonly typeId: number
  readonly length: number
  /** Of bits in `nullBitmap`, and in `values` of booleans; the other buffers begin at the first row. */
  readonly offset: number
  readonly nullCount: number
  readonly stride: number
  readonly values: unknown
  readonly valueOffsets: unknown
  readonly nullBitmap: unknown
  readonly children: readonly ArrowData[]
  readonly dictionary?: { readonly data: readonly ArrowData[]; get(index: number): unknown } | undefined
  slice(offset: number, length: number): ArrowData
}

export interface ArrowType {
  readonly typeId: number
  readonly bitWidth?: number
  readonly isSigned?: boolean
  readonly precision?: number
  readonly scale?: number
  readonly unit?: number
  readonly listSize?: number
  readonly byteWidth?: number
  readonly timezone?: string | null
  readonly dictionary?: ArrowType
  /** Of a dictionary: its codes. */
  readonly indices?: ArrowType
  readonly children?: readonly { readonly name: string; readonly type: ArrowType }[] | null
}

/** `Type` of apache-arrow. */
export const ARROW = {
  NULL: 1,
  INT: 2,
  FLOAT: 3,
  BINARY: 4,
  UTF8: 5,
  BOOL: 6,
  DECIMAL: 7,
  DATE: 8,
  TIME: 9,
  TIMESTAMP: 10,
  LIST: 12,
  STRUCT: 13,
  FIXED_SIZE_BINARY: 15,
  FIXED_SIZE_LIST: 16,
  MAP: 17,
  LARGE_BINARY: 19,
  LARGE_UTF8: 20,
} as const

/** Whether a row has a value. */
export type RowFilter = (row: number) => boolean
