import { describe, expect, it } from 'vitest'
import {
  applyUpdates,
  type LoadedTable,
  type NestedField,
  type PartitionSpec,
  planFiles,
  type Replacement,
  replacementUpdates,
  type Schema,
  snapshotAt,
  type TableMetadata,
  Transaction,
} from '../../src/iceberg/index.ts'
import { MemoryStore } from '../../src/storage/index.ts'
import { BY_REGION, collect, fileOf, MemoryTarget, newTable, NOW, SCHEMA } from './support/iceberg-table.ts'

const column = (id: number, name: string, type: NestedField['type'], required = false): NestedField => ({
  id,
  name,
  type,
  required,
})
const schemaWith = (...fields: NestedField[]): Schema => ({ schemaId: 0, fields, identifierFieldIds: [] })
const byColumn = (sourceId: number, name: string): PartitionSpec => ({
  specId: 0,
  fields: [{ fieldId: 1000, sourceIds: [sourceId], name, transform: { kind: 'identity' } }],
})
const replaced = (base: TableMetadata, replacement: Replacement) =>
  applyUpdates(base, replacementUpdates(base, replacement), { nowMs: NOW })
const current = (table: TableMetadata) => table.schemas.find((schema) => schema.schemaId === table.currentSchemaId)
const defaultSpec = (table: TableMetadata) => table.partitionSpecs.find((spec) => spec.specId === table.defaultSpecId)

