import { describe, expect, it } from 'vitest'
import {
  type FileScanTask,
  ManifestCache,
  planFiles,
  type Predicate,
  snapshotAt,
  type TableMetadata,
  Transaction,
} from '../../src/iceberg/index.ts'
import { factsOfFile } from '../../src/iceberg/scan/facts.ts'
import { PackedEntries } from '../../src/iceberg/scan/packed-entries.ts'
import { CountingStore, MemoryStore } from '../../src/storage/index.ts'
import { BY_REGION, collect, fileOf, MemoryTarget, newTable, NOW } from './support/iceberg-table.ts'

const regions = ['asia', 'eu', 'us', 'africa']

/** A manifest a region, three files each with ids 0-9, 10-19, 20-29. */
async function table(properties: Record<string, string> = { 'commit.manifest-merge.enabled': 'false' }) {
  const io = new CountingStore(new MemoryStore())
  const target = new MemoryTarget(newTable({ spec: BY_REGION, properties }))
  let tick = 0
  for (const region of regions) {
    const files = [0n, 10n, 20n].map((from) =>
      fileOf(
        [
          { 1: from, 2: region },
          { 1: from + 9n, 2: region },
        ],
        { spec: BY_REGION },
      ),
    )
    // A second apart: commits of one millisecond have one moment, and the later one has it.
    const now = () => NOW + 1000 * ++tick
    await new Transaction({ target, io, base: target.current, now }).append(files).commit()
  }
  return { io, metadata: target.current.metadata, target }
}
const regionIs = (value: string): Predicate => ({ op: 'eq', fieldId: 2, value })
const idIs = (value: bigint): Predicate => ({ op: 'eq', fieldId: 1, value })

