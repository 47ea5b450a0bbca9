import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ManifestFile, readManifestList, writeManifestList } from '../../src/iceberg/index.ts'
import { LocalStore } from '../../src/storage/index.ts'
import { ICEBOX } from '../e2e/support/cli.ts'
import { type FaultLake, faultLake } from './support/lake.ts'
import { type Watched, watched } from './support/watched.ts'

interface SnapshotJson {
  'snapshot-id': number
  'manifest-list': string
  'timestamp-ms': number
}
interface MetadataJson {
  snapshots: SnapshotJson[]
  'snapshot-log': { 'snapshot-id': number; 'timestamp-ms': number }[]
  'last-sequence-number': number
}

let lake: FaultLake
let small: string
let large: string
let listed: string
beforeAll(async () => {
  lake = await faultLake()
  await writeFile(lake.folder.in('rows.csv'), 'a,b\n1,2\n3,4\n')
  await lake.json(['import', 'a.t', '../rows.csv'])
  small = await grown('small.metadata.json', (metadata) => addSnapshots(metadata, 40_000))
  large = await grown('large.metadata.json', (metadata) => addSnapshots(metadata, 150_000))
  listed = await grown('listed.metadata.json', (metadata) => growList(metadata, 500_000))
}, 120_000)
afterAll(() => lake[Symbol.asyncDispose]())

/** The table's metadata, made longer, in a file of its own. */
async function grown(name: string, grow: (metadata: MetadataJson) => void | Promise<void>): Promise<string> {
  const { metadataLocation } = (await lake.json(['table', 'show', 'a.t'])) as { metadataLocation: string }
  const metadata: MetadataJson = JSON.parse(await readFile(metadataLocation.replace(/^file:\/\//, ''), 'utf8'))
  await grow(metadata)
  await writeFile(lake.folder.in(name), JSON.stringify(metadata))
  return lake.folder.in(name)
}

/** Snapshots before the current one, as a writer leaves them that commits every minute and expires none. */
function addSnapshots(metadata: MetadataJson, count: number): void {
  const current = metadata.snapshots.at(-1)
  if (current === undefined) throw new Error('the table has no snapshot')
  const before = Array.from({ length: count }, (_, at) => ({
    ...current,
    'snapshot-id': 1_000_000 + at,
    'sequence-number': at + 1,
    'timestamp-ms': current['timestamp-ms'] - count + at,
    'manifest-list': `${current['manifest-list']}-${at}`,
  }))
  metadata.snapshots = [...before, { ...current, 'sequence-number': count + 1 } as SnapshotJson]
  metadata['snapshot-log'] = metadata.snapshots.map((snapshot) => ({
    'snapshot-id': snapshot['snapshot-id'],
    'timestamp-ms': snapshot['timestamp-ms'],
  }))
  metadata['last-sequence-number'] = count + 1
}

/** The list names its manifest first, then others that hold nothing any more. */
async function growList(metadata: MetadataJson, count: number): Promise<void> {
  const current = metadata.snapshots.at(-1)
  if (current === undefined) throw new Error('the table has no snapshot')
  const io = new LocalStore()
  const [manifest] = await readManifestList(io, current['manifest-list'])
  if (manifest === undefined) throw new Error('the snapshot has no manifest')
  const spent: ManifestFile = { ...manifest, addedFilesCount: 0, existingFilesCount: 0, addedRowsCount: 0n }
  const others = Array.from({ length: count }, (_, at) => ({
    ...spent,
    manifestPath: manifest.manifestPath.replace('.avro', `-${at}.avro`),
  }))
  current['manifest-list'] = lake.folder.in('long-list.avro')
  await writeManifestList(io, current['manifest-list'], {
    formatVersion: 2,
    snapshotId: manifest.addedSnapshotId,
    sequenceNumber: 1n,
    manifests: [manifest, ...others],
  })
}

const icebox = (args: readonly string[], budget: string): Promise<Watched> =>
  watched(spawn(ICEBOX, [...args, '--memory', budget, '--json'], { cwd: lake.path, stdio: ['ignore', 'pipe', 'pipe'] }))

const count = (location: string) => ['sql', `select count(*) as n from iceberg_scan('${location}')`]

describe('metadata of other writers stays inside the budget, or is refused with the bytes', () => {
  it.each([
    ['22 MB of snapshots at 256MB', () => small, '256MB'],
    ['84 MB of snapshots at 600MB', () => large, '600MB'],
    ['500,000 manifests at 1GB', () => listed, '1GB'],
  ] as const)('%s are read', async (_, location, budget) => {
    const ran = await icebox(count(location()), budget)
    expect(ran.code, `${ran.out}${ran.err}`).toBe(0)
    expect(JSON.parse(ran.out)).toMatchObject({ rows: [[2]] })
    expect(ran.peakBytes).toBeLessThanOrEqual(Number.parseInt(budget) * (budget.endsWith('GB') ? 1e9 : 1e6))
  })

  it.each([
    [
      '84 MB of snapshots',
      () => count(large),
      /^the metadata file .*large\.metadata\.json needs \d+ MB or more to be read/,
    ],
    [
      'registering them',
      () => ['table', 'register', 'a.other', large],
      /^the metadata file .*large\.metadata\.json needs \d+ MB or more to be read/,
    ],
    ['500,000 manifests', () => count(listed), /^the manifest list .*long-list\.avro needs \d+ MB or more to be read/],
  ] as const)('%s: refused at 256MB', async (_, args, message) => {
    const ran = await icebox(args(), '256MB')
    expect(ran.code, `${ran.out}${ran.err}`).toBe(3)
    expect(ran.peakBytes).toBeLessThanOrEqual(256_000_000)
    const { error } = JSON.parse(ran.out) as { error: { code: string; message: string } }
    expect(error).toMatchObject({ code: 'memory/refused', message: expect.stringMatching(message) })
    expect(await lake.remains()).toEqual([])
  })
})
