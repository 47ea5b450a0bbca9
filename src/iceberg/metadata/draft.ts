import { IceboxError } from '../../base/index.ts'
import { highestFieldId } from '../spec/schema.ts'
import type { MetadataLogEntry, Snapshot, SnapshotLogEntry, SnapshotRef } from '../spec/snapshot.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import type { PartitionSpec, Schema, SortOrder } from '../spec/types.ts'
import { sameSchema, sameSortOrder, sameSpec } from './same.ts'
import { checkSchema, checkSortOrder, checkSpec, invalid } from './validate.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** The next metadata while updates are applied to it, one method an update. Lists are replaced, never changed in place. */
export class Draft {
  readonly #base: TableMetadata
  readonly #next: Mutable<TableMetadata>
  readonly #nowMs: bigint
  readonly #addedSnapshots = new Set<bigint>()
  #lastSchemaId: number | undefined
  #lastSpecId: number | undefined
  #lastSortOrderId: number | undefined

  constructor(base: TableMetadata, nowMs: bigint) {
    this.#base = base
    this.#next = { ...base }
    this.#nowMs = nowMs
  }

  /** `log` makes the metadata log from the final properties. */
  finish(log: (properties: Readonly<Record<string, string>>) => readonly MetadataLogEntry[]): TableMetadata {
    const next = this.#next
    if (next.currentSchemaId !== this.#base.currentSchemaId) this.#checkDefaults()
    const newest = next.snapshots.at(-1)?.timestampMs ?? 0n
    next.lastUpdatedMs = largest(this.#nowMs, this.#base.lastUpdatedMs, this.#addedSnapshots.size > 0 ? newest : 0n)
    next.snapshotLog = this.#withoutIntermediateSnapshots(next.snapshotLog)
    next.metadataLog = log(next.properties)
    return next
  }

  /** Snapshots that were current only between two updates of this list were current for nobody. */
  #withoutIntermediateSnapshots(log: readonly SnapshotLogEntry[]): readonly SnapshotLogEntry[] {
    if (this.#addedSnapshots.size < 2) return log
    const current = this.#next.currentSnapshotId
    return log.filter((entry) => entry.snapshotId === current || !this.#addedSnapshots.has(entry.snapshotId))
  }

  assignUuid(uuid: string): void {
    if (this.#next.tableUuid !== '' && this.#next.tableUuid.toLowerCase() !== uuid.toLowerCase()) {
      throw invalid(`the table has uuid ${this.#next.tableUuid} and cannot become ${uuid}`)
    }
    this.#next.tableUuid = uuid
  }

  upgradeFormatVersion(version: 1 | 2 | 3): void {
    const current = this.#next.formatVersion
    if (version < current) throw invalid(`format version ${current} cannot go back to ${version}`)
    if (version === 3 && current < 3) {
      throw new IceboxError('iceberg/unsupported', {
        message: 'upgrading a table to format version 3 is not in this build',
        remedy: "stay with 'format-version' = '2'",
        context: { formatVersion: version },
      })
    }
    this.#next.formatVersion = version
  }

  addSchema(schema: Schema, lastColumnId: number | undefined): void {
    checkSchema(schema, this.#next.formatVersion)
    const highest = highestFieldId(schema)
    if (lastColumnId !== undefined && lastColumnId < highest) {
      throw invalid(`last-column-id ${lastColumnId} is below field id ${highest} of the schema`)
    }
    this.#next.lastColumnId = Math.max(this.#next.lastColumnId, lastColumnId ?? 0, highest)
    const equal = this.#next.schemas.find((known) => sameSchema(known, schema))
    if (equal !== undefined) {
      this.#lastSchemaId = equal.schemaId
      return
    }
    const schemaId = 1 + Math.max(-1, ...this.#next.schemas.map((known) => known.schemaId))
    this.#next.schemas = [...this.#next.schemas, { ...schema, schemaId }]
    this.#lastSchemaId = schemaId
  }

  setCurrentSchema(schemaId: number): void {
    const id = schemaId === -1 ? this.#lastSchemaId : schemaId
    const schema = this.#next.schemas.find((known) => known.schemaId === id)
    if (schema === undefined)
      throw missing(
        'schema',
        schemaId,
        this.#next.schemas.map((known) => known.schemaId),
      )
    this.#next.currentSchemaId = schema.schemaId
  }

  /** The spec and the order in force must find their sources; only at the end, since they may be replaced with the schema. */
  #checkDefaults(): void {
    const schema = this.#currentSchema()
    const spec = this.#next.partitionSpecs.find((known) => known.specId === this.#next.defaultSpecId)
    if (spec !== undefined && !spec.fields.some((field) => field.transform.kind === 'unknown')) checkSpec(spec, schema)
    const order = this.#next.sortOrders.find((known) => known.orderId === this.#next.defaultSortOrderId)
    if (order !== undefined && !order.fields.some((field) => field.transform.kind === 'unknown')) {
      checkSortOrder(order, schema)
    }
  }

  addSpec(spec: PartitionSpec): void {
    const equal = this.#next.partitionSpecs.find((known) => sameSpec(known, spec))
    if (equal !== undefined) {
      this.#lastSpecId = equal.specId
      return
    }
    checkSpec(spec, this.#currentSchema())
    const specId = 1 + Math.max(-1, ...this.#next.partitionSpecs.map((known) => known.specId))
    this.#next.partitionSpecs = [...this.#next.partitionSpecs, { ...spec, specId }]
    this.#next.lastPartitionId = Math.max(this.#next.lastPartitionId, ...spec.fields.map((field) => field.fieldId))
    this.#lastSpecId = specId
  }

  setDefaultSpec(specId: number): void {
    const id = specId === -1 ? this.#lastSpecId : specId
    const spec = this.#next.partitionSpecs.find((known) => known.specId === id)
    if (spec === undefined) {
      throw missing(
        'partition spec',
        specId,
        this.#next.partitionSpecs.map((known) => known.specId),
      )
    }
    checkSpec(spec, this.#currentSchema())
    this.#next.defaultSpecId = spec.specId
  }

  removeSpecs(specIds: readonly number[]): void {
    if (specIds.includes(this.#next.defaultSpecId)) {
      throw invalid(`partition spec ${this.#next.defaultSpecId} is the default and cannot be removed`)
    }
    this.#next.partitionSpecs = this.#next.partitionSpecs.filter((spec) => !specIds.includes(spec.specId))
  }

  removeSchemas(schemaIds: readonly number[]): void {
    if (schemaIds.includes(this.#next.currentSchemaId)) {
      throw invalid(`schema ${this.#next.currentSchemaId} is the current one and cannot be removed`)
    }
    this.#next.schemas = this.#next.schemas.filter((schema) => !schemaIds.includes(schema.schemaId))
  }

  addSortOrder(order: SortOrder): void {
    checkSortOrder(order, this.#currentSchema())
    const equal = this.#next.sortOrders.find((known) => sameSortOrder(known, order))
    if (equal !== undefined) {
      this.#lastSortOrderId = equal.orderId
      return
    }
    // 0 is kept for the order without fields (Iceberg spec, "Sorting").
    const orderId =
      order.fields.length === 0 ? 0 : 1 + Math.max(0, ...this.#next.sortOrders.map((known) => known.orderId))
    this.#next.sortOrders = [...this.#next.sortOrders, { ...order, orderId }]
    this.#lastSortOrderId = orderId
  }

  setDefaultSortOrder(orderId: number): void {
    const id = orderId === -1 ? this.#lastSortOrderId : orderId
    const order = this.#next.sortOrders.find((known) => known.orderId === id)
    if (order === undefined)
      throw missing(
        'sort order',
        orderId,
        this.#next.sortOrders.map((known) => known.orderId),
      )
    this.#next.defaultSortOrderId = order.orderId
  }

  addSnapshot(snapshot: Snapshot): void {
    const next = this.#next
    if (this.#snapshot(snapshot.snapshotId) !== undefined)
      throw invalid(`the table has a snapshot ${snapshot.snapshotId} already`)
    if (
      next.formatVersion >= 2 &&
      snapshot.parentSnapshotId !== undefined &&
      snapshot.sequenceNumber <= next.lastSequenceNumber
    ) {
      throw invalid(
        `sequence number ${snapshot.sequenceNumber} of snapshot ${snapshot.snapshotId} is not above ${next.lastSequenceNumber}`,
      )
    }
    if (next.formatVersion >= 3) this.#addRows(snapshot)
    next.snapshots = [...next.snapshots, snapshot]
    next.lastSequenceNumber = largest(next.lastSequenceNumber, snapshot.sequenceNumber)
    this.#addedSnapshots.add(snapshot.snapshotId)
  }

  /** Iceberg spec, "Row Lineage": the snapshot takes its row ids from `next-row-id`, which moves past them. */
  #addRows(snapshot: Snapshot): void {
    const nextRowId = this.#next.nextRowId ?? 0n
    const { firstRowId, addedRows } = snapshot
    if (firstRowId === undefined || addedRows === undefined) {
      throw invalid(
        `snapshot ${snapshot.snapshotId} has no first-row-id and added-rows, which format version 3 asks for`,
      )
    }
    if (firstRowId < nextRowId)
      throw invalid(`first-row-id ${firstRowId} of snapshot ${snapshot.snapshotId} is below ${nextRowId}`)
    this.#next.nextRowId = firstRowId + addedRows
  }

  setRef(name: string, ref: SnapshotRef): void {
    const snapshot = this.#snapshot(ref.snapshotId)
    if (snapshot === undefined)
      throw invalid(`reference '${name}' names snapshot ${ref.snapshotId}, which the table does not have`)
    const next = this.#next
    if (name === 'main') {
      if (ref.type !== 'branch') throw invalid("'main' is a branch and cannot become a tag")
      if (next.currentSnapshotId !== ref.snapshotId) {
        const timestampMs = this.#addedSnapshots.has(ref.snapshotId) ? snapshot.timestampMs : this.#nowMs
        next.snapshotLog = [...next.snapshotLog, { timestampMs, snapshotId: ref.snapshotId }]
      }
      next.currentSnapshotId = ref.snapshotId
    }
    next.refs = { ...next.refs, [name]: ref }
  }

  removeRef(name: string): void {
    const { [name]: removed, ...refs } = this.#next.refs
    if (removed === undefined) return
    this.#next.refs = refs
    if (name !== 'main') return
    delete this.#next.currentSnapshotId
    this.#next.snapshotLog = []
  }

  removeSnapshots(snapshotIds: readonly bigint[]): void {
    const gone = new Set(snapshotIds)
    const next = this.#next
    const current = next.currentSnapshotId
    if (current !== undefined && gone.has(current))
      throw invalid(`snapshot ${current} is the current one and cannot be removed`)
    next.snapshots = next.snapshots.filter((snapshot) => !gone.has(snapshot.snapshotId))
    next.refs = Object.fromEntries(Object.entries(next.refs).filter(([, ref]) => !gone.has(ref.snapshotId)))
    // Iceberg spec: when a snapshot leaves the log, what came before it leaves too, since the history would have a hole.
    const hole = next.snapshotLog.findLastIndex((entry) => gone.has(entry.snapshotId))
    next.snapshotLog = next.snapshotLog.slice(hole + 1)
    next.extra = withoutStatistics(next.extra, gone)
  }

  setLocation(location: string): void {
    this.#next.location = location
  }

  setProperties(updates: Readonly<Record<string, string>>): void {
    this.#next.properties = { ...this.#next.properties, ...updates }
  }

  removeProperties(removals: readonly string[]): void {
    const gone = new Set(removals)
    this.#next.properties = Object.fromEntries(Object.entries(this.#next.properties).filter(([key]) => !gone.has(key)))
  }

  #snapshot(id: bigint): Snapshot | undefined {
    return this.#next.snapshots.findLast((snapshot) => snapshot.snapshotId === id)
  }

  #currentSchema(): Schema {
    const schema = this.#next.schemas.find((known) => known.schemaId === this.#next.currentSchemaId)
    if (schema === undefined)
      throw missing(
        'schema',
        this.#next.currentSchemaId,
        this.#next.schemas.map((known) => known.schemaId),
      )
    return schema
  }
}

const STATISTICS_KEYS = ['statistics', 'partition-statistics'] as const

/** Statistics files belong to one snapshot and leave with it. */
function withoutStatistics(
  extra: Readonly<Record<string, unknown>>,
  gone: ReadonlySet<bigint>,
): Readonly<Record<string, unknown>> {
  const kept: Record<string, unknown> = { ...extra }
  for (const key of STATISTICS_KEYS) {
    const files: unknown = extra[key]
    if (Array.isArray(files)) kept[key] = files.filter((file: unknown) => !isOfSnapshot(file, gone))
  }
  return kept
}

function isOfSnapshot(file: unknown, gone: ReadonlySet<bigint>): boolean {
  if (typeof file !== 'object' || file === null || !('snapshot-id' in file)) return false
  const id = file['snapshot-id']
  return (typeof id === 'bigint' || typeof id === 'number') && gone.has(BigInt(id))
}

function largest(first: bigint, ...more: readonly bigint[]): bigint {
  return more.reduce((max, value) => (value > max ? value : max), first)
}

function missing(what: string, id: number, known: readonly number[]): IceboxError {
  return invalid(`the table has no ${what} ${id}; it has ${known.join(', ') || 'none'}`)
}
