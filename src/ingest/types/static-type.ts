import type { Type } from '../../iceberg/index.ts'
import { TemporaryIds, toIcebergType } from './mapping.ts'

/** The Iceberg type of a DuckDB type of ours, where ids do not matter. */
export function parseStaticType(text: string): Type {
  return toIcebergType(text, { column: text, ids: new TemporaryIds() }).type
}