describe('what a table becomes that is replaced', () => {
  it('gives the id of before to each path that is there, whatever its type, and ids never used to others (I3)', () => {
    const nested = newTable({
      schema: schemaWith(
        column(1, 'id', { kind: 'long' }),
        column(2, 'gone', { kind: 'string' }),
        column(3, 'place', {
          kind: 'struct',
          fields: [column(4, 'city', { kind: 'string' }), column(5, 'zip', { kind: 'int' })],
        }),
        column(6, 'tags', { kind: 'list', elementId: 7, element: { kind: 'string' }, elementRequired: false }),
      ),
    })
    // A level before its children: id 1, gone 2, place 3, tags 4, city 5, zip 6, tags.element 7.
    const next = replaced(nested, {
      schema: {
        ...schemaWith(
          column(1, 'fresh', { kind: 'int' }),
          column(2, 'place', {
            kind: 'struct',
            fields: [column(3, 'zip', { kind: 'string' }), column(4, 'country', { kind: 'string' })],
          }),
          column(5, 'tags', { kind: 'list', elementId: 6, element: { kind: 'long' }, elementRequired: true }),
          column(7, 'id', { kind: 'string' }, true),
        ),
        identifierFieldIds: [7],
      },
    })
    expect(current(next)).toEqual({
      schemaId: 1,
      fields: [
        column(8, 'fresh', { kind: 'int' }),
        column(3, 'place', {
          kind: 'struct',
          fields: [column(6, 'zip', { kind: 'string' }), column(9, 'country', { kind: 'string' })],
        }),
        column(4, 'tags', { kind: 'list', elementId: 7, element: { kind: 'long' }, elementRequired: true }),
        column(1, 'id', { kind: 'string' }, true),
      ],
      identifierFieldIds: [1],
    })
    expect(next.lastColumnId).toBe(9)
    // A column that comes back after it was gone is another one.
    const back = replaced(next, { schema: schemaWith(column(1, 'gone', { kind: 'string' })) })
    expect(current(back)?.fields).toEqual([column(10, 'gone', { kind: 'string' })])
  })

  it('refuses two fields of one dotted path, which would have one id', () => {
    const base = newTable({ schema: schemaWith(column(1, 'a.b', { kind: 'int' })) })
    const both = schemaWith(
      column(1, 'a.b', { kind: 'int' }),
      column(2, 'a', { kind: 'struct', fields: [column(3, 'b', { kind: 'int' })] }),
    )
    expect(() => replaced(base, { schema: both })).toThrow("'a.b' would mean two columns")
  })

  it('uses the schema, spec and order of the history again, and the uuid, snapshots and other properties stay', () => {
    const order = {
      orderId: 1,
      fields: [{ sourceIds: [1], transform: { kind: 'identity' }, direction: 'asc', nullOrder: 'nulls-first' }],
    } as const
    const base = newTable({ spec: BY_REGION, sortOrder: order, properties: { kept: 'a', changed: 'b' } })
    const other = replaced(base, {
      schema: schemaWith(column(1, 'id', { kind: 'string' })),
      properties: { changed: 'c' },
      location: 'memory:///lake/elsewhere/',
    })
    expect(other).toMatchObject({
      tableUuid: base.tableUuid,
      currentSchemaId: 1,
      defaultSpecId: 1,
      defaultSortOrderId: 0,
      location: 'memory:///lake/elsewhere',
      properties: { ...base.properties, kept: 'a', changed: 'c' },
    })
    const again = replaced(other, { schema: SCHEMA, spec: BY_REGION, sortOrder: order })
    // region, amount and ts are new columns by now: their names were gone.
    expect(current(again)?.fields.map((field) => field.id)).toEqual([1, 5, 6, 7])
    expect(again).toMatchObject({ currentSchemaId: 2, defaultSpecId: 2, defaultSortOrderId: 1 })
    const same = replaced(again, { schema: SCHEMA, spec: BY_REGION, sortOrder: order })
    expect(same).toMatchObject({ currentSchemaId: 2, defaultSpecId: 2, defaultSortOrderId: 1, lastColumnId: 7 })
    expect([same.schemas.length, same.partitionSpecs.length, same.sortOrders.length]).toEqual([3, 3, 2])
    expect(same.location).toBe(other.location)
  })

  it('keeps the ids of partition fields that some spec had, in any order, and takes others above the last (I3)', () => {
    const base = newTable({
      spec: {
        specId: 0,
        fields: [
          { fieldId: 1000, sourceIds: [2], name: 'region', transform: { kind: 'identity' } },
          { fieldId: 1001, sourceIds: [4], name: 'ts_day', transform: { kind: 'day' } },
        ],
      },
    })
    const next = replaced(base, {
      schema: SCHEMA,
      spec: {
        specId: 0,
        fields: [
          { fieldId: 1000, sourceIds: [1], name: 'id_bucket', transform: { kind: 'bucket', buckets: 4 } },
          { fieldId: 1001, sourceIds: [4], name: 'ts_day', transform: { kind: 'day' } },
        ],
      },
    })
    expect(defaultSpec(next)?.fields.map((field) => [field.fieldId, field.name])).toEqual([
      [1002, 'id_bucket'],
      [1001, 'ts_day'],
    ])
    expect(next.lastPartitionId).toBe(1002)
  })

  it('keeps the places of partition fields in version 1, void where they are gone', () => {
    const base = newTable({ spec: BY_REGION, formatVersion: 1 })
    const next = replaced(base, { schema: schemaWith(column(1, 'id', { kind: 'long' })) })
    expect(defaultSpec(next)?.fields).toEqual([
      { fieldId: 1000, sourceIds: [2], name: 'region', transform: { kind: 'void' } },
    ])
    // The name makes way for a column that is partitioned by again.
    const again = replaced(next, { schema: SCHEMA, spec: BY_REGION })
    expect(defaultSpec(again)?.fields).toEqual([
      { fieldId: 1000, sourceIds: [2], name: 'region_1000', transform: { kind: 'void' } },
      { fieldId: 1001, sourceIds: [5], name: 'region', transform: { kind: 'identity' } },
    ])
    const upgraded = replaced(again, { schema: SCHEMA, spec: BY_REGION, properties: { 'format-version': '2' } })
    expect(upgraded.formatVersion).toBe(2)
    expect(defaultSpec(upgraded)?.fields).toEqual([
      { fieldId: 1001, sourceIds: [5], name: 'region', transform: { kind: 'identity' } },
    ])
  })

  it('raises the format version and never lowers it', () => {
    const v3 = newTable({ formatVersion: 3 })
    expect(replaced(v3, { schema: SCHEMA, properties: { 'format-version': '3' } }).formatVersion).toBe(3)
    expect(() => replaced(v3, { schema: SCHEMA, properties: { 'format-version': '2' } })).toThrow('cannot go back to 2')
    expect(() => replaced(newTable(), { schema: SCHEMA, properties: { 'format-version': '3' } })).toThrow('3')
  })

  it('refuses columns, partitions and defaults that cannot be, as for a new table', () => {
    const base = newTable({ spec: BY_REGION })
    const twice = schemaWith(column(1, 'a', { kind: 'int' }), column(2, 'a', { kind: 'int' }))
    expect(() => replaced(base, { schema: twice })).toThrow("two columns named 'a'")
    expect(() => replaced(base, { schema: SCHEMA, spec: byColumn(9, 'x') })).toThrow('field id 9')
    const withDefault = schemaWith({ ...column(1, 'a', { kind: 'int' }), writeDefault: 1 })
    expect(() => replaced(base, { schema: withDefault })).toThrow('default value')
    expect(current(replaced(newTable({ formatVersion: 3 }), { schema: withDefault }))?.fields[0]?.writeDefault).toBe(1)
  })
})

