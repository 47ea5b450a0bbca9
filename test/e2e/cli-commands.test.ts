import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  icebox,
  iceboxJson,
  ORDERS_CSV,
  type Ran,
  rowsOf,
  type TemporaryFolder,
  temporaryFolder,
} from './support/cli.ts'

let folder: TemporaryFolder
let lake = ''

const inLake = (args: readonly string[]) => icebox(args, { cwd: lake })
const jsonIn = (args: readonly string[]) => iceboxJson(args, { cwd: lake })

/** Standard output of a command that must succeed. */
async function done(ran: Promise<Ran>): Promise<string> {
  const { code, out, err } = await ran
  expect(err).not.toContain('internal/unreachable')
  expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' })
  return out
}

beforeAll(async () => {
  folder = await temporaryFolder()
  lake = folder.in('lake')
  await writeFile(folder.in('orders.csv'), ORDERS_CSV)
  await done(icebox(['init', lake, '--memory', '512MB']))
  await done(inLake(['import', 'sales.orders', '../orders.csv', '--partition-by', 'month(ordered_at)']))
})

afterAll(() => folder[Symbol.asyncDispose]())

describe('icebox init', () => {
  it('makes the folder that the interface describes, with the budget that was asked for', async () => {
    expect(await readFile(`${lake}/icebox.yaml`, 'utf8')).toMatch(/max_usage: 512MB/)
    expect((await stat(`${lake}/catalog.sqlite`)).isFile()).toBe(true)
    expect((await stat(`${lake}/warehouse`)).isDirectory()).toBe(true)
  })

  it('refuses a folder that is a lakehouse already and leaves it alone', async () => {
    const before = await readFile(`${lake}/icebox.yaml`, 'utf8')
    const ran = await icebox(['init', lake])
    expect(ran.code).toBe(1)
    expect(ran.err).toContain('lake/exists')
    expect(await readFile(`${lake}/icebox.yaml`, 'utf8')).toBe(before)
  })

  it('names the next step', async () => {
    const ran = await icebox(['init', folder.in('other')], { cwd: folder.path })
    expect(ran.err).toContain('next: cd other && icebox import')
  })
})

