// Planning of a point lookup on a table of 10,000 data files in 100 manifests, warm: plan-files.js LAKE RUNS. The table is
// made in the lakehouse when it is not there; its data files need not exist, since planning reads metadata only.
import { join } from 'node:path'
import { commitTarget, openSqliteCatalog } from '../../src/catalog/index.ts'
import {
  type DataFile,
  encodeValue,
  ManifestCache,
  planFiles,
  type Predicate,
  type Schema,
  Transaction,
} from '../../src/iceberg/index.ts'
import { createStore, fileUri } from '../../src/storage/index.ts'

const DAYS = 100
const FILES_A_DAY = 100
/** Both sides plan so often before they are timed: caches filled, code compiled. */
const WARM_UP = 20
const IDS_A_FILE = 1000
const ID_FIELD = 1
const DAY_FIELD = 2
const LONG = { kind: 'long' } as const
const INT = { kind: 'int' } as const

const [lake, runs] = process.argv.slice(2)
if (lake === undefined || runs === undefined) throw new Error('usage: plan-files LAKE RUNS')

const io = createStore()
const catalog = await openSqliteCatalog({
  path: join(lake, 'catalog.sqlite'),
  io,
  warehouse: fileUri(join(lake, 'warehouse')),
})
const table = { namespace: ['bench'], name: 'many_files' }
if (!(await catalog.namespaceExists(['bench']))) await catalog.createNamespace(['bench'])
if (!(await catalog.tableExists(table))) await makeTable()

const { metadata } = await catalog.loadTable(table)
const cache = new ManifestCache({ maxBytes: 64_000_000 })
const filter: Predicate = {
  op: 'and',
  args: [
    { op: 'eq', fieldId: DAY_FIELD, value: 42 },
    { op: 'eq', fieldId: ID_FIELD, value: firstId(42, 17) + 5n },
  ],
}

const timesMs: number[] = []
let files = 0
let report = { manifestsTotal: 0, manifestsRead: 0 }
for (let run = -WARM_UP; run < Number(runs); run++) {
  const start = performance.now()
  const planned = planFiles({ metadata, io, filter, cache })
  files = 0
  for await (const task of planned.tasks) files += task.dataFile.recordCount > 0n ? 1 : 0
  if (run >= 0) timesMs.push(performance.now() - start)
  report = planned.report
}
await catalog.close()
console.log(
  JSON.stringify({
    files,
    timesMs,
    manifestsTotal: report.manifestsTotal,
    manifestsRead: report.manifestsRead,
    day: 42,
    id: Number(firstId(42, 17) + 5n),
  }),
)

function firstId(day: number, file: number): bigint {
  return BigInt((day * FILES_A_DAY + file) * IDS_A_FILE)
}

async function makeTable(): Promise<void> {
  const schema: Schema = {
    schemaId: 0,
    identifierFieldIds: [],
    fields: [
      { id: ID_FIELD, name: 'id', type: LONG, required: false },
      { id: DAY_FIELD, name: 'day', type: INT, required: false },
      { id: 3, name: 'name', type: { kind: 'string' }, required: false },
      { id: 4, name: 'amount', type: { kind: 'double' }, required: false },
    ],
  }
  let loaded = await catalog.createTable(table, {
    schema,
    partitionSpec: {
      specId: 0,
      fields: [{ fieldId: 1000, sourceIds: [DAY_FIELD], name: 'day', transform: { kind: 'identity' } }],
    },
    properties: { 'commit.manifest-merge.enabled': 'false' },
  })
  for (let day = 0; day < DAYS; day++) {
    const files = Array.from({ length: FILES_A_DAY }, (_, file) => dataFile(loaded.metadata.location, day, file))
    const result = await new Transaction({ target: commitTarget(catalog, table), io, base: loaded })
      .append(files)
      .commit()
    loaded = result.table
  }
}

function dataFile(location: string, day: number, file: number): DataFile {
  const first = firstId(day, file)
  const counts = (value: bigint) => new Map([1, 2, 3, 4].map((id) => [id, value]))
  return {
    content: 'data',
    filePath: `${location}/data/day=${day}/${String(file).padStart(5, '0')}.parquet`,
    fileFormat: 'parquet',
    specId: 0,
    partition: [day],
    recordCount: BigInt(IDS_A_FILE),
    fileSizeInBytes: 100_000n,
    columnSizes: counts(25_000n),
    valueCounts: counts(BigInt(IDS_A_FILE)),
    nullValueCounts: counts(0n),
    lowerBounds: new Map([
      [ID_FIELD, encodeValue(LONG, first)],
      [DAY_FIELD, encodeValue(INT, day)],
    ]),
    upperBounds: new Map([
      [ID_FIELD, encodeValue(LONG, first + BigInt(IDS_A_FILE - 1))],
      [DAY_FIELD, encodeValue(INT, day)],
    ]),
  }
}
