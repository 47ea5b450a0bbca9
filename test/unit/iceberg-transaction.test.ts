import { describe, expect, it } from 'vitest'
import { IceboxError } from '../../src/base/index.ts'
import {
  type CommitResult,
  type DataFile,
  fieldByPath,
  type LoadedTable,
  ManifestSource,
  planFiles,
  type Predicate,
  schemaOf,
  snapshotAt,
  type TableMetadata,
  Transaction,
} from '../../src/iceberg/index.ts'
import { MemoryStore } from '../../src/storage/index.ts'
import { BY_REGION, collect, fileOf, MemoryTarget, newTable } from './support/iceberg-table.ts'
import { SlowDisk } from './support/slow-disk.ts'

const regionIs = (region: string): Predicate => ({ op: 'eq', fieldId: 2, value: region })
const inRegion = (region: string, id = 1n) => fileOf([{ 1: id, 2: region }], { spec: BY_REGION })

/** A table, a store, and a way to begin transactions on what is current or on something older. */
function setUp(metadata: TableMetadata = newTable({ spec: BY_REGION }), io = new MemoryStore()) {
  const target = new MemoryTarget(metadata)
  const waits: number[] = []
  const begin = (base: LoadedTable = target.current) =>
    new Transaction({
      target,
      io,
      base,
      now: () => target.nowMs,
      random: () => 1,
      sleep: async (ms) => {
        waits.push(ms)
      },
    })
  const paths = async (table: LoadedTable = target.current, snapshotId?: bigint) => {
    const { metadata: from } = table
    const plan = planFiles({
      metadata: from,
      io,
      filter: { op: 'true' },
      ...(snapshotId === undefined ? {} : { snapshotId }),
    })
    return (await collect(plan.tasks)).map((task) => task.dataFile.filePath).sort()
  }
  const written = async () => (await collect(io.list('memory:///lake/'))).map((object) => object.uri).sort()
  return { io, target, begin, paths, written, waits }
}

const sorted = (...files: DataFile[]) => files.map((file) => file.filePath).sort()
const summary = (result: CommitResult) => result.snapshot?.summary

describe('append', () => {
  it('adds files, counts them, and numbers snapshots up', async () => {
    const { begin, paths, target } = setUp()
    const [a, b] = [inRegion('eu'), inRegion('us')]
    const first = await begin()
      .append([a, b], { summary: { 'icebox.key': 'k', operation: 'mine' } })
      .commit()
    expect(summary(first)).toEqual({
      operation: 'append',
      'icebox.key': 'k',
      'added-data-files': '2',
      'added-records': '2',
      'added-files-size': '2000',
      'changed-partition-count': '2',
      'total-data-files': '2',
      'total-records': '2',
      'total-files-size': '2000',
      'total-delete-files': '0',
      'total-position-deletes': '0',
      'total-equality-deletes': '0',
    })
    const second = await begin()
      .append([inRegion('eu', 9n)])
      .commit()
    expect(second.snapshot?.parentSnapshotId).toBe(first.snapshot?.snapshotId)
    expect([first.snapshot?.sequenceNumber, second.snapshot?.sequenceNumber]).toEqual([1n, 2n])
    expect(summary(second)).toMatchObject({ 'added-data-files': '1', 'total-data-files': '3', 'total-records': '3' })
    expect(await paths()).toHaveLength(3)
    expect(await paths(target.current, first.snapshot?.snapshotId)).toEqual(sorted(a, b))
  })

  it('lets files inherit the sequence number, and keeps it when manifests are merged (I10, I12)', async () => {
    const { begin, target, io } = setUp()
    for (let n = 0; n < 25; n++)
      await begin()
        .append([inRegion('eu', BigInt(n))])
        .commit()
    const { metadata } = target.current
    const source = new ManifestSource({ metadata, io })
    const manifests = await source.manifests(snapshotAt(metadata))
    expect(manifests.length).toBeLessThan(10)
    const tasks = await collect(planFiles({ metadata, io, filter: { op: 'true' } }).tasks)
    expect(tasks.map((task) => task.sequenceNumber).sort((x, y) => Number(x - y))).toEqual(
      Array.from({ length: 25 }, (_, at) => BigInt(at + 1)),
    )
    expect(metadata.snapshots.at(-1)?.summary).toMatchObject({ 'total-data-files': '25' })
  })

  it('writes one manifest and one list a commit, and says how many bytes', async () => {
    const { begin, written, io } = setUp()
    const result = await begin()
      .append([inRegion('eu')])
      .commit()
    const files = await written()
    expect(files).toHaveLength(2)
    const sizes = await Promise.all(files.map(async (uri) => (await io.head(uri)).sizeBytes))
    expect(result).toMatchObject({ retries: 0, manifestsWritten: 1, bytesWritten: (sizes[0] ?? 0) + (sizes[1] ?? 0) })
  })

  it.each([
    ['added twice', (file: DataFile) => [file, file]],
    ['partition spec 7', (file: DataFile) => [{ ...file, specId: 7 }]],
    ['0 partition values', (file: DataFile) => [{ ...file, partition: [] }]],
    ['holds equality-deletes', (file: DataFile) => [{ ...file, content: 'equality-deletes' as const }]],
  ])('refuses files that are %s, and leaves nothing behind', async (message, files) => {
    const { begin, written, target } = setUp()
    await expect(
      begin()
        .append(files(inRegion('eu')))
        .commit(),
    ).rejects.toThrow(message)
    expect(await written()).toEqual([])
    expect(target.commits).toBe(0)
  })
})

