import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isIceboxError } from '../../src/base/index.ts'
import {
  type DataFile,
  fieldByPath,
  type LoadedTable,
  ManifestSource,
  planFiles,
  type Predicate,
  schemaOf,
  snapshotAt,
  Transaction,
} from '../../src/iceberg/index.ts'
import { MemoryStore } from '../../src/storage/index.ts'
import { BY_REGION, collect, fileOf, MemoryTarget, newTable } from '../unit/support/iceberg-table.ts'

/**
 * Two writers, each on the table as it last saw it, against a model that holds only the paths of live files by region.
 * What another writer committed since a writer looked decides whether its change is allowed (I6); the model knows the rule,
 * not the manifests.
 */
type Region = 'eu' | 'us'
type Step = { readonly writer: 0 | 1 } & (
  | { readonly kind: 'look' }
  | { readonly kind: 'append'; readonly regions: readonly Region[] }
  | { readonly kind: 'delete' | 'overwrite' | 'replace-partition'; readonly region: Region }
  | { readonly kind: 'replace-all' | 'replace-table'; readonly region: Region }
  | { readonly kind: 'add-column' }
  | { readonly kind: 'fault'; readonly fault: 'conflict' | 'lost-answer' | 'refused' }
)

interface LiveFile {
  readonly path: string
  readonly region: Region
  readonly rows: number
}
/** A committed change of rows: which regions it added files to and removed files from. */
interface Change {
  readonly added: ReadonlySet<Region>
  readonly removed: ReadonlySet<Region>
}

const region = fc.constantFrom<Region>('eu', 'us')
const step: fc.Arbitrary<Step> = fc
  .tuple(
    fc.constantFrom<0 | 1>(0, 1),
    fc.oneof(
      { weight: 4, arbitrary: fc.constant({ kind: 'look' } as const) },
      {
        weight: 6,
        arbitrary: fc.record({ kind: fc.constant('append' as const), regions: fc.array(region, { maxLength: 3 }) }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constantFrom('delete', 'overwrite', 'replace-partition', 'replace-all'),
          region,
        }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('replace-table' as const), region }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'add-column' } as const) },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant('fault' as const),
          fault: fc.constantFrom('conflict', 'lost-answer', 'refused'),
        }),
      },
    ),
  )
  .map(([writer, action]): Step => ({ writer, ...action }))

class World {
  readonly io = new MemoryStore()
  readonly target = new MemoryTarget(
    newTable({ spec: BY_REGION, properties: { 'commit.manifest.min-count-to-merge': '3' } }),
  )
  readonly seen: [LoadedTable, LoadedTable] = [this.target.current, this.target.current]
  /** What each writer saw when it looked: live files, and how many changes had led there. */
  readonly seenLive: [readonly LiveFile[], readonly LiveFile[]] = [[], []]
  readonly seenChanges: [number, number] = [0, 0]
  readonly seenColumns: [number, number] = [4, 4]
  readonly changes: Change[] = []
  live: LiveFile[] = []
  /** The place of the last replacement of the table in `changes`: main begins with it. */
  replacedAt: number | undefined
  replacements = 0
  columns = 4
  conflicts = 0

  async run(taken: Step): Promise<void> {
    if (taken.kind === 'look') {
      this.seen[taken.writer] = this.target.current
      this.seenLive[taken.writer] = this.live
      this.seenChanges[taken.writer] = this.changes.length
      this.seenColumns[taken.writer] = this.columns
      return
    }
    if (taken.kind === 'fault') {
      if (this.target.faults.length === 0) this.target.faults.push(taken.fault)
      return
    }
    const isRefused = this.target.faults[0] === 'refused'
    const before = (await collect(this.io.list('memory:///lake/'))).length
    const transaction = new Transaction({
      target: this.target,
      io: this.io,
      base: this.seen[taken.writer],
      now: () => this.target.nowMs,
      sleep: async () => undefined,
    })
    const outcome = this.#act(transaction, taken)
    const error = await transaction.commit().then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    if (error === undefined) {
      expect(outcome.conflicts).toBe(false)
      outcome.apply()
      return
    }
    if (isIceboxError(error, 'table/conflict')) {
      expect(outcome.conflicts).toBe(true)
      this.conflicts++
    } else {
      expect(error).toMatchObject({ code: 'storage/full' })
      expect(isRefused).toBe(true)
    }
    // A definite failure leaves nothing behind (I7).
    expect((await collect(this.io.list('memory:///lake/'))).length).toBe(before)
  }

