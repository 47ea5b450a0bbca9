import { describe, expect, it } from 'vitest'
import { type DataFile, encodeValue, type ManifestEntry, type PartitionSpec } from '../../src/iceberg/index.ts'
import { DeleteIndex } from '../../src/iceberg/scan/index.ts'
import { BY_REGION, fileOf, SCHEMA } from './support/iceberg-table.ts'

const FILE_PATH_ID = 2147483546
const UNPARTITIONED: PartitionSpec = { specId: 1, fields: [] }
const data = (path: string, region = 'eu') => fileOf([{ 1: 5n, 2: region }], { spec: BY_REGION, path })

const deletes = (content: 'position-deletes' | 'equality-deletes', more: Partial<DataFile> = {}): DataFile => ({
  content,
  filePath: `d-${more.filePath ?? content}`,
  fileFormat: 'parquet',
  specId: 0,
  partition: ['eu'],
  recordCount: 1n,
  fileSizeInBytes: 1n,
  ...(content === 'equality-deletes' ? { equalityIds: [1] } : {}),
  ...more,
})
const text = (value: string) => new Map([[FILE_PATH_ID, encodeValue({ kind: 'string' }, value)]])
const entry = (dataFile: DataFile, sequenceNumber: bigint): ManifestEntry => ({
  status: 'added',
  snapshotId: 1n,
  sequenceNumber,
  fileSequenceNumber: sequenceNumber,
  dataFile,
})
function indexOf(...entries: [DataFile, bigint][]): DeleteIndex {
  const index = new DeleteIndex(SCHEMA, [BY_REGION, UNPARTITIONED])
  for (const [file, sequenceNumber] of entries) index.add(entry(file, sequenceNumber))
  return index
}

describe('DeleteIndex (Iceberg spec, "Scan Planning"; I16, I17)', () => {
  it('applies position deletes to data as old as they are, equality deletes only to older data', () => {
    const position = deletes('position-deletes')
    const equality = deletes('equality-deletes')
    const index = indexOf([position, 5n], [equality, 5n])
    expect(index.forFile(data('a'), 4n)).toEqual({ positionDeletes: [position], equalityDeletes: [equality] })
    expect(index.forFile(data('a'), 5n)).toEqual({ positionDeletes: [position], equalityDeletes: [] })
    expect(index.forFile(data('a'), 6n)).toEqual({ positionDeletes: [], equalityDeletes: [] })
  })

  it('applies deletes only within their partition and spec', () => {
    const index = indexOf([deletes('position-deletes'), 5n], [deletes('equality-deletes'), 5n])
    expect(index.forFile(data('a', 'us'), 1n)).toEqual({ positionDeletes: [], equalityDeletes: [] })
    const elsewhere = fileOf([{ 1: 5n }], { spec: UNPARTITIONED })
    expect(index.forFile(elsewhere, 1n)).toEqual({ positionDeletes: [], equalityDeletes: [] })
  })

  it('applies equality deletes of an unpartitioned spec to all data, and its position deletes only to its own', () => {
    const equality = deletes('equality-deletes', { specId: 1, partition: [] })
    const position = deletes('position-deletes', { specId: 1, partition: [] })
    const index = indexOf([equality, 5n], [position, 5n])
    expect(index.forFile(data('a', 'us'), 1n)).toEqual({ positionDeletes: [], equalityDeletes: [equality] })
    expect(index.forFile(fileOf([{ 1: 5n }], { spec: UNPARTITIONED }), 1n)).toEqual({
      positionDeletes: [position],
      equalityDeletes: [equality],
    })
  })

  it('finds the partition of a column that was widened from int to long', () => {
    const byId: PartitionSpec = {
      specId: 0,
      fields: [{ fieldId: 1000, sourceIds: [1], name: 'id', transform: { kind: 'identity' } }],
    }
    const index = new DeleteIndex(SCHEMA, [byId])
    index.add(entry(deletes('position-deletes', { partition: [7] }), 5n))
    expect(index.forFile(fileOf([{ 1: 7n }], { spec: byId }), 1n).positionDeletes).toHaveLength(1)
  })

  it('leaves out position deletes that are about other files', () => {
    const named = deletes('position-deletes', { filePath: 'n', referencedDataFile: 'm' })
    const bounded = deletes('position-deletes', { filePath: 'b', lowerBounds: text('m'), upperBounds: text('m') })
    const ranged = deletes('position-deletes', { filePath: 'r', lowerBounds: text('k'), upperBounds: text('p') })
    const index = indexOf([named, 5n], [bounded, 5n], [ranged, 5n])
    expect(index.forFile(data('m'), 1n).positionDeletes).toEqual([named, bounded, ranged])
    expect(index.forFile(data('n'), 1n).positionDeletes).toEqual([ranged])
    expect(index.forFile(data('z'), 1n).positionDeletes).toEqual([])
    expect(index.forFile(data('a'), 1n).positionDeletes).toEqual([])
  })

  it('leaves out equality deletes whose values are out of the range of the file', () => {
    const ofValue = (id: bigint, nulls: bigint) =>
      deletes('equality-deletes', {
        lowerBounds: new Map([[1, encodeValue({ kind: 'long' }, id)]]),
        upperBounds: new Map([[1, encodeValue({ kind: 'long' }, id)]]),
        nullValueCounts: new Map([[1, nulls]]),
        valueCounts: new Map([[1, 1n + nulls]]),
      })
    const withNull = fileOf([{ 1: 5n, 2: 'eu' }, { 2: 'eu' }], { spec: BY_REGION })
    expect(indexOf([ofValue(9n, 0n), 5n]).forFile(data('a'), 1n).equalityDeletes).toHaveLength(0)
    expect(indexOf([ofValue(5n, 0n), 5n]).forFile(data('a'), 1n).equalityDeletes).toHaveLength(1)
    // Null equals null in equality deletes.
    expect(indexOf([ofValue(9n, 1n), 5n]).forFile(withNull, 1n).equalityDeletes).toHaveLength(1)
    expect(indexOf([ofValue(9n, 1n), 5n]).forFile(data('a'), 1n).equalityDeletes).toHaveLength(0)
  })

  it('reads a deletion vector in place of position deletes, and refuses a second one for the same file', () => {
    const vector = deletes('position-deletes', {
      filePath: 'p',
      fileFormat: 'puffin',
      referencedDataFile: 'm',
      contentOffset: 4n,
    })
    const position = deletes('position-deletes')
    const index = indexOf([vector, 5n], [position, 5n])
    expect(index.forFile(data('m'), 5n)).toEqual({ positionDeletes: [], equalityDeletes: [], deletionVector: vector })
    expect(index.forFile(data('n'), 5n)).toEqual({ positionDeletes: [position], equalityDeletes: [] })
    expect(() => index.add(entry(vector, 6n))).toThrow(expect.objectContaining({ code: 'iceberg/invalid-deletes' }))
    const { referencedDataFile: _none, ...nameless } = vector
    expect(() => indexOf([nameless, 5n])).toThrow('does not name its data file')
  })
})