describe('delete and overwrite of whole files', () => {
  it('deletes a partition, keeps its history, and counts', async () => {
    const { begin, paths, target } = setUp()
    const [eu, us] = [inRegion('eu'), inRegion('us')]
    const before = await begin().append([eu, us]).commit()
    const result = await begin()
      .deleteFiles({ where: regionIs('eu') })
      .commit()
    expect(summary(result)).toMatchObject({
      operation: 'delete',
      'deleted-data-files': '1',
      'deleted-records': '1',
      'removed-files-size': '1000',
      'total-data-files': '1',
      'total-records': '1',
    })
    expect(await paths()).toEqual(sorted(us))
    expect(await paths(target.current, before.snapshot?.snapshotId)).toEqual(sorted(eu, us))
    // The deleted entry is gone from the manifests of the snapshot after.
    await begin().append([eu]).commit()
    expect(await paths()).toEqual(sorted(eu, us))
  })

  it('makes no snapshot where nothing matches', async () => {
    const { begin, target, written } = setUp()
    await begin()
      .append([inRegion('eu')])
      .commit()
    const files = await written()
    const result = await begin()
      .deleteFiles({ where: regionIs('asia') })
      .commit()
    expect(result.snapshot).toBeUndefined()
    expect(target.commits).toBe(1)
    expect(await written()).toEqual(files)
  })

  it('refuses by name a file that matches in part, and leaves nothing behind', async () => {
    const { begin, written, target } = setUp()
    const mixed = fileOf(
      [
        { 1: 1n, 2: 'eu' },
        { 1: 9n, 2: 'eu' },
      ],
      { spec: BY_REGION },
    )
    await begin().append([mixed]).commit()
    const files = await written()
    const where: Predicate = { op: 'lt', fieldId: 1, value: 5n }
    await expect(begin().deleteFiles({ where }).commit()).rejects.toMatchObject({
      code: 'iceberg/unsupported',
      message: expect.stringContaining(mixed.filePath) as string,
    })
    expect(await written()).toEqual(files)
    expect(target.commits).toBe(1)
  })

  it('overwrites by filter, by the partitions of the new files, and all', async () => {
    const { begin, paths } = setUp()
    const [eu, us, asia] = [inRegion('eu'), inRegion('us'), inRegion('asia')]
    await begin().append([eu, us, asia]).commit()
    const [eu2, us2, all] = [inRegion('eu'), inRegion('us'), inRegion('eu')]
    const byFilter = await begin()
      .overwrite({ added: [eu2], deleteWhere: regionIs('eu') })
      .commit()
    expect(summary(byFilter)).toMatchObject({
      operation: 'overwrite',
      'added-data-files': '1',
      'deleted-data-files': '1',
    })
    expect(await paths()).toEqual(sorted(eu2, us, asia))
    await begin()
      .overwrite({ added: [us2], dynamicPartitions: true })
      .commit()
    expect(await paths()).toEqual(sorted(eu2, us2, asia))
    const replaced = await begin()
      .overwrite({ added: [all], replaceAll: true })
      .commit()
    expect(summary(replaced)).toMatchObject({
      'deleted-data-files': '3',
      'total-data-files': '1',
      'total-records': '1',
    })
    expect(await paths()).toEqual(sorted(all))
  })

  it('calls an overwrite of nothing an append', async () => {
    const { begin } = setUp()
    expect(
      summary(
        await begin()
          .overwrite({ added: [inRegion('eu')], replaceAll: true })
          .commit(),
      ),
    ).toMatchObject({
      operation: 'append',
    })
  })

  it('takes exactly one way to overwrite', () => {
    const { begin } = setUp()
    expect(() => begin().overwrite({ added: [] })).toThrow('exactly one')
    expect(() => begin().overwrite({ added: [], replaceAll: true, dynamicPartitions: true })).toThrow('exactly one')
  })

  it('does not replace partitions beside files of an older spec, which could hold the same rows', async () => {
    const { begin } = setUp(newTable())
    await begin()
      .append([fileOf([{ 1: 1n, 2: 'eu' }])])
      .commit()
    await begin()
      .updateSpec((spec) => spec.addField('region', { kind: 'identity' }))
      .commit()
    const added = [fileOf([{ 1: 1n, 2: 'eu' }], { spec: { ...BY_REGION, specId: 1 } })]
    await expect(begin().overwrite({ added, dynamicPartitions: true }).commit()).rejects.toMatchObject({
      code: 'iceberg/unsupported',
    })
  })
})

