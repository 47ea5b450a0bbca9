import { sameSortOrder } from '../metadata/index.ts'
import type { SortField } from '../spec/types.ts'
import type { TableAction } from './action.ts'

/** Makes an order the default; no fields: not sorted (order id 0). An equal historic order is used again. */
export function replaceSortOrderAction(fields: readonly SortField[]): TableAction {
  return {
    apply: ({ metadata }) => {
      const current = metadata.sortOrders.find((order) => order.orderId === metadata.defaultSortOrderId)
      const sortOrder = { orderId: 0, fields }
      if (current !== undefined && sameSortOrder(current, sortOrder)) return { updates: [], guards: [] }
      return {
        updates: [
          { action: 'add-sort-order', sortOrder },
          { action: 'set-default-sort-order', sortOrderId: -1 },
        ],
        guards: ['schema', 'sort-order'],
      }
    },
  }
}