describe('icebox import', () => {
  it('reports the figures that programs rely on', async () => {
    const summary = await jsonIn(['import', 'sales.copy', '../orders.csv'])
    expect(summary).toMatchObject({
      table: 'sales.copy',
      created: true,
      rows: 4,
      rejectedRows: 0,
      files: 1,
      spilledBytes: 0,
      budgetBytes: 512_000_000,
    })
    expect(summary).toMatchObject({
      bytesRead: expect.any(Number),
      bytesWritten: expect.any(Number),
      snapshotId: expect.stringMatching(/^\d+$/),
      elapsedMs: expect.any(Number),
      cpuMs: expect.any(Number),
      peakRssBytes: expect.any(Number),
    })
  })

  it('files below the working folder that are called as the engine calls others are those that are read', async () => {
    const home = folder.in('home')
    for (const [place, rows] of [
      [folder.in('~'), 'a\n1\n'],
      [folder.in('file:'), 'a\n2\n'],
      [home, 'a\n9\na\n'],
    ] as const) {
      await mkdir(place)
      await writeFile(`${place}/x.csv`, rows)
    }
    const options = { cwd: folder.path, env: { HOME: home } }
    await done(icebox(['-C', lake, 'import', 'names.t', '~/x.csv', 'file:/x.csv'], options))
    expect(await rowsOf('from names.t order by a', { cwd: lake })).toEqual([[1], [2]])
    // In SQL `~` is the home folder, as in DuckDB.
    const cut = gzipSync('a\n' + '1\n'.repeat(100)).subarray(0, -9)
    await writeFile(`${home}/cut.csv.gz`, cut)
    const ran = await icebox(['-C', lake, 'sql', "from '~/cut.csv.gz'"], options)
    expect([ran.code, ran.err]).toEqual([1, expect.stringContaining(`source/truncated: ${home}/cut.csv.gz ends in`)])
  })

  it('refuses a table that exists; --append adds, --replace replaces and keeps history', async () => {
    const args = ['import', 'sales.modes', '../orders.csv']
    await done(inLake(args))
    const again = await inLake(args)
    expect(again.code).toBe(1)
    expect(again.err).toContain('table/exists')
    await done(inLake([...args, '--append']))
    expect(await rowsOf('select count(*) from sales.modes', { cwd: lake })).toEqual([[8]])
    await done(inLake([...args, '--replace']))
    expect(await rowsOf('select count(*) from sales.modes', { cwd: lake })).toEqual([[4]])
    expect(await jsonIn(['table', 'snapshots', 'sales.modes'])).toHaveLength(3)
  })

  it('takes standard input', async () => {
    const ran = await icebox(['import', 'sales.piped', '-', '--format', 'csv'], { cwd: lake, stdin: ORDERS_CSV })
    await done(Promise.resolve(ran))
    expect(await rowsOf('select count(*), sum(amount) from sales.piped', { cwd: lake })).toMatchObject([
      [4, expect.anything()],
    ])
  })

  it('--key imports once', async () => {
    const args = ['import', 'sales.keyed', '../orders.csv', '--append', '--key', 'monday']
    expect(await jsonIn(args)).toMatchObject({ rows: 4, skipped: false })
    expect(await jsonIn(args)).toMatchObject({ skipped: true })
    expect(await rowsOf('select count(*) from sales.keyed', { cwd: lake })).toEqual([[4]])
  })

  it('--dry-run says what would be done and does nothing', async () => {
    const out = await done(inLake(['import', 'sales.planned', '../orders.csv', '--dry-run']))
    for (const said of ['sales.planned', 'ordered_at', 'date']) expect(out).toContain(said)
    expect(await jsonIn(['import', 'sales.planned', '../orders.csv', '--dry-run'])).toMatchObject({
      table: 'sales.planned',
      action: 'create',
    })
    const tables = await jsonIn(['table', 'list'])
    expect(tables).not.toContainEqual(expect.objectContaining({ table: 'sales.planned' }))
  })
})

