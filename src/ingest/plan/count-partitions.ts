import { IceboxError } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import type { PartitionSpec, Schema } from '../../iceberg/index.ts'
import type { Inspection } from '../read/description.ts'
import { sourceSelect } from '../read/source-select.ts'
import { project } from '../write/projection.ts'
import type { ImportPlan } from './import-plan.ts'

const MOST_COUNTED = 20_000

/** Distinct partitions: counted in Parquet, where only the columns needed are read; estimated from the sample of texts. */
export async function countPartitions(
  inspection: Inspection,
  mapping: ImportPlan['details']['mapping'],
  schema: Schema,
  spec: PartitionSpec,
  session: EngineSession,
  notes: string[],
): Promise<number | undefined> {
  if (inspection.description.format === 'arrow') return undefined
  const isParquet = inspection.description.format === 'parquet'
  const select = sourceSelect(inspection.description, mapping, {})
  const projection = project({ select, selectColumns: mapping.map((column) => column.name), schema, spec })
  for (const key of projection.keys) await key.sql.register?.(session)
  const keys = projection.keys.map((key) => key.column).join(', ')
  const limit = isParquet ? '' : ` LIMIT ${MOST_COUNTED}`
  try {
    const rows = await session.all(
      `SELECT count(*) AS n, count(*) FILTER (WHERE c = 1) AS once FROM (SELECT count(*) AS c FROM (SELECT ${keys} FROM (${projection.sql})${limit}) GROUP BY ${keys})`,
    )
    const counted = Number(rows[0]?.['n'] ?? 0)
    if (isParquet) return counted
    // Partitions seen once in the sample hint at ones not seen (Good and Turing); text is not read twice to be sure.
    const unseen = Number(rows[0]?.['once'] ?? 0)
    if (inspection.estimatedRows !== undefined && inspection.estimatedRows <= MOST_COUNTED) return counted
    const most = mostPartitions(spec)
    return unseen * 4 > counted / 4 && Number.isFinite(most) ? most : Math.min(most, counted + unseen * 4)
  } catch (error) {
    if (!(error instanceof IceboxError) || error.code === 'cancelled') throw error
    // A bad value further on is reported where it is imported; here it only leaves the number unknown.
    notes.push('the number of partitions is not known before the import')
    return undefined
  }
}

/** Of a spec of buckets alone, else infinite: a sample that does not know most of them says nothing of how many there are. */
function mostPartitions({ fields }: PartitionSpec): number {
  return fields.reduce(
    (most, { transform }) => most * (transform.kind === 'bucket' ? transform.buckets : Number.POSITIVE_INFINITY),
    1,
  )
}
