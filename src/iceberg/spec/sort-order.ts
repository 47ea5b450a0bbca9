import type { SortOrder } from './types.ts'

/** Order id 0 is reserved for "not sorted" (Iceberg spec, "Sorting"). */
export const UNSORTED: SortOrder = { orderId: 0, fields: [] }

export function isUnsorted(order: SortOrder): boolean {
  return order.fields.length === 0
}
