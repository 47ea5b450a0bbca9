import { describe, expect, it } from 'vitest'
import {
  applyUpdates,
  checkRequirements,
  nextMetadataLocation,
  removedMetadataFiles,
  type Snapshot,
  type TableMetadata,
  type TableUpdate,
} from '../../src/iceberg/index.ts'
import { BY_REGION, newTable, NOW, SCHEMA } from './support/iceberg-table.ts'

const snapshot = (id: bigint, sequenceNumber: bigint, parent?: bigint): Snapshot => ({
  snapshotId: id,
  ...(parent === undefined ? {} : { parentSnapshotId: parent }),
  sequenceNumber,
  timestampMs: BigInt(NOW) + sequenceNumber,
  manifestList: `memory:///lake/t/metadata/snap-${id}.avro`,
  summary: { operation: 'append' },
})
const toMain = (id: bigint): TableUpdate => ({
  action: 'set-snapshot-ref',
  refName: 'main',
  ref: { snapshotId: id, type: 'branch' },
})
const apply = (base: TableMetadata, ...updates: TableUpdate[]) => applyUpdates(base, updates, { nowMs: NOW })

describe('metadata of a new table', () => {
  it('gives ids a level before its children, and the spec and the order follow (I3)', () => {
    const table = newTable({
      schema: {
        schemaId: 7,
        identifierFieldIds: [30],
        fields: [
          {
            id: 10,
            name: 'a',
            required: false,
            type: { kind: 'struct', fields: [{ id: 20, name: 'b', type: { kind: 'int' }, required: false }] },
          },
          { id: 30, name: 'c', type: { kind: 'long' }, required: true },
        ],
      },
      spec: {
        specId: 5,
        fields: [{ fieldId: 1, sourceIds: [30], name: 'c_bucket', transform: { kind: 'bucket', buckets: 4 } }],
      },
      sortOrder: {
        orderId: 9,
        fields: [{ sourceIds: [20], transform: { kind: 'identity' }, direction: 'asc', nullOrder: 'nulls-first' }],
      },
    })
    expect(table.schemas[0]?.fields.map((field) => field.id)).toEqual([1, 2])
    expect(table.schemas[0]?.identifierFieldIds).toEqual([2])
    expect(table.lastColumnId).toBe(3)
    expect(table.partitionSpecs).toEqual([
      {
        specId: 0,
        fields: [{ fieldId: 1000, sourceIds: [2], name: 'c_bucket', transform: { kind: 'bucket', buckets: 4 } }],
      },
    ])
    expect(table.lastPartitionId).toBe(1000)
    expect(table.sortOrders[0]?.fields[0]?.sourceIds).toEqual([3])
    expect(table.defaultSortOrderId).toBe(1)
    expect(newTable().lastPartitionId).toBe(999)
  })

  it('keeps few old metadata files unless the creator says otherwise (I8)', () => {
    expect(newTable().properties).toEqual({
      'write.metadata.delete-after-commit.enabled': 'true',
      'write.metadata.previous-versions-max': '20',
    })
    expect(
      newTable({ properties: { 'write.metadata.previous-versions-max': '3', 'format-version': '2' } }).properties,
    ).toEqual({
      'write.metadata.delete-after-commit.enabled': 'true',
      'write.metadata.previous-versions-max': '3',
    })
  })

  it('refuses a schema that cannot be', () => {
    const column = { id: 1, name: 'x', type: { kind: 'long' }, required: false } as const
    const twice = { schemaId: 0, identifierFieldIds: [], fields: [column, { ...column, id: 2 }] }
    expect(() => newTable({ schema: twice })).toThrow("two columns named 'x'")
    expect(() => newTable({ schema: { ...twice, fields: [] } })).toThrow('no columns')
    expect(() => newTable({ schema: { schemaId: 0, identifierFieldIds: [1], fields: [column] } })).toThrow('optional')
    const inStruct = { ...column, id: 2, name: 'a', type: { kind: 'struct', fields: [{ ...column, id: 3 }] } } as const
    const dotted = { ...twice, fields: [{ ...column, name: 'a.x' }, inStruct] }
    expect(() => newTable({ schema: dotted })).toThrow("'a.x' would mean two columns")
    const nanoseconds = { ...column, type: { kind: 'timestamp_ns' } } as const
    expect(() => newTable({ schema: { schemaId: 0, identifierFieldIds: [], fields: [nanoseconds] } })).toThrow(
      'timestamp_ns',
    )
    const month = { fieldId: 1, sourceIds: [1], name: 'm', transform: { kind: 'month' } } as const
    expect(() => newTable({ spec: { specId: 0, fields: [month] } })).toThrow("month does not take 'id' of type long")
  })
})