describe('conflicts (I6)', () => {
  const actions = {
    append: (t: Transaction, region: string) => t.append([inRegion(region)]),
    'delete eu': (t: Transaction) => t.deleteFiles({ where: regionIs('eu') }),
    'overwrite eu': (t: Transaction) => t.overwrite({ added: [inRegion('eu', 3n)], deleteWhere: regionIs('eu') }),
    'replace partition eu': (t: Transaction) => t.overwrite({ added: [inRegion('eu', 3n)], dynamicPartitions: true }),
    'replace all': (t: Transaction) => t.overwrite({ added: [inRegion('eu', 3n)], replaceAll: true }),
    schema: (t: Transaction) => t.updateSchema((u) => u.addColumn('c', { kind: 'int' })),
    properties: (t: Transaction) => t.setProperties({ a: 'b' }),
  } as const
  type Name = keyof typeof actions

  // Which transaction begun before another's commit goes through after it, at serializable isolation.
  const matrix: [Name, Name, string, 'goes through' | 'conflicts'][] = [
    ['append', 'append', 'eu', 'goes through'],
    ['append', 'delete eu', 'eu', 'goes through'],
    ['append', 'replace all', 'eu', 'goes through'],
    ['append', 'schema', 'eu', 'goes through'],
    ['delete eu', 'append', 'eu', 'conflicts'],
    ['delete eu', 'append', 'us', 'goes through'],
    ['delete eu', 'delete eu', 'eu', 'conflicts'],
    ['delete eu', 'schema', 'eu', 'goes through'],
    ['overwrite eu', 'append', 'eu', 'conflicts'],
    ['overwrite eu', 'append', 'us', 'goes through'],
    ['overwrite eu', 'delete eu', 'eu', 'conflicts'],
    ['replace partition eu', 'append', 'eu', 'conflicts'],
    ['replace partition eu', 'append', 'us', 'goes through'],
    ['replace all', 'append', 'us', 'conflicts'],
    ['replace all', 'properties', 'us', 'goes through'],
    ['properties', 'append', 'us', 'goes through'],
    ['schema', 'append', 'us', 'goes through'],
  ]
  it.each(matrix)('%s after a concurrent %s of %s %s', async (mine, other, region, expected) => {
    const { begin, target, written, paths } = setUp()
    await begin()
      .append([inRegion('eu'), inRegion('us')])
      .commit()
    const base = target.current
    await actions[other](begin(), region).commit()
    const files = await written()
    const rows = await paths()
    const commit = actions[mine](begin(base), 'eu').commit()
    if (expected === 'goes through') {
      expect((await commit).table.metadata.lastUpdatedMs).toBe(target.current.metadata.lastUpdatedMs)
    } else {
      await expect(commit).rejects.toMatchObject({ code: 'table/conflict' })
      expect(await written()).toEqual(files)
      expect(await paths()).toEqual(rows)
    }
  })

  it('under snapshot isolation new rows of others are no conflict and stay', async () => {
    const { begin, target, paths } = setUp(
      newTable({
        spec: BY_REGION,
        properties: { 'write.delete.isolation-level': 'snapshot', 'write.update.isolation-level': 'snapshot' },
      }),
    )
    await begin()
      .append([inRegion('eu')])
      .commit()
    const base = target.current
    const late = inRegion('eu')
    await begin().append([late]).commit()
    await begin(base)
      .deleteFiles({ where: regionIs('eu') })
      .commit()
    expect(await paths()).toEqual(sorted(late))
    const [mine, later] = [inRegion('eu'), inRegion('eu')]
    const second = target.current
    await begin().append([later]).commit()
    await begin(second)
      .overwrite({ added: [mine], replaceAll: true })
      .commit()
    expect(await paths()).toEqual(sorted(later, mine))
    const third = target.current
    await begin()
      .deleteFiles({ where: regionIs('eu') })
      .commit()
    await expect(
      begin(third)
        .deleteFiles({ where: regionIs('eu') })
        .commit(),
    ).rejects.toMatchObject({ code: 'table/conflict' })
  })

  it('does not delete on a history that lost its starting snapshot', async () => {
    const { begin, target } = setUp()
    await begin()
      .append([inRegion('eu')])
      .commit()
    const base = target.current
    await begin()
      .append([inRegion('us')])
      .commit()
    await begin()
      .append([inRegion('us')])
      .commit()
    const { metadata } = target.current
    const ids = metadata.snapshots.slice(0, 2).map((snapshot) => snapshot.snapshotId)
    await target.commit(target.current, [], [{ action: 'remove-snapshots', snapshotIds: ids }])
    await expect(
      begin(base)
        .deleteFiles({ where: regionIs('eu') })
        .commit(),
    ).rejects.toMatchObject({ code: 'table/conflict' })
  })

  it('does not commit files whose field ids another writer took meanwhile', async () => {
    const { begin, target, written } = setUp()
    const base = target.current
    await begin()
      .updateSchema((u) => u.addColumn('theirs', { kind: 'int' }))
      .commit()
    const files = await written()
    const commit = begin(base)
      .updateSchema((u) => u.addColumn('mine', { kind: 'int' }))
      .append([inRegion('eu')])
      .commit()
    await expect(commit).rejects.toMatchObject({ code: 'table/conflict' })
    expect(await written()).toEqual(files)
    // Without new columns of its own the append fits the wider schema.
    await begin(base)
      .append([inRegion('eu')])
      .commit()
    expect(target.current.metadata.currentSchemaId).toBe(1)
  })

  it('does not append to a column that became required meanwhile, since its files may hold nulls', async () => {
    const { begin, target } = setUp()
    const base = target.current
    await begin()
      .updateSchema((u) => u.requireColumn('id'))
      .commit()
    await expect(
      begin(base)
        .append([inRegion('eu')])
        .commit(),
    ).rejects.toMatchObject({
      code: 'table/conflict',
      message: expect.stringContaining("'id' required") as string,
    })
    await begin()
      .append([inRegion('eu')])
      .commit()
    expect(target.current.metadata.snapshots).toHaveLength(1)
  })

  it('two writers that add a column each get both, with ids of their own', async () => {
    const { begin, target } = setUp()
    const base = target.current
    await begin(base)
      .updateSchema((u) => u.addColumn('b', { kind: 'int' }))
      .commit()
    const result = await begin(base)
      .updateSchema((u) => u.addColumn('c', { kind: 'int' }))
      .commit()
    const schema = schemaOf(result.table.metadata)
    expect([fieldByPath(schema, 'b')?.id, fieldByPath(schema, 'c')?.id]).toEqual([5, 6])
    await expect(
      begin(base)
        .updateSchema((u) => u.addColumn('b', { kind: 'long' }))
        .commit(),
    ).rejects.toMatchObject({
      code: 'iceberg/invalid-change',
    })
  })
})

