import type { SqlValue } from '../../engine/index.ts'
import {
  applyTransform,
  type Literal,
  type PartitionSpec,
  type PartitionTuple,
  preservesOrder,
} from '../../iceberg/index.ts'
import { parseStatistic } from './bounds.ts'
import { type LeafIndex, pairs } from './metrics.ts'

/**
 * The partition that all rows of a file are in, told by the bounds of its columns; undefined where they do not tell. A transform
 * that keeps the order gives one value for all rows where it gives the same for the least and the greatest of them.
 */
export function provenPartition(
  statistics: SqlValue,
  spec: PartitionSpec,
  leaves: LeafIndex,
): PartitionTuple | undefined {
  const columns = new Map(
    pairs(statistics).map(([path, entries]) => {
      const leaf = leaves.leaf(path)
      return [leaf?.fieldId, { leaf, entries }]
    }),
  )
  const tuple: (Literal | null)[] = []
  for (const { transform, sourceIds } of spec.fields) {
    const { leaf, entries } = columns.get(sourceIds[0]) ?? {}
    if (leaf === undefined || leaf.isRepeated || !preservesOrder(transform)) return undefined
    // The bounds take 0.0 and -0.0 for one value, the partitions of Iceberg do not.
    if (leaf.type.kind === 'float' || leaf.type.kind === 'double') return undefined
    const of = new Map(pairs(entries))
    const text = (name: string) => {
      const value = of.get(name)
      return typeof value === 'string' ? value : undefined
    }
    const nulls = text('null_count')
    if (nulls !== undefined && nulls === text('num_values')) {
      tuple.push(null)
      continue
    }
    const [least, greatest] = [text('min'), text('max')].map((bound) => {
      const value = bound === undefined ? undefined : parseStatistic(leaf.type, bound)
      return value === undefined ? undefined : applyTransform(transform, leaf.type, value)
    })
    // Bytes are objects, which are never the same: no proof.
    if (nulls !== '0' || least === undefined || least === null || least !== greatest) return undefined
    tuple.push(least)
  }
  return tuple
}
