import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ICEBOX, iceboxJson } from '../e2e/support/cli.ts'
import { watched } from './support/watched.ts'

let folder = ''
let lake = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-runaway-'))
  lake = join(folder, 'lake')
  await iceboxJson(['init', lake])
})
afterAll(() => rm(folder, { recursive: true }))

/** What one value takes is neither in DuckDB's limit nor to be interrupted; each reached 0.4 to 3.7 GB at 256MB. */
const RUNAWAYS = {
  'a list of 60,000,000 values, while it is planned': 'select count(*), max(x) from (select unnest(range(60000000)) x)',
  'texts that are split':
    "select sum(len(string_split(t, ','))) from (select repeat('ab,', 5000) || i::varchar as t from range(20000) r(i))",
  'long lists that are transformed':
    'select sum(list_sum(list_transform(range(20000 + i * 0), x -> x + i))) from range(4000) r(i)',
  'long texts': "select max(length(repeat('abc', 100000 + i::int))) from range(3000) r(i)",
  'a median': 'select median(i) from range(200000000) r(i)',
}

describe.each(Object.entries(RUNAWAYS))('%s', (_name, sql) => {
  it('ends for the budget of 256MB, and not by its own end', async () => {
    const child = spawn(ICEBOX, ['-C', lake, 'sql', '--memory', '256MB', '--json', sql], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ran = await watched(child)
    expect(ran.signal, ran.err).toBe(null)
    expect(ran.out + ran.err).toContain('memory/exhausted')
    expect(ran.code).toBe(3)
    // One allocation that was granted before is filled nevertheless, and a busy machine looks late.
    expect(ran.peakBytes, `${ran.peakBytes} bytes`).toBeLessThan(4 * 256e6)
    console.log(`peak ${(ran.peakBytes / 1e6).toFixed(0)} MB`)
  })
})

it('a program lives on: statements after it are answered, and the limit of the process is what it was', async () => {
  const script = `
    import { readFileSync } from 'node:fs'
    import { Lakehouse } from '${join(import.meta.dirname, '../../dist/lakehouse.js')}'
    const limit = () => /Max data size.*/.exec(readFileSync('/proc/self/limits', 'utf8'))[0]
    const before = limit()
    const lake = await Lakehouse.open('${lake}', { memory: '256MB' })
    const codes = [], counts = []
    for (const sql of ${JSON.stringify(Object.values(RUNAWAYS))}) {
      codes.push(await lake.sql([sql]).then(() => 'passed', (error) => error.code))
      const [row] = await lake.sql\`select count(*)::int as n from (from range(1000000) t(i) order by i % 1000)\`
      counts.push(row.n)
    }
    await lake.close()
    console.log(JSON.stringify({ codes, counts, isSame: limit() === before }))`
  const ran = await watched(spawn(process.execPath, ['--input-type=module', '-e', script]))
  expect(ran.signal, ran.err).toBe(null)
  expect(ran.code, ran.err).toBe(0)
  const said: unknown = JSON.parse(ran.out)
  // A list that was granted whole before it was filled may pass.
  expect(said).toMatchObject({ codes: expect.arrayContaining(['memory/exhausted']) })
  expect(said).toMatchObject({ counts: Object.keys(RUNAWAYS).map(() => 1_000_000), isSame: true })
})