describe('icebox table', () => {
  it('lists tables', async () => {
    const out = await done(inLake(['table', 'list', 'sales.orders']))
    expect(out).toMatch(/sales\.orders +4 +2 .*month\(ordered_at\)/)
    expect(await jsonIn(['table', 'list', 'sales.orders'])).toEqual([
      expect.objectContaining({
        table: 'sales.orders',
        namespace: 'sales',
        name: 'orders',
        rows: 4,
        files: 2,
        formatVersion: 2,
        problem: null,
      }),
    ])
  })

  it('shows a table', async () => {
    const out = await done(inLake(['table', 'show', 'sales.orders']))
    expect(out).toMatch(/^ordered_at +date/m)
    expect(out).toMatch(/^partitioned by +month\(ordered_at\)$/m)
    expect(await jsonIn(['table', 'show', 'sales.orders'])).toMatchObject({
      columns: [{ name: 'id' }, { name: 'region' }, { name: 'amount' }, { name: 'ordered_at', type: 'date' }],
      snapshots: 1,
    })
  })

  it.each([
    ['snapshots', { operation: 'append' }, 1],
    ['files', { content: 'data', record_count: 2 }, 2],
    ['manifests', { content: 'data', added_files_count: 2 }, 1],
    ['partitions', { record_count: 2, file_count: 1 }, 2],
    ['refs', { name: 'main' }, 1],
  ])('shows %s, for people and as JSON with all columns', async (view, expected, count) => {
    const rows = await jsonIn(['table', view, 'sales.orders'])
    expect(rows).toHaveLength(count)
    expect(rows).toEqual(expect.arrayContaining([expect.objectContaining(expected)]))
    expect((await done(inLake(['table', view, 'sales.orders']))).split('\n').length).toBeGreaterThanOrEqual(count + 3)
  })

  it('names a missing table with the nearest one, not our own SQL', async () => {
    for (const args of [
      ['table', 'show', 'sales.ordres'],
      ['table', 'files', 'sales.ordres'],
      ['table', 'drop', 'sales.ordres'],
    ]) {
      const ran = await inLake(args)
      expect(ran.code).toBe(1)
      expect(ran.err).toContain('table/not-found')
      expect(ran.err).toContain('sales.orders')
    }
  })

  it('drops, registers again and renames', async () => {
    await done(inLake(['import', 'sales.passing', '../orders.csv']))
    const dropped = await jsonIn(['table', 'drop', 'sales.passing'])
    expect(dropped).toMatchObject({
      table: 'sales.passing',
      purged: false,
      metadataLocation: expect.stringContaining('.metadata.json'),
    })
    const location = (dropped as { metadataLocation: string }).metadataLocation
    expect((await inLake(['table', 'show', 'sales.passing'])).code).toBe(1)
    await done(inLake(['table', 'register', 'sales.back', location.replace(/^file:\/\//, '')]))
    expect(await rowsOf('select count(*) from sales.back', { cwd: lake })).toEqual([[4]])
    await done(inLake(['table', 'rename', 'sales.back', 'sales.renamed']))
    expect(await rowsOf('select count(*) from sales.renamed', { cwd: lake })).toEqual([[4]])
    const refused = await inLake(['table', 'drop', 'sales.renamed', '--purge'])
    expect(refused.code).toBe(2)
    await done(inLake(['table', 'drop', 'sales.renamed', '--purge', '--yes']))
    expect((await inLake(['table', 'show', 'sales.renamed'])).code).toBe(1)
  })

  it('mends a lakehouse whose folder was moved', async () => {
    const before = folder.in('before')
    const after = folder.in('moved/after')
    await done(icebox(['init', before]))
    await done(icebox(['-C', before, 'import', 'a.t', folder.in('orders.csv')]))
    await mkdir(folder.in('moved'))
    await rename(before, after)
    await done(icebox(['-C', after, 'table', 'relocate']))
    expect(await rowsOf('select count(*) from a.t', { cwd: after })).toEqual([[4]])
  })
})

describe('icebox config', () => {
  it('explains a key with its value, its source and its effect', async () => {
    expect(await jsonIn(['config', 'explain', 'performance.memory.max_usage'])).toEqual([
      expect.objectContaining({
        key: 'performance.memory.max_usage',
        value: '512MB',
        source: expect.stringContaining('icebox.yaml line'),
        effect: expect.stringContaining('budget'),
      }),
    ])
    expect(
      await iceboxJson(['config', 'explain', 'performance.memory.max_usage', '--memory', '300MB'], { cwd: lake }),
    ).toMatchObject([{ value: '300MB', source: 'flag --memory' }])
    const byEnvironment = await iceboxJson(['config', 'explain', 'performance.memory.max_usage'], {
      cwd: lake,
      env: { ICEBOX_PERFORMANCE__MEMORY__MAX_USAGE: '400MB' },
    })
    expect(byEnvironment).toMatchObject([
      { value: '400MB', source: expect.stringContaining('ICEBOX_PERFORMANCE__MEMORY__MAX_USAGE') },
    ])
  })

  it('checks the file and names every mistake', async () => {
    expect(await jsonIn(['config', 'check'])).toMatchObject({ ok: true, problems: [] })
    const ran = await inLake([
      'config',
      'check',
      '--set',
      'performance.memory.max_usge=1GB',
      '--set',
      'query.timeout=soon',
      '--json',
    ])
    expect(ran.code).toBe(2)
    expect(JSON.parse(ran.out)).toMatchObject({
      ok: false,
      problems: [{ code: 'config/unknown-key' }, { code: 'config/invalid-value' }],
    })
  })
})

describe('icebox doctor', () => {
  it('finds this machine and this lakehouse fit', async () => {
    const report = await jsonIn(['doctor'])
    expect(report).toMatchObject({
      ok: true,
      findings: expect.arrayContaining([
        expect.objectContaining({ name: 'launcher', level: 'ok' }),
        expect.objectContaining({ name: 'lakehouse', level: 'ok' }),
      ]),
    })
  })
})