describe('applyUpdates', () => {
  it('adds a snapshot, moves main and logs it', () => {
    const base = newTable()
    const next = apply(base, { action: 'add-snapshot', snapshot: snapshot(11n, 1n) }, toMain(11n))
    expect(next.currentSnapshotId).toBe(11n)
    expect(next.lastSequenceNumber).toBe(1n)
    expect(next.refs).toEqual({ main: { snapshotId: 11n, type: 'branch' } })
    expect(next.snapshotLog).toEqual([{ timestampMs: BigInt(NOW) + 1n, snapshotId: 11n }])
    expect(next.lastUpdatedMs).toBe(BigInt(NOW) + 1n)
    expect(base.snapshots).toEqual([])
  })

  it('does not log snapshots that were current only within the list of updates', () => {
    const next = apply(
      newTable(),
      { action: 'add-snapshot', snapshot: snapshot(11n, 1n) },
      toMain(11n),
      { action: 'add-snapshot', snapshot: snapshot(12n, 2n, 11n) },
      toMain(12n),
    )
    expect(next.snapshotLog.map((entry) => entry.snapshotId)).toEqual([12n])
    expect(next.snapshots.map((known) => known.snapshotId)).toEqual([11n, 12n])
  })

  it('refuses a sequence number that does not grow, a snapshot twice and an unknown snapshot', () => {
    const base = apply(newTable(), { action: 'add-snapshot', snapshot: snapshot(11n, 5n) }, toMain(11n))
    expect(() => apply(base, { action: 'add-snapshot', snapshot: snapshot(12n, 5n, 11n) })).toThrow('not above 5')
    expect(() => apply(base, { action: 'add-snapshot', snapshot: snapshot(11n, 6n, 11n) })).toThrow('already')
    expect(() => apply(base, toMain(99n))).toThrow('99')
  })

  it('never lowers the last ids, and uses an equal historic schema, spec and order again (I3)', () => {
    const base = newTable({ spec: BY_REGION })
    const wider = {
      ...SCHEMA,
      fields: [...SCHEMA.fields, { id: 5, name: 'x', type: { kind: 'int' }, required: false } as const],
    }
    const added = apply(base, { action: 'add-schema', schema: wider }, { action: 'set-current-schema', schemaId: -1 })
    expect([added.lastColumnId, added.currentSchemaId]).toEqual([5, 1])
    const back = apply(
      added,
      { action: 'add-schema', schema: { ...SCHEMA, schemaId: 99 } },
      { action: 'set-current-schema', schemaId: -1 },
    )
    expect([back.lastColumnId, back.currentSchemaId, back.schemas.length]).toEqual([5, 0, 2])

    const plain = apply(
      base,
      { action: 'add-spec', spec: { specId: 0, fields: [] } },
      { action: 'set-default-spec', specId: -1 },
    )
    expect([plain.defaultSpecId, plain.lastPartitionId]).toEqual([1, 1000])
    const again = apply(
      plain,
      { action: 'add-spec', spec: { ...BY_REGION, specId: 44 } },
      { action: 'set-default-spec', specId: -1 },
    )
    expect([again.defaultSpecId, again.partitionSpecs.length]).toEqual([0, 2])
  })

  it('forgets the log before a removed snapshot, its refs and its statistics', () => {
    let table = newTable()
    for (let n = 1n; n <= 4n; n++) {
      table = apply(
        table,
        { action: 'add-snapshot', snapshot: snapshot(n, n, n === 1n ? undefined : n - 1n) },
        toMain(n),
      )
    }
    table = apply(table, { action: 'set-snapshot-ref', refName: 'old', ref: { snapshotId: 2n, type: 'tag' } })
    table = { ...table, extra: { statistics: [{ 'snapshot-id': 2 }, { 'snapshot-id': 4 }], other: true } }
    const next = apply(table, { action: 'remove-snapshots', snapshotIds: [2n] })
    expect(next.snapshotLog.map((entry) => entry.snapshotId)).toEqual([3n, 4n])
    expect(Object.keys(next.refs)).toEqual(['main'])
    expect(next.extra).toEqual({ statistics: [{ 'snapshot-id': 4 }], other: true })
    expect(() => apply(table, { action: 'remove-snapshots', snapshotIds: [4n] })).toThrow('current')
  })

  it('cuts the metadata log and names the files that fell out only where they are to be deleted (I8)', () => {
    let table = newTable({ properties: { 'write.metadata.previous-versions-max': '2' } })
    const removed: string[][] = []
    for (let n = 0; n < 4; n++) {
      const next = applyUpdates(table, [{ action: 'set-properties', updates: { n: String(n) } }], {
        nowMs: NOW + n,
        previousMetadataLocation: `m${n}`,
      })
      removed.push(removedMetadataFiles(table, next))
      table = next
    }
    expect(table.metadataLog.map((entry) => entry.metadataFile)).toEqual(['m2', 'm3'])
    expect(removed).toEqual([[], [], ['m0'], ['m1']])
    const keeping = applyUpdates(
      table,
      [{ action: 'set-properties', updates: { 'write.metadata.delete-after-commit.enabled': 'false' } }],
      {
        nowMs: NOW,
        previousMetadataLocation: 'm4',
      },
    )
    expect(removedMetadataFiles(table, keeping)).toEqual([])
  })

  it('shares what it does not touch, so that printing can reuse its text', () => {
    const one = apply(newTable(), { action: 'add-snapshot', snapshot: snapshot(1n, 1n) }, toMain(1n))
    const two = apply(one, { action: 'add-snapshot', snapshot: snapshot(2n, 2n, 1n) }, toMain(2n))
    expect(two.snapshots[0]).toBe(one.snapshots[0])
  })

  it('goes up in format version and never down', () => {
    const first = newTable({ formatVersion: 1 })
    expect(apply(first, { action: 'upgrade-format-version', formatVersion: 2 }).formatVersion).toBe(2)
    expect(() => apply(newTable(), { action: 'upgrade-format-version', formatVersion: 1 })).toThrow('cannot go back')
  })
})