describe('planFiles', () => {
  it('opens only manifests that can match, and counts what it left out', async () => {
    const { io, metadata } = await table()
    const plan = planFiles({ metadata, io, filter: { op: 'and', args: [regionIs('eu'), idIs(12n)] } })
    const tasks = await collect(plan.tasks)
    expect(tasks.map((task) => task.dataFile.partition)).toEqual([['eu']])
    expect(tasks[0]).toMatchObject({ sequenceNumber: 2n, positionDeletes: [], equalityDeletes: [] })
    expect(plan.report).toMatchObject({
      manifestsTotal: 4,
      manifestsRead: 1,
      filesTotal: 12,
      filesMatched: 1,
      filesPruned: 11,
    })
    expect(plan.report.bytesRead).toBeGreaterThan(0)
  })

  it('reads one manifest when the consumer stops after one file, or asks for one (I13)', async () => {
    const { io, metadata } = await table()
    const before = io.counters().readRequests
    const plan = planFiles({ metadata, io, filter: { op: 'true' } })
    for await (const task of plan.tasks) {
      expect(task.dataFile.recordCount).toBe(2n)
      break
    }
    // The manifest list and one manifest.
    expect(io.counters().readRequests - before).toBe(2)
    expect(plan.report.manifestsRead).toBe(1)
    const limited = planFiles({ metadata, io, filter: { op: 'true' }, limitFiles: 4 })
    expect(await collect(limited.tasks)).toHaveLength(4)
    expect(limited.report.manifestsRead).toBe(2)
  })

  it('reads nothing again with a cache, and gives the same answer', async () => {
    const { io, metadata } = await table()
    const cache = new ManifestCache({ maxBytes: 1_000_000 })
    const paths = (tasks: FileScanTask[]) => tasks.map((task) => task.dataFile.filePath)
    const plan = () => planFiles({ metadata, io, filter: idIs(5n), cache })
    const cold = paths(await collect(plan().tasks))
    const before = io.counters().readRequests
    const warm = plan()
    expect(paths(await collect(warm.tasks))).toEqual(cold)
    expect(io.counters().readRequests).toBe(before)
    expect(warm.report).toMatchObject({ bytesRead: 0, manifestsRead: 4 })
    cache.trim(0)
    expect(cache.bytes).toBe(0)
    await collect(plan().tasks)
    expect(io.counters().readRequests).toBeGreaterThan(before)
  })

  it('has no files in a table without a snapshot', async () => {
    const plan = planFiles({ metadata: newTable(), io: new MemoryStore(), filter: { op: 'true' } })
    expect(await collect(plan.tasks)).toEqual([])
    expect(plan.report.filesTotal).toBe(0)
  })

  it('stops when it is cancelled', async () => {
    const { io, metadata } = await table()
    const controller = new AbortController()
    const { tasks } = planFiles({ metadata, io, filter: { op: 'true' }, signal: controller.signal })
    const read = async () => {
      for await (const task of tasks) if (task.dataFile.recordCount === 2n) controller.abort()
    }
    await expect(read()).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('reads an older snapshot with the filter in its own schema', async () => {
    const { io, target } = await table()
    const old = target.current.metadata.currentSnapshotId
    await new Transaction({ target, io, base: target.current }).updateSchema((u) => u.drop('id')).commit()
    const { metadata } = target.current
    const count = async (more: { snapshotId?: bigint }) =>
      (await collect(planFiles({ metadata, io, filter: idIs(12n), ...more }).tasks)).length
    expect(await count(old === undefined ? {} : { snapshotId: old })).toBe(4)
    // The current schema has no such field any more: nothing can be pruned by it.
    expect(await count({})).toBe(12)
  })
})

describe('PackedEntries', () => {
  it('gives back every entry with the statistics that it had, and those alone', () => {
    const files = [
      fileOf([{ 1: -5n, 2: 'eu', 3: Number.NaN }, { 1: 1n << 62n }], { spec: BY_REGION }),
      { ...fileOf([{ 2: '' }], { spec: BY_REGION }), columnSizes: new Map([[9, 7n]]), splitOffsets: [4n] },
      { ...fileOf([]), valueCounts: new Map([[1, 0n]]), lowerBounds: new Map([[2, new Uint8Array()]]) },
    ].map(({ nanValueCounts: _dropped, ...file }) => file)
    const entries = files.map((dataFile, at) => {
      return { status: 'added', snapshotId: 1n, sequenceNumber: BigInt(at), fileSequenceNumber: 2n, dataFile } as const
    })
    const packed = new PackedEntries(entries)
    const filled = (map: ReadonlyMap<number, unknown> | undefined) => (map?.size === 0 ? undefined : map)
    const expected = entries.map(({ dataFile, ...entry }) => ({
      ...entry,
      dataFile: {
        ...dataFile,
        nullValueCounts: filled(dataFile.nullValueCounts),
        lowerBounds: filled(dataFile.lowerBounds),
        upperBounds: filled(dataFile.upperBounds),
      },
    }))
    expect(packed.entries()).toEqual(expected)
    expect(packed.head(0).dataFile.valueCounts).toBeUndefined()
    for (const [at, file] of files.entries()) {
      for (const fieldId of [1, 2, 9, 77]) {
        const type = fieldId === 2 ? ({ kind: 'string' } as const) : ({ kind: 'long' } as const)
        expect(packed.facts(at, fieldId, type)).toEqual(factsOfFile(file, fieldId, type))
      }
    }
  })
})

describe('ManifestCache', () => {
  it('stays within its bytes, drops the least recently used, and keeps no giant', async () => {
    const { io, metadata } = await table()
    const [entry] = await collect(planFiles({ metadata, io, filter: { op: 'true' }, limitFiles: 1 }).tasks)
    if (entry === undefined) throw new TypeError('the table has files')
    const manifest = {
      status: 'added',
      snapshotId: 1n,
      sequenceNumber: 1n,
      fileSequenceNumber: 1n,
      dataFile: entry.dataFile,
    } as const
    const packed = new PackedEntries([manifest])
    const one = packed.bytes
    const cache = new ManifestCache({ maxBytes: one * 5 })
    for (const name of ['a', 'b', 'c', 'd', 'e']) cache.putEntries(name, packed)
    expect(cache.entries('a')).toBeDefined()
    cache.putEntries('f', packed)
    expect(cache.bytes).toBe(one * 5)
    expect(cache.entries('b')).toBeUndefined()
    expect(cache.entries('a')).toBeDefined()
    const giant = new PackedEntries(Array.from({ length: 20 }, () => manifest))
    cache.putEntries('giant', giant)
    expect(cache.entries('giant')).toBeUndefined()
    expect(cache.bytes).toBe(one * 5)
    expect(cache.manifests('a')).toBeUndefined()
    let limit = one * 5
    const following = new ManifestCache({ maxBytes: () => limit })
    for (const name of ['a', 'b', 'c', 'd', 'e']) following.putEntries(name, packed)
    limit = one * 4
    following.putEntries('f', packed)
    expect(following.bytes).toBe(one * 4)
    expect(following.entries('f')).toBeDefined()
  })
})

describe('snapshotAt', () => {
  it('finds by id, branch or tag, and moment, and says what there is', async () => {
    const { target } = await table()
    const [first, second] = target.current.metadata.snapshots
    if (first === undefined || second === undefined) throw new TypeError('the table has snapshots')
    await target.commit(
      target.current,
      [],
      [{ action: 'set-snapshot-ref', refName: 'v1', ref: { snapshotId: first.snapshotId, type: 'tag' } }],
    )
    const metadata: TableMetadata = target.current.metadata
    expect(snapshotAt(metadata).snapshotId).toBe(metadata.currentSnapshotId)
    expect(snapshotAt(metadata, { snapshotId: second.snapshotId })).toEqual(second)
    expect(snapshotAt(metadata, { ref: 'v1' })).toEqual(first)
    expect(snapshotAt(metadata, { ref: 'main' }).snapshotId).toBe(metadata.currentSnapshotId)
    expect(snapshotAt(metadata, { timestampMs: second.timestampMs })).toEqual(second)
    expect(snapshotAt(metadata, { timestampMs: second.timestampMs - 1n })).toEqual(first)
    const unknown = expect.objectContaining({ code: 'iceberg/unknown-snapshot' }) as Error
    expect(() => snapshotAt(metadata, { timestampMs: BigInt(NOW) - 1n })).toThrow(unknown)
    expect(() => snapshotAt(metadata, { ref: 'v2' })).toThrow(unknown)
    expect(() => snapshotAt(metadata, { snapshotId: 1n })).toThrow(unknown)
    expect(() => snapshotAt(newTable())).toThrow(unknown)
  })
})