describe('the commit loop (I5, I7)', () => {
  it('loses a race, rebases, and both appends are kept', async () => {
    const { begin, target, paths, written, waits } = setUp()
    const base = target.current
    const [a, b] = [inRegion('eu'), inRegion('us')]
    await begin(base).append([a]).commit()
    const result = await begin(base).append([b]).commit()
    expect(result.retries).toBe(1)
    expect(await paths()).toEqual(sorted(a, b))
    expect(waits).toEqual([20])
    // Two manifests and two lists: what the lost attempt wrote is gone.
    expect(await written()).toHaveLength(4)
  })

  it('gives up after commit.retry.num-retries, each wait twice the last, and leaves nothing behind', async () => {
    const { begin, target, written, waits } = setUp(
      newTable({
        spec: BY_REGION,
        properties: {
          'commit.retry.num-retries': '3',
          'commit.retry.min-wait-ms': '8',
          'commit.retry.max-wait-ms': '20',
        },
      }),
    )
    target.faults.push('conflict', 'conflict', 'conflict', 'conflict')
    await expect(
      begin()
        .append([inRegion('eu')])
        .commit(),
    ).rejects.toMatchObject({ code: 'catalog/commit-conflict' })
    expect(waits).toEqual([8, 16, 20])
    expect(await written()).toEqual([])
  })

  it('removes its files after a refused commit', async () => {
    const { begin, target, written } = setUp()
    target.faults.push('refused')
    await expect(
      begin()
        .append([inRegion('eu')])
        .commit(),
    ).rejects.toMatchObject({ code: 'storage/full' })
    expect(await written()).toEqual([])
  })

  it('finds its commit when the answer was lost', async () => {
    const { begin, target, paths } = setUp()
    target.faults.push('lost-answer')
    const file = inRegion('eu')
    const result = await begin().append([file]).commit()
    expect(result.snapshot?.snapshotId).toBe(target.current.metadata.currentSnapshotId)
    expect(await paths()).toEqual(sorted(file))
    expect(target.commits).toBe(1)
  })

  it('finds a lost commit without a snapshot by its metadata file', async () => {
    const { begin, target } = setUp()
    target.faults.push('lost-answer', 'lost-before')
    await begin().setProperties({ a: '1' }).commit()
    expect(target.current.metadata.properties['a']).toBe('1')
    await expect(begin().setProperties({ a: '2' }).commit()).rejects.toMatchObject({ code: 'catalog/commit-unknown' })
  })

  it('leaves its files alone when it cannot find out what happened', async () => {
    const { begin, target, written } = setUp()
    target.faults.push('lost-before')
    await expect(
      begin()
        .append([inRegion('eu')])
        .commit(),
    ).rejects.toMatchObject({ code: 'catalog/commit-unknown' })
    expect(await written()).toHaveLength(2)
  })

  it('removes its files when writing fails midway', async () => {
    const { io, target, written } = setUp()
    const full = new Proxy(io, {
      get: (store, key) => {
        const value: unknown = Reflect.get(store, key)
        if (key === 'createUnflushed') {
          return async (uri: string, ...rest: [Uint8Array]) => {
            if (uri.includes('/snap-')) throw new Error('disk full')
            return await store.createUnflushed(uri, ...rest)
          }
        }
        return typeof value === 'function' ? value.bind(store) : value
      },
    })
    const transaction = new Transaction({ target, io: full, base: target.current })
    await expect(transaction.append([inRegion('eu')]).commit()).rejects.toThrow('disk full')
    expect(await written()).toEqual([])
  })

  it('names its files to the catalog only when they are on the disk, and removes them when they cannot be', async () => {
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    for (const failing of ['none', 'data', 'manifest', 'list'] as const) {
      const disk = new SlowDisk()
      const { flushes } = disk
      const { target, written } = setUp(undefined, disk)
      const durable = disk.flushOf('rows.parquet')
      const transaction = new Transaction({ target, io: disk, base: target.current, durable })
      const commit = transaction.append([inRegion('eu')]).commit()
      const end =
        failing === 'none'
          ? expect(commit).resolves.toBeDefined()
          : expect(commit).rejects.toMatchObject({ code: 'cancelled' })
      while (flushes.length < 3) await turn()
      const kinds = { data: '.parquet', manifest: '-m0.avro', list: '/snap-' }
      // The one that fails, or the last of all, comes after the others.
      const late = failing === 'none' ? 'list' : failing
      for (const { uri, end: flushed } of flushes) if (!uri.includes(kinds[late])) flushed()
      await turn()
      expect(target.commits).toBe(0)
      const last = flushes.find(({ uri }) => uri.includes(kinds[late]))
      if (failing === 'none') last?.end()
      else last?.fail(new IceboxError('cancelled', { message: 'stopped' }))
      await end
      expect(target.commits).toBe(failing === 'none' ? 1 : 0)
      expect(await written()).toHaveLength(failing === 'none' ? 2 : 0)
    }
  })

  it('stops at a cancel before the commit and leaves nothing behind', async () => {
    const { io, target, written } = setUp()
    const controller = new AbortController()
    const transaction = new Transaction({ target, io, base: target.current, signal: controller.signal })
    controller.abort()
    await expect(transaction.append([inRegion('eu')]).commit()).rejects.toMatchObject({ code: 'cancelled' })
    expect(await written()).toEqual([])
    expect(target.commits).toBe(0)
  })

  it('commits several actions at once or not at all', async () => {
    const { begin, target } = setUp(newTable())
    const result = await begin()
      .updateSchema((u) => u.addColumn('extra', { kind: 'int' }))
      .updateSpec((u) => u.addField('region', { kind: 'identity' }))
      .setProperties({ owner: 'me' })
      .append([fileOf([{ 1: 1n, 2: 'eu' }], { spec: { ...BY_REGION, specId: 1 } })])
      .commit()
    expect(target.commits).toBe(1)
    expect(result.table.metadata).toMatchObject({ currentSchemaId: 1, defaultSpecId: 1, properties: { owner: 'me' } })
    expect(result.snapshot?.schemaId).toBe(1)
    await expect(
      begin()
        .setProperties({ owner: 'you' })
        .updateSchema((u) => u.drop('nope'))
        .commit(),
    ).rejects.toThrow('nope')
    expect(target.current.metadata.properties['owner']).toBe('me')
  })

  it('is used once', async () => {
    const { begin } = setUp()
    const transaction = begin().append([inRegion('eu')])
    await transaction.commit()
    await expect(transaction.commit()).rejects.toMatchObject({ code: 'usage/invalid' })
  })
})