describe('checkRequirements', () => {
  const table = apply(newTable(), { action: 'add-snapshot', snapshot: snapshot(11n, 1n) }, toMain(11n))

  it('passes what holds', () => {
    checkRequirements(undefined, [{ type: 'assert-create' }])
    checkRequirements(table, [
      { type: 'assert-table-uuid', uuid: table.tableUuid.toUpperCase() },
      { type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: 11n },
      { type: 'assert-ref-snapshot-id', ref: 'other', snapshotId: null },
      { type: 'assert-last-assigned-field-id', lastAssignedFieldId: 4 },
      { type: 'assert-current-schema-id', currentSchemaId: 0 },
      { type: 'assert-last-assigned-partition-id', lastAssignedPartitionId: 999 },
      { type: 'assert-default-spec-id', defaultSpecId: 0 },
      { type: 'assert-default-sort-order-id', defaultSortOrderId: 0 },
    ])
    expect(table.currentSnapshotId).toBe(11n)
  })

  it.each([
    [{ type: 'assert-create' }],
    [{ type: 'assert-table-uuid', uuid: 'other' }],
    [{ type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: null }],
    [{ type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: 12n }],
    [{ type: 'assert-last-assigned-field-id', lastAssignedFieldId: 3 }],
    [{ type: 'assert-current-schema-id', currentSchemaId: 1 }],
    [{ type: 'assert-last-assigned-partition-id', lastAssignedPartitionId: 1000 }],
    [{ type: 'assert-default-spec-id', defaultSpecId: 1 }],
    [{ type: 'assert-default-sort-order-id', defaultSortOrderId: 1 }],
  ] as const)('calls %o a conflict that may be tried again', (requirement) => {
    expect(() => checkRequirements(table, [requirement])).toThrow(
      expect.objectContaining({ code: 'catalog/commit-conflict', retryable: true }),
    )
  })
})

describe('nextMetadataLocation', () => {
  it('counts up from the name before', () => {
    const next = (previous: string | undefined, properties = {}) =>
      nextMetadataLocation('s3://b/t/', previous, 'U', properties)
    expect(next(undefined)).toBe('s3://b/t/metadata/00000-U.metadata.json')
    expect(next('')).toBe('s3://b/t/metadata/00000-U.metadata.json')
    expect(next('s3://b/t/metadata/00009-abc.metadata.json')).toBe('s3://b/t/metadata/00010-U.metadata.json')
    expect(next('s3://b/t/metadata/v7.metadata.json')).toBe('s3://b/t/metadata/00008-U.metadata.json')
    expect(next('s3://b/t/metadata/99999-abc.gz.metadata.json')).toBe('s3://b/t/metadata/100000-U.metadata.json')
    expect(next('elsewhere.json')).toBe('s3://b/t/metadata/00000-U.metadata.json')
    expect(next(undefined, { 'write.metadata.compression-codec': 'gzip' })).toBe(
      's3://b/t/metadata/00000-U.gz.metadata.json',
    )
    expect(next(undefined, { 'write.metadata.path': 's3://m/t' })).toBe('s3://m/t/00000-U.metadata.json')
  })
})
