import type { ObjectInfo, ObjectStore } from '../../storage/index.ts'
import { applyUpdates, type TableRequirement, type TableUpdate } from '../metadata/index.ts'
import type { ManifestCache } from '../scan/index.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'

/** Parts of the metadata that an action relies on: the commit fails when another writer changed one of them. */
export type Guard = 'main-snapshot' | 'schema' | 'spec' | 'sort-order'

export interface ActionResult {
  readonly updates: readonly TableUpdate[]
  readonly guards: readonly Guard[]
}

/** One kind of change. `apply` runs again in each attempt, on the metadata of then; it decides and writes manifests. */
export interface TableAction {
  apply(attempt: Attempt): Promise<ActionResult> | ActionResult
}

export interface AttemptOptions {
  readonly base: TableMetadata
  /** The main snapshot that the transaction started from: what came later is another writer's. */
  readonly startSnapshotId: bigint | undefined
  readonly io: ObjectStore
  readonly cache: ManifestCache
  readonly nowMs: number
  readonly signal?: AbortSignal | undefined
}

/** One try at a transaction: the metadata as the actions so far have made it, and every file that was written for it. */
export class Attempt {
  readonly base: TableMetadata
  readonly startSnapshotId: bigint | undefined
  readonly io: ObjectStore
  readonly cache: ManifestCache
  readonly nowMs: number
  readonly signal: AbortSignal | undefined
  /** Metadata files that exist only for this attempt; noted before they are written, so that none is forgotten (I7). */
  readonly files: string[] = []
  readonly snapshotIds: bigint[] = []
  manifestsWritten = 0
  bytesWritten = 0
  readonly #flushes: Promise<void>[] = []
  readonly #updates: TableUpdate[] = []
  readonly #guards = new Set<Guard>()
  #metadata: TableMetadata

  constructor(options: AttemptOptions) {
    this.base = options.base
    this.startSnapshotId = options.startSnapshotId
    this.io = options.io
    this.cache = options.cache
    this.nowMs = options.nowMs
    this.signal = options.signal
    this.#metadata = options.base
  }

  /** The base with the changes of the actions before this one. */
  get metadata(): TableMetadata {
    return this.#metadata
  }

  get updates(): readonly TableUpdate[] {
    return this.#updates
  }

  async run(action: TableAction): Promise<void> {
    const { updates, guards } = await action.apply(this)
    if (updates.length === 0) return
    this.#metadata = applyUpdates(this.#metadata, updates, { nowMs: this.nowMs })
    this.#updates.push(...updates)
    for (const guard of guards) this.#guards.add(guard)
  }

  /** Writes a file of metadata for this attempt: whole when this resolves, on the disk when `durable` does. */
  async create(uri: string, body: Uint8Array | AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<ObjectInfo> {
    this.files.push(uri)
    const { durable, ...info } = await this.io.createUnflushed(uri, body, signal)
    this.#flushes.push(durable)
    return info
  }

  /** Settles when all that was created is on the disk. Rejects `storage/*`. */
  async durable(): Promise<void> {
    await Promise.all(this.#flushes)
  }

  /** No flush is under way any more, whatever became of it. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#flushes)
  }

  requirements(): TableRequirement[] {
    const { base } = this
    const requirements: TableRequirement[] = [{ type: 'assert-table-uuid', uuid: base.tableUuid }]
    if (this.#guards.has('main-snapshot')) {
      requirements.push({ type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: base.currentSnapshotId ?? null })
    }
    if (this.#guards.has('schema')) {
      requirements.push(
        { type: 'assert-current-schema-id', currentSchemaId: base.currentSchemaId },
        { type: 'assert-last-assigned-field-id', lastAssignedFieldId: base.lastColumnId },
      )
    }
    if (this.#guards.has('spec')) {
      requirements.push(
        { type: 'assert-default-spec-id', defaultSpecId: base.defaultSpecId },
        { type: 'assert-last-assigned-partition-id', lastAssignedPartitionId: base.lastPartitionId },
      )
    }
    if (this.#guards.has('sort-order')) {
      requirements.push({ type: 'assert-default-sort-order-id', defaultSortOrderId: base.defaultSortOrderId })
    }
    return requirements
  }
}