function setUp(metadata: TableMetadata) {
  const io = new MemoryStore()
  const target = new MemoryTarget(metadata)
  const begin = (base: LoadedTable = target.current) =>
    new Transaction({ target, io, base, now: () => target.nowMs, random: () => 1, sleep: async () => {} })
  const paths = async (snapshotId?: bigint) => {
    const { metadata: from } = target.current
    const at = snapshotId === undefined ? {} : { snapshotId }
    const plan = planFiles({ metadata: from, io, filter: { op: 'true' }, ...at })
    return (await collect(plan.tasks)).map((task) => task.dataFile.filePath).sort()
  }
  const written = async () => (await collect(io.list('memory:///lake/'))).map((object) => object.uri).sort()
  return { io, target, begin, paths, written }
}

/** Region is a number by now, and partitions the table. */
const NUMBERED: Replacement = {
  schema: schemaWith(column(1, 'region', { kind: 'int' }), column(2, 'label', { kind: 'string' })),
  spec: byColumn(1, 'region'),
}
const numbered = (base: TableMetadata, region: number) => {
  const next = replaced(base, NUMBERED)
  const [spec, schema] = [defaultSpec(next), current(next)]
  return fileOf([{ 2: region, 5: 'l' }], { ...(spec && { spec }), ...(schema && { schema }) })
}
const text = (region: string) => fileOf([{ 1: 1n, 2: region }], { spec: BY_REGION })

