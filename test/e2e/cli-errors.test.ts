import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { icebox, ORDERS_CSV, type TemporaryFolder, temporaryFolder } from './support/cli.ts'

let folder: TemporaryFolder
let lake = ''
const NOBODY = 65_534

beforeAll(async () => {
  folder = await temporaryFolder()
  lake = folder.in('lake')
  await writeFile(folder.in('orders.csv'), ORDERS_CSV)
  await icebox(['init', lake])
})

afterAll(() => folder[Symbol.asyncDispose]())

describe('a wrong budget', () => {
  it('of 1MB is refused before anything is done, with exit code 3 and the smallest that works', async () => {
    for (const args of [
      ['sql', 'select 1'],
      ['import', 'a.t', folder.in('orders.csv')],
    ]) {
      const ran = await icebox([...args, '--memory', '1MB', '--json'], { cwd: lake })
      expect(ran.code).toBe(3)
      const { error } = JSON.parse(ran.out) as { error: { code: string; message: string; remedy: string } }
      expect(error.code).toMatch(/^memory\//)
      expect(error.message).toContain('1 MB')
      expect(error.remedy).toMatch(/\d+ MB/)
    }
  })

  it.each(['-5', 'lots', '', '5 apples', '0'])('of "%s" is refused with what is allowed', async (memory) => {
    const ran = await icebox(['sql', 'select 1', '--memory', memory, '--json'], { cwd: lake })
    expect(ran.code).toBe(2)
    const { error } = JSON.parse(ran.out) as { error: { code: string; message: string; remedy: string } }
    expect(error.code).toBe('config/invalid-value')
    expect(error.message).toContain('performance.memory.max_usage')
    expect(`${error.message} ${error.remedy}`).toMatch(/512MB|auto/)
  })
})

describe('the configuration', () => {
  it('names an unknown key of the file with its line and the nearest one', async () => {
    const other = folder.in('typo')
    await icebox(['init', other])
    const file = `${other}/icebox.yaml`
    await writeFile(file, `${await readFile(file, 'utf8')}\nqurey:\n  timeout: 5s\n`)
    const ran = await icebox(['sql', 'select 1'], { cwd: other })
    expect(ran.code).toBe(2)
    expect(ran.err).toContain('config/unknown-key')
    expect(ran.err).toMatch(/line \d+/)
    expect(ran.err).toContain('query')
  })

  it('names a file that is not YAML', async () => {
    const other = folder.in('broken')
    await icebox(['init', other])
    await writeFile(`${other}/icebox.yaml`, 'performance: [\n')
    const ran = await icebox(['table', 'list'], { cwd: other })
    expect(ran.code).toBe(2)
    expect(ran.err).toContain('config/unreadable')
  })
})

describe('a lakehouse', () => {
  it('that is not there is named with how to make one', async () => {
    const empty = folder.in('empty')
    await mkdir(empty)
    for (const options of [
      { args: ['sql', 'select 1'], cwd: empty },
      { args: ['-C', empty, 'table', 'list'], cwd: lake },
    ]) {
      const ran = await icebox(options.args, { cwd: options.cwd })
      expect(ran.code).toBe(1)
      expect(ran.err).toContain('lake/not-found')
      expect(ran.err).toContain('icebox init')
    }
  })

  it('is found by -C, else ICEBOX_HOME, else the nearest parent', async () => {
    const below = folder.in('lake/some/where')
    await mkdir(below, { recursive: true })
    expect((await icebox(['table', 'list'], { cwd: below })).code).toBe(0)
    expect((await icebox(['table', 'list'], { cwd: folder.path, env: { ICEBOX_HOME: lake } })).code).toBe(0)
    expect(
      (await icebox(['-C', lake, 'table', 'list'], { cwd: folder.path, env: { ICEBOX_HOME: '/nowhere' } })).code,
    ).toBe(0)
    expect((await icebox(['table', 'list'], { cwd: lake, env: { ICEBOX_HOME: '/nowhere' } })).code).toBe(1)
  })

  it.skipIf(process.getuid?.() !== 0)(
    'in a folder that may not be written is refused for init, with nothing half made',
    async () => {
      const readOnly = folder.in('read-only')
      await mkdir(readOnly)
      await chmod(folder.path, 0o755)
      await chmod(readOnly, 0o555)
      const ran = await icebox(['init', `${readOnly}/lake`], { uid: NOBODY })
      expect(ran.code).toBe(1)
      expect(ran.err).toContain('storage/denied')
      expect(await readdir(readOnly)).toEqual([])
    },
  )

  it.skipIf(process.getuid?.() !== 0)(
    'that may not be written is read; writing is refused by name, and doctor says what to do',
    async () => {
      await chmod(folder.path, 0o755)
      expect((await icebox(['-C', lake, 'table', 'list'], { cwd: '/', uid: NOBODY })).code).toBe(0)
      const ran = await icebox(['-C', lake, 'import', 'a.b', folder.in('orders.csv')], { cwd: '/', uid: NOBODY })
      expect(ran.code).toBe(1)
      expect(ran.err).toContain('storage/denied')
      expect(ran.err).toContain('write access')
      const doctor = await icebox(['-C', lake, 'doctor'], { cwd: '/', uid: NOBODY })
      expect(doctor.code).toBe(0)
      expect(doctor.out).toContain('can be read, not written')
      expect(doctor.out).toContain('write access')
    },
  )

  it('whose catalog is no database is named, and left as it is', async () => {
    const other = folder.in('damaged')
    await icebox(['init', other])
    await writeFile(
      `${other}/catalog.sqlite`,
      'this is not a database at all, and long enough to be read as a page of one'.repeat(20),
    )
    const ran = await icebox(['table', 'list'], { cwd: other })
    expect(ran.code).toBe(1)
    expect(ran.err).toContain('catalog/unreadable')
    expect(await readFile(`${other}/catalog.sqlite`, 'utf8')).toMatch(/^this is not/)
  })
})

describe('SQL', () => {
  it('with a syntax error has its place marked', async () => {
    const ran = await icebox(['sql', 'select 1,\n  from where'], { cwd: lake })
    expect(ran.code).toBe(1)
    expect(ran.err).toContain('sql/syntax')
    expect(ran.err).toMatch(/\n +\^/)
  })

  it('that names an unknown table gives sql/unknown-table', async () => {
    await icebox(['import', 'near.orders', folder.in('orders.csv')], { cwd: lake })
    const ran = await icebox(['sql', 'select * from near.ordesr', '--json'], { cwd: lake })
    expect(ran.code).toBe(1)
    const { error } = JSON.parse(ran.out) as { error: { code: string; message: string; remedy: string } }
    expect(error.code).toBe('sql/unknown-table')
    expect(`${error.message} ${error.remedy}`).toContain('near.orders')
  })

  it('that fails midway leaves no --output file and an old one as it was', async () => {
    const file = folder.in('rows.csv')
    await writeFile(file, 'old\n')
    const ran = await icebox(
      ['sql', "select case when i = 90000 then error('late') else i end as x from range(100000) t(i)", '-o', file],
      { cwd: lake },
    )
    expect(ran.code).toBe(1)
    expect(await readFile(file, 'utf8')).toBe('old\n')
    expect((await readdir(folder.path)).filter((name) => name.includes('partial'))).toEqual([])
  })
})

describe('wrong usage', () => {
  it.each([
    [['sql', '--frobnicate'], 'unknown option'],
    [['table', 'lst'], 'list'],
    [['serve'], 'later version'],
    [['import', 'onlytable'], "missing required argument 'source'"],
    [['sql', '-f', '/nowhere/x.sql'], '/nowhere/x.sql'],
  ])('%j says what is wrong', async (args, message) => {
    const ran = await icebox(args, { cwd: lake })
    expect(ran.code).not.toBe(0)
    expect(ran.err).toContain(message)
    expect(ran.err).not.toContain('internal/unreachable')
  })
})