  /** Puts the action into the transaction; says whether it must conflict and what it does to the model. */
  #act(
    transaction: Transaction,
    taken: Exclude<Step, { kind: 'look' | 'fault' }>,
  ): { conflicts: boolean; apply: () => void } {
    if (taken.kind === 'add-column') {
      transaction.updateSchema((u) => {
        if (fieldByPath(u.result(), `c${this.columns}`) === undefined) u.addColumn(`c${this.columns}`, { kind: 'int' })
      })
      return { conflicts: false, apply: () => this.columns++ }
    }
    if (taken.kind === 'append') {
      const added = taken.regions.map((of) => this.#file(of))
      transaction.append(added.map(({ file }) => file))
      // Without a history that it leads to, and with other columns, the table is not the one that the files were written for.
      const conflicts = added.length > 0 && this.#hasBegunAnew(taken.writer) && !this.#hasSeenColumns(taken.writer)
      return { conflicts, apply: () => this.#commit(added, () => false) }
    }
    if (taken.kind === 'replace-table') {
      const added = [this.#file(taken.region)]
      const replacement = { schema: schemaOf(this.seen[taken.writer].metadata), spec: BY_REGION }
      transaction.replaceTable(
        replacement,
        added.map(({ file }) => file),
      )
      const isFirst = this.changes.length === this.seenChanges[taken.writer]
      return { conflicts: !isFirst || !this.#hasSeenColumns(taken.writer), apply: () => this.#replace(added) }
    }
    const scope: Predicate = { op: 'eq', fieldId: 2, value: taken.region }
    const added = taken.kind === 'delete' ? [] : [this.#file(taken.region)]
    const files = added.map(({ file }) => file)
    const isGone = (of: Region) => taken.kind === 'replace-all' || of === taken.region
    // A delete that finds nothing in the table that its writer saw is done without a commit.
    const isNothing = taken.kind === 'delete' && !this.seenLive[taken.writer].some((file) => isGone(file.region))
    if (taken.kind === 'delete') transaction.deleteFiles({ where: scope })
    else if (taken.kind === 'overwrite') transaction.overwrite({ added: files, deleteWhere: scope })
    else if (taken.kind === 'replace-partition') transaction.overwrite({ added: files, dynamicPartitions: true })
    else transaction.overwrite({ added: files, replaceAll: true })
    if (isNothing) return { conflicts: false, apply: () => undefined }
    // A writer that saw a table without a snapshot finds what leads to main: since the last replacement.
    const others = this.changes.slice(Math.max(this.seenChanges[taken.writer], this.replacedAt ?? 0))
    const touched = others.some((change) => [...change.added, ...change.removed].some(isGone))
    const conflicts = touched || this.#hasBegunAnew(taken.writer)
    return { conflicts, apply: () => this.#commit(added, isGone) }
  }

  #hasSeenColumns(writer: 0 | 1): boolean {
    return this.seenColumns[writer] === this.columns
  }

  /** The snapshot that the writer saw does not lead to main any more. */
  #hasBegunAnew(writer: 0 | 1): boolean {
    const hadSnapshot = this.seen[writer].metadata.currentSnapshotId !== undefined
    return hadSnapshot && this.replacedAt !== undefined && this.replacedAt >= this.seenChanges[writer]
  }

  #replace(added: readonly { live: LiveFile }[]): void {
    this.replacedAt = this.changes.length
    this.replacements++
    this.changes.push({ added: new Set(added.map(({ live }) => live.region)), removed: new Set() })
    this.live = added.map(({ live }) => live)
  }

  #file(of: Region): { file: DataFile; live: LiveFile } {
    const rows = 1 + (this.live.length % 3)
    const file = fileOf(
      Array.from({ length: rows }, (_, at) => ({ 1: BigInt(at), 2: of })),
      { spec: BY_REGION },
    )
    return { file, live: { path: file.filePath, region: of, rows } }
  }

  #commit(added: readonly { live: LiveFile }[], isGone: (of: Region) => boolean): void {
    const removed = this.live.filter((file) => isGone(file.region))
    this.changes.push({
      added: new Set(added.map(({ live }) => live.region)),
      removed: new Set(removed.map((file) => file.region)),
    })
    this.live = [...this.live.filter((file) => !isGone(file.region)), ...added.map(({ live }) => live)]
  }

  async check(previous: LoadedTable): Promise<void> {
    const { metadata } = this.target.current
    const tasks = await collect(planFiles({ metadata, io: this.io, filter: { op: 'true' } }).tasks)
    expect(tasks.map((task) => task.dataFile.filePath).sort()).toEqual(this.live.map((file) => file.path).sort())
    for (const of of ['eu', 'us'] as const) {
      const filter: Predicate = { op: 'eq', fieldId: 2, value: of }
      const pruned = await collect(planFiles({ metadata, io: this.io, filter }).tasks)
      expect(pruned).toHaveLength(this.live.filter((file) => file.region === of).length)
    }
    if (metadata.currentSnapshotId !== undefined) {
      const snapshot = snapshotAt(metadata)
      expect(snapshot.summary).toMatchObject({
        'total-data-files': String(this.live.length),
        'total-records': String(this.live.reduce((sum, file) => sum + file.rows, 0)),
        'total-files-size': String(this.live.length * 1000),
      })
      const manifests = await new ManifestSource({ metadata, io: this.io }).manifests(snapshot)
      const listed = manifests.map((manifest) => (manifest.addedFilesCount ?? 0) + (manifest.existingFilesCount ?? 0))
      expect(listed.reduce((sum, count) => sum + count, 0)).toBe(this.live.length)
    }
    expect(schemaOf(metadata).fields).toHaveLength(this.columns)
    const old = previous.metadata
    expect(metadata.lastColumnId).toBeGreaterThanOrEqual(old.lastColumnId)
    expect(metadata.lastSequenceNumber).toBeGreaterThanOrEqual(old.lastSequenceNumber)
    expect(metadata.lastPartitionId).toBeGreaterThanOrEqual(old.lastPartitionId)
    expect(metadata.lastUpdatedMs).toBeGreaterThanOrEqual(old.lastUpdatedMs)
    expect(metadata.snapshots.slice(0, old.snapshots.length)).toEqual(old.snapshots)
  }
}

describe('two writers against a model', () => {
  it('no file is lost or brought back, counters stay right, ids only grow, and conflicts are where they must be', async () => {
    let conflicts = 0
    let replacements = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const world = new World()
        for (const taken of steps) {
          const previous = world.target.current
          await world.run(taken)
          await world.check(previous)
        }
        conflicts += world.conflicts
        replacements += world.replacements
      }),
      { numRuns: 100 },
    )
    // Without conflicts the rule above would not have been tried.
    expect(conflicts).toBeGreaterThan(10)
    expect(replacements).toBeGreaterThan(10)
  })
})
