import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { commitTarget, openSqliteCatalog } from '../../src/catalog/index.ts'
import { ManifestCache, planFiles, Transaction } from '../../src/iceberg/index.ts'
import { createStore, fileUri } from '../../src/storage/index.ts'
import { python, startPython } from './python.ts'

const SECONDS = 30
/** More than Icebox can append in that time with its pauses. */
const FILES = 1500

it('loses no append of Icebox or PyIceberg, both appending to one table for 30 seconds', async () => {
  const lake = await mkdtemp(join(tmpdir(), 'icebox-'))
  try {
    await mkdir(join(lake, 'warehouse'))
    const io = createStore()
    const catalog = await openSqliteCatalog({
      path: join(lake, 'catalog.sqlite'),
      io,
      warehouse: fileUri(join(lake, 'warehouse')),
      create: true,
    })
    await catalog.createNamespace(['ns'])
    const table = { namespace: ['ns'], name: 't' }
    const { metadata } = await catalog.createTable(table, {
      schema: {
        schemaId: 0,
        identifierFieldIds: [],
        fields: [{ id: 1, name: 'id', type: { kind: 'long' }, required: false }],
      },
    })
    const sizeBytes = Number(
      await python(
        `
        import pyarrow as pa, pyarrow.parquet as pq
        t = catalog(args["lake"]).load_table("ns.t")
        folder = t.location()[7:] + "/data"
        os.makedirs(folder, exist_ok=True)
        for i in range(args["files"]):
            pq.write_table(pa.table({"id": [i]}, schema=t.schema().as_arrow()), "%s/mine-%d.parquet" % (folder, i))
        done(os.path.getsize(folder + "/mine-0.parquet"))
        `,
        { lake, files: FILES },
      ),
    )
    const theirs = startPython(
      `
      import time, pyarrow as pa
      from pyiceberg.exceptions import CommitFailedException
      from sqlalchemy.exc import OperationalError
      c = catalog(args["lake"])
      end = time.monotonic() + args["seconds"]
      appended, conflicts = 0, 0
      while time.monotonic() < end:
          try:
              t = c.load_table("ns.t")
              t.append(pa.table({"id": [1000000 + appended]}, schema=t.schema().as_arrow()))
              appended += 1
          except (CommitFailedException, OperationalError):
              conflicts += 1
      done({"appended": appended, "conflicts": conflicts})
      `,
      { lake, seconds: SECONDS },
    )
    const end = new AbortController()
    const finished = theirs.result.finally(() => end.abort())
    const target = commitTarget(catalog, table)
    const cache = new ManifestCache({ maxBytes: 8_000_000 })
    let mine = 0
    let retries = 0
    while (!end.signal.aborted && mine < FILES) {
      // PyIceberg takes many times as long for a commit, and would never get its turn without a pause.
      await new Promise((resolve) => setTimeout(resolve, 150 * Math.random()))
      const result = await new Transaction({ target, io, base: await target.load(), cache })
        .append([
          {
            content: 'data',
            filePath: `${metadata.location}/data/mine-${mine}.parquet`,
            fileFormat: 'parquet',
            specId: 0,
            partition: [],
            recordCount: 1n,
            fileSizeInBytes: BigInt(sizeBytes),
          },
        ])
        .commit()
      mine++
      retries += result.retries
    }
    const answer = await finished
    if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) throw new TypeError('no answer')
    const appended = Number(answer.appended)
    expect(mine).toBeGreaterThan(50)
    expect(appended).toBeGreaterThan(10)
    // They did meet; otherwise this shows nothing.
    expect(retries + Number(answer.conflicts)).toBeGreaterThan(0)

    const loaded = await catalog.loadTable(table)
    let files = 0
    for await (const _ of planFiles({ metadata: loaded.metadata, io, filter: { op: 'true' } }).tasks) files++
    expect(files).toBe(mine + appended)
    expect(loaded.metadata.snapshots).toHaveLength(mine + appended)
    const ids = await python(
      `
      ids = catalog(args["lake"]).load_table("ns.t").scan().to_arrow()["id"].to_pylist()
      duck = duck().execute("SELECT count(*), count(DISTINCT id) FROM iceberg_scan(?)", [args["location"]]).fetchone()
      done({"all": len(ids), "mine": len({i for i in ids if i < 1000000}), "theirs": len({i for i in ids if i >= 1000000}), "duck": duck})
      `,
      { lake, location: loaded.metadataLocation },
    )
    expect(ids).toEqual({
      all: mine + appended,
      mine,
      theirs: appended,
      duck: [mine + appended, mine + appended],
    })
    await catalog.close()
  } finally {
    await rm(lake, { recursive: true, force: true })
  }
})
