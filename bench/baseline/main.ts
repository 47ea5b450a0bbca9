// The buffered implementation that promises P2 to P5 are measured against: the whole file is read and decoded into Arrow
// columns, then written as Parquet, then committed through Icebox's own Iceberg layer. baseline.js CSV LAKE, where LAKE is made by `icebox init`. Prints one
// document as `icebox import --json` does.
import { mkdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { commitTarget, openSqliteCatalog } from '../../src/catalog/index.ts'
import {
  type DataFile,
  encodeValue,
  type Literal,
  type PrimitiveType,
  Transaction,
  truncateLowerBound,
  truncateUpperBound,
} from '../../src/iceberg/index.ts'
import { createStore, fileUri, joinUri, localPath } from '../../src/storage/index.ts'
import { ICEBERG_TYPES } from './columns.ts'
import { decodeFile, type DecodedFile } from './decode.ts'
import { writeParquetFile } from './write.ts'

const TABLE = { namespace: ['bench'], name: 'imported' }

const [source, lake] = process.argv.slice(2)
if (source === undefined || lake === undefined) throw new Error('usage: baseline CSV LAKE')
const decoded = await decodeFile(source)
const io = createStore()
const catalog = await openSqliteCatalog({
  path: join(lake, 'catalog.sqlite'),
  io,
  warehouse: fileUri(join(lake, 'warehouse')),
})
if (!(await catalog.namespaceExists(TABLE.namespace))) await catalog.createNamespace(TABLE.namespace)
const base = await catalog.createTable(TABLE, {
  schema: {
    schemaId: 0,
    identifierFieldIds: [],
    fields: decoded.columns.map(({ name, kind }, at) => ({
      id: at + 1,
      name,
      type: ICEBERG_TYPES[kind],
      required: false,
    })),
  },
})
const filePath = joinUri(base.metadata.location, 'data', `${randomUUID()}.parquet`)
await mkdir(dirname(localPath(filePath)), { recursive: true })
const sizeBytes = await writeParquetFile(decoded, localPath(filePath))
await new Transaction({ target: commitTarget(catalog, TABLE), io, base })
  .append([dataFile(decoded, filePath, sizeBytes)])
  .commit()
await catalog.close()
console.log(
  JSON.stringify({ rows: decoded.rows, bytesRead: (await stat(source)).size, bytesWritten: sizeBytes, files: 1 }),
)

function dataFile({ columns, statistics, rows }: DecodedFile, path: string, bytes: number): DataFile {
  const bounds = (pick: (at: number, type: PrimitiveType) => Literal | undefined) =>
    new Map(
      columns.flatMap(({ kind }, at) => {
        const type = ICEBERG_TYPES[kind]
        const value = statistics[at]?.isBounded === false ? undefined : pick(at, type)
        return value === undefined ? [] : [[at + 1, encodeValue(type, value)] as const]
      }),
    )
  return {
    content: 'data',
    filePath: path,
    fileFormat: 'parquet',
    specId: 0,
    partition: [],
    recordCount: BigInt(rows),
    fileSizeInBytes: BigInt(bytes),
    valueCounts: new Map(columns.map((_, at) => [at + 1, BigInt(rows)])),
    nullValueCounts: new Map(columns.map((_, at) => [at + 1, BigInt(statistics[at]?.nulls ?? 0)])),
    lowerBounds: bounds((at, type) => {
      const low = statistics[at]?.low
      return low === undefined ? undefined : truncateLowerBound(type, low)
    }),
    upperBounds: bounds((at, type) => {
      const high = statistics[at]?.high
      return high === undefined ? undefined : truncateUpperBound(type, high)
    }),
  }
}