describe('spec, order, properties, format version', () => {
  it('names fields as others do, and uses ids and specs of the history again', async () => {
    const { begin, target } = setUp(newTable())
    await begin()
      .updateSpec((u) => u.addField('id', { kind: 'bucket', buckets: 16 }).addField('ts', { kind: 'day' }))
      .commit()
    expect(target.current.metadata.partitionSpecs[1]?.fields).toEqual([
      { fieldId: 1000, sourceIds: [1], name: 'id_bucket_16', transform: { kind: 'bucket', buckets: 16 } },
      { fieldId: 1001, sourceIds: [4], name: 'ts_day', transform: { kind: 'day' } },
    ])
    await begin()
      .updateSpec((u) => u.removeField('id_bucket_16'))
      .commit()
    await begin()
      .updateSpec((u) => u.addField('region', { kind: 'truncate', width: 2 }).removeField('ts_day'))
      .commit()
    await begin()
      .updateSpec((u) => u.removeField('region_trunc_2').addField('ts', { kind: 'day' }))
      .commit()
    const { metadata } = target.current
    expect(metadata.defaultSpecId).toBe(2)
    expect(metadata.partitionSpecs).toHaveLength(4)
    expect(metadata.lastPartitionId).toBe(1002)
  })

  it('a field that is added again to a version 1 table goes back to its place: no id stands twice in a spec', async () => {
    const { begin, target } = setUp(newTable({ spec: BY_REGION, formatVersion: 1 }))
    await begin()
      .updateSpec((u) => u.removeField('region').addField('id', { kind: 'identity' }))
      .commit()
    await begin()
      .updateSpec((u) => u.addField('region', { kind: 'identity' }))
      .commit()
    const region = { fieldId: 1000, sourceIds: [2], name: 'region', transform: { kind: 'identity' } }
    const id = { fieldId: 1001, sourceIds: [1], name: 'id', transform: { kind: 'identity' } }
    const { metadata } = target.current
    expect(metadata.partitionSpecs.map((spec) => spec.fields)).toEqual([
      [region],
      [{ ...region, transform: { kind: 'void' } }, id],
      [region, id],
    ])
    await begin()
      .updateSpec((u) => u.removeField('region').addField('region', { kind: 'identity' }, 'again'))
      .commit()
    expect(target.current.metadata.partitionSpecs[3]?.fields).toEqual([{ ...region, name: 'again' }, id])
  })

  it('an id of version 1 that another field has meanwhile is not used again', async () => {
    // Metadata of version 1 may lack the ids: they are then the places, in each spec anew.
    const byId = { fieldId: 1000, sourceIds: [1], name: 'id', transform: { kind: 'identity' as const } }
    const table = newTable({ spec: BY_REGION, formatVersion: 1 })
    const specs = [...table.partitionSpecs, { specId: 1, fields: [byId] }]
    const { begin, target } = setUp({ ...table, partitionSpecs: specs, defaultSpecId: 1 })
    await begin()
      .updateSpec((u) => u.addField('region', { kind: 'identity' }))
      .commit()
    const added = { fieldId: 1001, sourceIds: [2], name: 'region', transform: { kind: 'identity' } }
    expect(target.current.metadata.partitionSpecs[2]?.fields).toEqual([byId, added])
  })

  it.each([
    ["no column 'nope'", (t: Transaction) => t.updateSpec((u) => u.addField('nope', { kind: 'day' }))],
    ['day does not take', (t: Transaction) => t.updateSpec((u) => u.addField('id', { kind: 'day' }))],
    ['partitioned by identity', (t: Transaction) => t.updateSpec((u) => u.addField('region', { kind: 'identity' }))],
    ['there are: region', (t: Transaction) => t.updateSpec((u) => u.removeField('x'))],
    ['the name of a column', (t: Transaction) => t.updateSpec((u) => u.addField('ts', { kind: 'day' }, 'id'))],
    ['partitioned by it', (t: Transaction) => t.updateSchema((u) => u.drop('region'))],
  ])('refuses with "%s"', async (message, change) => {
    const { begin } = setUp()
    await expect(change(begin()).commit()).rejects.toMatchObject({
      code: 'iceberg/invalid-change',
      message: expect.stringContaining(message) as string,
    })
  })

  it('replaces the sort order, and does not drop a column that sorts', async () => {
    const { begin, target } = setUp()
    const byTime = {
      sourceIds: [4],
      transform: { kind: 'identity' },
      direction: 'desc',
      nullOrder: 'nulls-last',
    } as const
    await begin().replaceSortOrder([byTime]).commit()
    expect(target.current.metadata.defaultSortOrderId).toBe(1)
    await expect(
      begin()
        .updateSchema((u) => u.drop('ts'))
        .commit(),
    ).rejects.toThrow('sorted')
    await begin().replaceSortOrder([]).commit()
    expect(target.current.metadata.defaultSortOrderId).toBe(0)
    await begin().replaceSortOrder([byTime]).commit()
    expect(target.current.metadata).toMatchObject({ defaultSortOrderId: 1, sortOrders: { length: 2 } })
  })

  it('sets and removes properties, and commits nothing where nothing changes', async () => {
    const { begin, target } = setUp()
    await begin().setProperties({ a: '1' }).commit()
    expect(target.current.metadata.properties['a']).toBe('1')
    await begin().removeProperties(['a', 'not-there']).commit()
    expect(target.current.metadata.properties['a']).toBeUndefined()
    const before = target.commits
    await begin().removeProperties(['a']).setProperties({ 'format-version': '2' }).commit()
    expect(target.commits).toBe(before)
  })

  it('writes version 1 tables as version 1, merges them, and numbers only what follows an upgrade', async () => {
    const { begin, target, paths, io } = setUp(newTable({ spec: BY_REGION, formatVersion: 1 }))
    const files = Array.from({ length: 12 }, (_, at) => inRegion(at % 2 === 0 ? 'eu' : 'us'))
    for (const file of files) await begin().append([file]).commit()
    await begin()
      .deleteFiles({ where: regionIs('us') })
      .commit()
    const kept = files.filter((_, at) => at % 2 === 0)
    expect(await paths()).toEqual(sorted(...kept))
    expect(target.current.metadata).toMatchObject({ formatVersion: 1, lastSequenceNumber: 0n })
    expect(target.current.metadata.snapshots.map((snapshot) => snapshot.sequenceNumber)).toEqual(Array(13).fill(0n))
    const last = inRegion('us')
    await begin().setProperties({ 'format-version': '2' }).append([last]).commit()
    expect(target.current.metadata).toMatchObject({ formatVersion: 2, lastSequenceNumber: 1n })
    const tasks = await collect(planFiles({ metadata: target.current.metadata, io, filter: { op: 'true' } }).tasks)
    const numbers = new Map(tasks.map((task) => [task.dataFile.filePath, task.sequenceNumber]))
    expect([...numbers.values()].filter((number) => number === 0n)).toHaveLength(6)
    expect(numbers.get(last.filePath)).toBe(1n)
  })

  it('keeps row lineage of a version 3 table: row ids are taken once (I18)', async () => {
    const { begin, target, io } = setUp(newTable({ formatVersion: 3 }))
    for (let n = 0; n < 12; n++)
      await begin()
        .append([fileOf([{ 1: BigInt(n) }, { 1: BigInt(n) }])])
        .commit()
    const { metadata } = target.current
    const tasks = await collect(planFiles({ metadata, io, filter: { op: 'true' } }).tasks)
    const firstRowIds = new Set(tasks.map((task) => task.dataFile.firstRowId))
    expect(firstRowIds.size).toBe(12)
    for (const id of firstRowIds) expect(id).toBeLessThan(metadata.nextRowId ?? 0n)
  })
})
