import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Json, parseJson } from '../../src/base/index.ts'
import { openInteropLake } from './lake.ts'
import { startPython } from './python.ts'

const SECONDS = 30
const LIBRARY = join(import.meta.dirname, '..', '..', 'dist', 'lakehouse.js')

/**
 * A process of its own that inserts through the library, as an application would, until its standard input ends. PyIceberg
 * takes many times as long for a commit and would never get its turn without the pauses.
 */
const INSERTS = `
import { Lakehouse } from ${JSON.stringify(LIBRARY)}
const lake = await Lakehouse.open(process.argv[1], { memory: '256MB' })
let isOver = false
process.stdin.on('end', () => { isOver = true }).resume()
let inserted = 0
const failures = {}
while (!isOver) {
  await new Promise((resolve) => setTimeout(resolve, 150 * Math.random()))
  try {
    for await (const statement of lake.run('INSERT INTO ns.t VALUES (' + inserted + ')')) for await (const _ of statement.batches);
    inserted++
  } catch (error) {
    failures[error.code] = (failures[error.code] ?? 0) + 1
    if (error.code !== 'catalog/commit-conflict') throw error
  }
}
await lake.close()
console.log(JSON.stringify({ inserted, failures }))
`

it('loses no commit of an Icebox process and a PyIceberg process that change one table for 30 seconds', async () => {
  await using lake = await openInteropLake()
  await lake.sql('CREATE SCHEMA ns; CREATE TABLE ns.t (id BIGINT)')
  const ours = startInserts(lake.folder)
  const theirs = startPython(
    `
    import time, pyarrow as pa
    from pyiceberg.exceptions import CommitFailedException
    from sqlalchemy.exc import OperationalError
    c = catalog(args["lake"])
    end = time.monotonic() + args["seconds"]
    appended, properties, conflicts = 0, 0, 0
    while time.monotonic() < end:
        try:
            t = c.load_table("ns.t")
            if appended % 10 == 9:
                # Commits that are no append meet, too.
                with t.transaction() as tx: tx.set_properties({"theirs-%d" % properties: "1"})
                properties += 1
            t = c.load_table("ns.t")
            t.append(pa.table({"id": [1000000 + appended]}))
            appended += 1
        except (CommitFailedException, OperationalError):
            conflicts += 1
    done({"appended": appended, "properties": properties, "conflicts": conflicts})
    `,
    { lake: lake.folder, seconds: SECONDS },
  )
  const answer = record(await theirs.result.finally(ours.end))
  const { inserted, failures } = record(await ours.result)
  const mine = Number(inserted)
  const appended = Number(answer.appended)
  // A commit that lost all of its races says so and left nothing; hardly any does, how busy the machine may be.
  const { 'catalog/commit-conflict': lost = 0, ...otherFailures } = record(failures)
  expect(otherFailures).toEqual({})
  expect(Number(lost)).toBeLessThanOrEqual(mine / 20)
  expect(mine).toBeGreaterThan(10)
  expect(appended).toBeGreaterThan(2)
  // They did meet; otherwise this shows nothing.
  expect(Number(answer.conflicts)).toBeGreaterThan(0)

  const seen = await lake.python(`
    t = catalog(args["lake"]).load_table("ns.t")
    ids = t.scan().to_arrow()["id"].to_pylist()
    duck = duck().execute("SELECT count(*), count(DISTINCT id) FROM iceberg_scan(?)", [t.metadata_location]).fetchone()
    done({"all": len(ids), "mine": len({i for i in ids if i < 1000000}), "theirs": len({i for i in ids if i >= 1000000}), "duck": duck,
          "snapshots": len(t.metadata.snapshots), "properties": len([k for k in t.properties if k.startswith("theirs-")])})
  `)
  const all = mine + appended
  expect(seen).toEqual({
    all,
    mine,
    theirs: appended,
    duck: [all, all],
    snapshots: all,
    properties: Number(answer.properties),
  })
  expect(await lake.sql('SELECT count(*)::INTEGER, count(DISTINCT id)::INTEGER FROM ns.t')).toEqual([[all, all]])
})

function startInserts(folder: string): { result: Promise<Json>; end: () => void } {
  const child = spawn(process.execPath, ['--input-type=module', '-e', INSERTS, folder], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const output: Buffer[] = []
  const errors: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
  const result = new Promise<Json>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(parseJson(Buffer.concat(output).toString('utf8')))
      else reject(new TypeError(`the inserts ended with ${code}:\n${Buffer.concat(errors).toString('utf8')}`))
    })
  })
  return { result, end: () => child.stdin.end() }
}

function record(value: Json | undefined): { [key: string]: Json } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('no answer')
  return value
}