describe('a transaction that replaces a table', () => {
  it('begins main anew, keeps what was there for time travel, branches and tags, and counts from nothing', async () => {
    const { begin, target, paths, io } = setUp(newTable({ spec: BY_REGION }))
    const old = [text('eu'), text('us')]
    const before = await begin().append(old).commit()
    const firstId = before.snapshot?.snapshotId ?? 0n
    const ref = { snapshotId: firstId, type: 'tag' } as const
    await target.commit(target.current, [], [{ action: 'set-snapshot-ref', refName: 'kept', ref }])
    const added = numbered(target.current.metadata, 7)
    const { snapshot } = await begin().replaceTable(NUMBERED, [added]).commit()
    const { metadata } = target.current
    expect(snapshot?.parentSnapshotId).toBeUndefined()
    expect(snapshot).toMatchObject({
      sequenceNumber: 2n,
      schemaId: 1,
      summary: { operation: 'append', 'total-records': '1', 'total-data-files': '1', 'changed-partition-count': '1' },
    })
    expect(metadata.snapshotLog.map((entry) => entry.snapshotId)).toEqual([firstId, snapshot?.snapshotId])
    expect(metadata.refs).toMatchObject({ main: { snapshotId: snapshot?.snapshotId }, kept: ref })
    expect(await paths()).toEqual([added.filePath])
    expect(await paths(firstId)).toEqual(old.map((file) => file.filePath).sort())
    // The old partition values are those of their time, and prune as then.
    const filter = { op: 'eq', fieldId: 2, value: 'eu' } as const
    const plan = planFiles({ metadata, io, filter, snapshotId: firstId })
    expect((await collect(plan.tasks)).map((task) => task.dataFile.partition)).toEqual([['eu']])
  })

  it('without rows leaves an empty snapshot, so that a moment after it does not show the rows before', async () => {
    const { begin, target, paths } = setUp(newTable({ spec: BY_REGION }))
    await begin()
      .append([text('eu')])
      .commit()
    const { snapshot } = await begin().replaceTable(NUMBERED, []).commit()
    expect(await paths()).toEqual([])
    const at = snapshotAt(target.current.metadata, { timestampMs: BigInt(target.nowMs + 10) })
    expect(at.snapshotId).toBe(snapshot?.snapshotId)
  })

  it('takes row ids of version 3 after those of the old rows (I18)', async () => {
    const { begin, target, io } = setUp(newTable({ spec: BY_REGION, formatVersion: 3 }))
    await begin()
      .append([text('eu'), text('us')])
      .commit()
    const added = numbered(target.current.metadata, 7)
    const { snapshot } = await begin().replaceTable(NUMBERED, [added]).commit()
    const { metadata } = target.current
    expect([snapshot?.firstRowId, snapshot?.addedRows, metadata.nextRowId]).toEqual([2n, 1n, 3n])
    const [task] = await collect(planFiles({ metadata, io, filter: { op: 'true' } }).tasks)
    expect(task?.dataFile.firstRowId).toBe(2n)
  })

  it('learns names of the new columns for files without ids, where the table has a name mapping', async () => {
    const mapping = '[{"field-id":1,"names":["id"]},{"field-id":2,"names":["region"]}]'
    const { begin, target } = setUp(newTable({ properties: { 'schema.name-mapping.default': mapping } }))
    await begin().replaceTable(NUMBERED, []).commit()
    const text = target.current.metadata.properties['schema.name-mapping.default'] ?? ''
    expect(JSON.parse(text)).toEqual([
      { 'field-id': 1, names: ['id'] },
      { 'field-id': 2, names: ['region'] },
      { 'field-id': 5, names: ['label'] },
    ])
  })

  it.each(['append', 'replace', 'schema', 'specs'] as const)(
    'does not lose what another writer did meanwhile: %s',
    async (other) => {
      const { begin, target, written } = setUp(newTable({ spec: BY_REGION }))
      await begin()
        .append([text('eu')])
        .commit()
      const base = target.current
      const added = numbered(base.metadata, 7)
      const theirs = begin()
      if (other === 'append') await theirs.append([text('us')]).commit()
      else if (other === 'replace') await theirs.replaceTable(NUMBERED, []).commit()
      else if (other === 'schema') await theirs.updateSchema((u) => u.addColumn('x', { kind: 'int' })).commit()
      else await theirs.updateSpec((u) => u.addField('id', { kind: 'bucket', buckets: 2 })).commit()
      const [files, after] = [await written(), target.current]
      await expect(begin(base).replaceTable(NUMBERED, [added]).commit()).rejects.toMatchObject({
        code: 'table/conflict',
        remedy: 'run the statement again',
      })
      expect(target.current).toBe(after)
      expect(await written()).toEqual(files)
    },
  )

  it('tries again beside a change of properties, and keeps it', async () => {
    const { begin, target, paths } = setUp(newTable({ spec: BY_REGION }))
    await begin()
      .append([text('eu')])
      .commit()
    const base = target.current
    const added = numbered(base.metadata, 7)
    await begin().setProperties({ theirs: '1' }).commit()
    target.faults.push('conflict')
    const result = await begin(base).replaceTable(NUMBERED, [added]).commit()
    expect(result.retries).toBe(1)
    expect(target.current.metadata.properties['theirs']).toBe('1')
    expect(await paths()).toEqual([added.filePath])
  })

  it('an append that the table was replaced under is refused where its columns are others, else it follows', async () => {
    for (const [replacement, isRefused] of [
      [NUMBERED, true],
      [{ schema: schemaWith(column(1, 'other', { kind: 'int' })) }, true],
      [{ schema: schemaWith(column(1, 'id', { kind: 'long' })) }, true],
      [{ schema: SCHEMA }, false],
    ] as const) {
      for (const isEmpty of [false, true]) {
        const { begin, target, paths } = setUp(newTable({ spec: BY_REGION }))
        if (!isEmpty)
          await begin()
            .append([text('eu')])
            .commit()
        const base = target.current
        await begin().replaceTable(replacement, []).commit()
        const late = text('late')
        const commit = begin(base).append([late]).commit()
        // A table without rows has no history that could show that it was replaced: columns that went are columns dropped.
        if (isRefused && !(isEmpty && replacement.schema.fields[0]?.name === 'id')) {
          await expect(commit).rejects.toMatchObject({ code: 'table/conflict' })
        } else {
          await commit
          expect(await paths()).toEqual([late.filePath])
        }
      }
    }
  })

  it('a delete or overwrite that the table was replaced under is refused', async () => {
    const { begin, target } = setUp(newTable({ spec: BY_REGION }))
    await begin()
      .append([text('eu')])
      .commit()
    const base = target.current
    await begin()
      .replaceTable({ schema: SCHEMA, spec: BY_REGION }, [text('eu')])
      .commit()
    const where = { op: 'eq', fieldId: 2, value: 'eu' } as const
    await expect(begin(base).deleteFiles({ where }).commit()).rejects.toMatchObject({ code: 'table/conflict' })
    const overwrite = begin(base).overwrite({ added: [text('eu')], dynamicPartitions: true })
    await expect(overwrite.commit()).rejects.toMatchObject({ code: 'table/conflict' })
  })

  it('finds its commit when the answer was lost, and leaves nothing behind when it was refused', async () => {
    const { begin, target, written } = setUp(newTable({ spec: BY_REGION }))
    const added = numbered(target.current.metadata, 7)
    target.faults.push('refused')
    await expect(begin().replaceTable(NUMBERED, [added]).commit()).rejects.toMatchObject({ code: 'storage/full' })
    expect(await written()).toEqual([])
    target.faults.push('lost-answer')
    const result = await begin().replaceTable(NUMBERED, [added]).commit()
    expect(result.snapshot?.snapshotId).toBe(target.current.metadata.currentSnapshotId)
  })
})
