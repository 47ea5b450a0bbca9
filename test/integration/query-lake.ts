import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Catalog, commitTarget, openMemoryCatalog } from '../../src/catalog/index.ts'
import { type Engine, openEngine, type SqlParameter, type SqlValue } from '../../src/engine/index.ts'
import { ManifestCache, type PartitionField, type Schema, Transaction } from '../../src/iceberg/index.ts'
import { describeColumns, WriteJournal, writeDataFiles } from '../../src/ingest/index.ts'
import { Governor } from '../../src/memory/index.ts'
import { QueryRunner, type QueryConnection, type StatementResult } from '../../src/query/index.ts'
import { fileUri, LocalStore, type ObjectStore } from '../../src/storage/index.ts'

/** A lake in a temporary folder, with an engine: what the lakehouse room makes, for tests of the query room alone. */
export interface QueryLake extends AsyncDisposable {
  readonly folder: string
  readonly catalog: Catalog
  readonly engine: Engine
  readonly io: ObjectStore
  readonly runner: QueryRunner
  readonly sql: QueryConnection
  /** The rows of the last statement of a script, as arrays. */
  rows(script: string, parameters?: readonly SqlParameter[]): Promise<SqlValue[][]>
  /** Every statement run to its end. */
  run(script: string, parameters?: readonly SqlParameter[]): Promise<StatementResult[]>
  createTable(name: string, schema: Schema, fields?: readonly PartitionField[]): Promise<void>
  /** Appends the rows of a SELECT as one commit. */
  append(name: string, select: string): Promise<void>
}

export async function openQueryLake(
  options: { localFiles?: boolean; maxValueBytes?: number; memoryLimitBytes?: number } = {},
): Promise<QueryLake> {
  const folder = await mkdtemp(join(tmpdir(), 'icebox-query-'))
  const io = new LocalStore()
  const catalog = openMemoryCatalog({ io, warehouse: fileUri(join(folder, 'warehouse')) })
  const governor = Governor.create({ budgetBytes: 1_000_000_000 })
  for (const name of ['spill', 'scratch', 'staging']) await mkdir(join(folder, name))
  const engine = await openEngine({
    plan: {
      memoryLimitBytes: options.memoryLimitBytes ?? 500_000_000,
      threads: 2,
      copyThreads: 2,
      purgeAboveBytes: undefined,
    },
    governor,
    spillDirectory: join(folder, 'spill'),
    maxSpillBytes: 1_000_000_000,
  })
  const journal = new WriteJournal(join(folder, 'state'))
  const manifests = new ManifestCache({ maxBytes: 16_000_000 })
  const runner = new QueryRunner({
    catalog,
    io,
    // Nobody streams into these tables.
    settle: () => Promise.resolve(),
    engine: () => Promise.resolve(engine),
    manifests,
    journal,
    admit: (name, planBytes, signal) =>
      governor.operation({ name, planBytes, ...(signal === undefined ? {} : { signal }) }),
    room: (bytes) => governor.reserve({ consumer: 'text', bytes }),
    planning: async ({ bytes }) => {
      const held = await governor.reserve({ consumer: 'planning', bytes })
      return { [Symbol.asyncDispose]: () => Promise.resolve(held.release()) }
    },
    advice: () => governor.advice,
    startMeter: (operation) => {
      const bill = governor.bill(operation)
      const started = performance.now()
      let elapsedMs: number | undefined
      return {
        figures: () => ({
          elapsedMs: elapsedMs ?? performance.now() - started,
          cpuMs: 0,
          budgetBytes: governor.budgetBytes,
          peakRssBytes: 0,
          spilledBytes: 0,
          bill: bill.bill(),
        }),
        stop: () => {
          elapsedMs ??= performance.now() - started
          bill[Symbol.dispose]()
        },
      }
    },
    scratch: { directory: join(folder, 'scratch'), journal },
    stagingDirectory: join(folder, 'staging'),
    targetFileSizeBytes: 128_000_000,
    localFiles: options.localFiles ?? true,
    ...(options.maxValueBytes === undefined ? {} : { maxValueBytes: options.maxValueBytes }),
  })
  const sql = runner.connect()

  const run = async (script: string, parameters?: readonly SqlParameter[]): Promise<StatementResult[]> => {
    const results: StatementResult[] = []
    for await (const result of sql.run(script, parameters === undefined ? {} : { parameters })) {
      for await (const _ of result.batches);
      results.push(result)
    }
    return results
  }
  return {
    folder,
    catalog,
    engine,
    io,
    runner,
    sql,
    run,
    rows: async (script, parameters) => {
      let rows: SqlValue[][] = []
      for await (const result of sql.run(script, parameters === undefined ? {} : { parameters })) {
        rows = []
        for await (const batch of result.batches) rows.push(...batch.toArrays())
      }
      return rows
    },
    createTable: async (name, schema, fields) => {
      const [namespace = '', table = ''] = name.split('.')
      if (!(await catalog.namespaceExists([namespace]))) await catalog.createNamespace([namespace])
      await catalog.createTable(
        { namespace: [namespace], name: table },
        fields === undefined ? { schema } : { schema, partitionSpec: { specId: 0, fields } },
      )
    },
    append: async (name, select) => {
      const [namespace = '', table = ''] = name.split('.')
      const identifier = { namespace: [namespace], name: table }
      const base = await catalog.loadTable(identifier)
      const { metadata } = base
      const schema = metadata.schemas.find((known) => known.schemaId === metadata.currentSchemaId)
      const spec = metadata.partitionSpecs.find((known) => known.specId === metadata.defaultSpecId)
      if (schema === undefined || spec === undefined) throw new TypeError('a table without schema or spec')
      await using session = await engine.session()
      const described = await describeColumns(session, select, {})
      const written = await writeDataFiles({
        session,
        engine,
        select,
        columns: described.map(({ name }) => name),
        schema,
        spec,
        location: metadata.location,
        properties: metadata.properties,
        targetFileSizeBytes: 128_000_000,
        stagingDirectory: join(folder, 'staging'),
        journal,
      })
      await new Transaction({ target: commitTarget(catalog, identifier), io, base, durable: written.durable })
        .append(written.files)
        .commit()
      await written.settle()
    },
    [Symbol.asyncDispose]: async () => {
      await runner[Symbol.asyncDispose]()
      await engine[Symbol.asyncDispose]()
      await catalog.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
