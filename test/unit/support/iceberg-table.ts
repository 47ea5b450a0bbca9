import { IceboxError } from '../../../src/base/index.ts'
import {
  applyTransform,
  applyUpdates,
  checkRequirements,
  type CommitTarget,
  type DataFile,
  encodeValue,
  fieldById,
  isPrimitive,
  type Literal,
  type LoadedTable,
  newTableMetadata,
  nextMetadataLocation,
  type NewTable,
  parseTableMetadata,
  type PartitionSpec,
  type PrimitiveType,
  printTableMetadata,
  type Schema,
  type TableMetadata,
  type TableRequirement,
  type TableUpdate,
} from '../../../src/iceberg/index.ts'

export const NOW = 1_700_000_000_000

/** id long, region string, amount double, ts timestamp; all optional. */
export const SCHEMA: Schema = {
  schemaId: 0,
  identifierFieldIds: [],
  fields: [
    { id: 1, name: 'id', type: { kind: 'long' }, required: false },
    { id: 2, name: 'region', type: { kind: 'string' }, required: false },
    { id: 3, name: 'amount', type: { kind: 'double' }, required: false },
    { id: 4, name: 'ts', type: { kind: 'timestamp' }, required: false },
  ],
}

export const BY_REGION: PartitionSpec = {
  specId: 0,
  fields: [{ fieldId: 1000, sourceIds: [2], name: 'region', transform: { kind: 'identity' } }],
}

export function newTable(options: Partial<NewTable> = {}): TableMetadata {
  return newTableMetadata({
    uuid: '3f2b7e0e-8f0c-4a2e-9d42-6f1f6f0a1b2c',
    location: 'memory:///lake/t',
    schema: SCHEMA,
    nowMs: NOW,
    ...options,
  })
}

type Fault = 'conflict' | 'lost-answer' | 'lost-before' | 'refused'

/** One table in memory: commits as a catalog does, through the JSON of the metadata, and fails when told to. */
export class MemoryTarget implements CommitTarget {
  current: LoadedTable
  /** What the next commits do; then they succeed. */
  readonly faults: Fault[] = []
  commits = 0
  nowMs = NOW

  constructor(metadata: TableMetadata) {
    this.current = { metadata, metadataLocation: nextMetadataLocation(metadata.location, undefined, 'x', {}) }
  }

  async load(): Promise<LoadedTable> {
    return this.current
  }

  async commit(
    _base: LoadedTable,
    requirements: readonly TableRequirement[],
    updates: readonly TableUpdate[],
    durable: Promise<void> = Promise.resolve(),
  ): Promise<LoadedTable> {
    await durable
    const fault = this.faults.shift()
    if (fault === 'conflict') throw new IceboxError('catalog/commit-conflict', { message: 'planted', retryable: true })
    if (fault === 'refused') throw new IceboxError('storage/full', { message: 'planted' })
    if (fault === 'lost-before') throw new IceboxError('catalog/commit-unknown', { message: 'planted' })
    const { metadata, metadataLocation } = this.current
    checkRequirements(metadata, requirements)
    const next = applyUpdates(metadata, updates, { nowMs: ++this.nowMs, previousMetadataLocation: metadataLocation })
    const location = nextMetadataLocation(next.location, metadataLocation, 'x', next.properties)
    this.current = { metadata: parseTableMetadata(printTableMetadata(next), location), metadataLocation: location }
    this.commits++
    if (fault === 'lost-answer') {
      throw new IceboxError('catalog/commit-unknown', { message: 'planted', context: { metadataLocation: location } })
    }
    return this.current
  }
}

/** Values by field id; a field left out is null. */
export type Row = Readonly<Record<number, Literal>>

let files = 0

/** A data file with the statistics that a careful writer gives for the rows, and the partition of the first row. */
export function fileOf(
  rows: readonly Row[],
  options: { spec?: PartitionSpec; schema?: Schema; path?: string } = {},
): DataFile {
  const schema = options.schema ?? SCHEMA
  const spec = options.spec ?? { specId: 0, fields: [] }
  const valueCounts = new Map<number, bigint>()
  const nullValueCounts = new Map<number, bigint>()
  const nanValueCounts = new Map<number, bigint>()
  const lowerBounds = new Map<number, Uint8Array>()
  const upperBounds = new Map<number, Uint8Array>()
  for (const field of schema.fields) {
    if (!isPrimitive(field.type)) continue
    const values = rows.map((row) => row[field.id]).filter((value) => value !== undefined)
    const ordered = values.filter((value) => !Number.isNaN(value)).sort(byValue)
    valueCounts.set(field.id, BigInt(rows.length))
    nullValueCounts.set(field.id, BigInt(rows.length - values.length))
    if (field.type.kind === 'double') nanValueCounts.set(field.id, BigInt(values.length - ordered.length))
    const [lower] = ordered
    const upper = ordered.at(-1)
    if (lower !== undefined) lowerBounds.set(field.id, encodeValue(field.type, lower))
    if (upper !== undefined) upperBounds.set(field.id, encodeValue(field.type, upper))
  }
  return {
    content: 'data',
    filePath: options.path ?? `memory:///lake/t/data/${String(files++).padStart(5, '0')}.parquet`,
    fileFormat: 'parquet',
    specId: spec.specId,
    partition: partitionOf(rows[0] ?? {}, spec, schema),
    recordCount: BigInt(rows.length),
    fileSizeInBytes: 1000n,
    valueCounts,
    nullValueCounts,
    nanValueCounts,
    lowerBounds,
    upperBounds,
  }
}

function partitionOf(row: Row, spec: PartitionSpec, schema: Schema = SCHEMA): (Literal | null)[] {
  return spec.fields.map((field) => {
    const sourceId = field.sourceIds[0] ?? -1
    return applyTransform(field.transform, primitive(schema, sourceId), row[sourceId] ?? null)
  })
}

function primitive(schema: Schema, fieldId: number): PrimitiveType {
  const type = fieldById(schema, fieldId)?.type
  if (type === undefined || !isPrimitive(type)) throw new TypeError(`field ${fieldId} is not primitive`)
  return type
}

function byValue(a: Literal, b: Literal): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return a < b ? -1 : a > b ? 1 : 0
}

/** Collects an async iterable. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
