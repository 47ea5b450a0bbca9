import { execFileSync } from 'node:child_process'
import { lstat, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tableFromIPC } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ICEBOX, icebox, iceboxJson, rowsOf, type TemporaryFolder, temporaryFolder, until } from './support/cli.ts'

let folder: TemporaryFolder
let lake = ''

const TYPES = `select 9007199254740993::bigint as big, 1.50::decimal(10,2) as price, 'nan'::double as nan, 'inf'::float as inf,
  'hi'::blob as bytes, date '2026-01-02' as d, timestamp '2026-01-02 03:04:05.678901' as ts, timestamptz '2026-01-02 03:04:05+02' as tz,
  time '03:04:05' as t, [1, null]::bigint[] as list, {a: 1, b: 'x'} as struct, map {'k': 7} as map, null as nothing, true as yes`

beforeAll(async () => {
  folder = await temporaryFolder()
  lake = folder.in('lake')
  await icebox(['init', lake])
})

afterAll(() => folder[Symbol.asyncDispose]())

describe('output formats', () => {
  it('--json follows the rules for numbers, binary and times', async () => {
    const document = await iceboxJson(['sql', TYPES], { cwd: lake })
    expect(document).toMatchObject({
      columns: expect.arrayContaining([
        { name: 'big', type: 'BIGINT' },
        { name: 'price', type: 'DECIMAL(10,2)' },
      ]),
      rows: [
        [
          '9007199254740993',
          '1.50',
          'NaN',
          'Infinity',
          'aGk=',
          '2026-01-02',
          '2026-01-02T03:04:05.678901',
          '2026-01-02T01:04:05Z',
          '03:04:05',
          [1, null],
          { a: 1, b: 'x' },
          [['k', 7]],
          null,
          true,
        ],
      ],
      summary: {
        rows: 1,
        snapshotId: null,
        elapsedMs: expect.any(Number),
        peakRssBytes: expect.any(Number),
        budgetBytes: 1_000_000_000,
      },
    })
  })

  it('--json prints one document a statement', async () => {
    const ran = await icebox(['sql', 'select 1 as a; select 2 as b', '--json'], { cwd: lake })
    const documents = ran.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { rows: unknown })
    expect(documents.map((document) => document.rows)).toEqual([[[1]], [[2]]])
    expect(ran.err).toBe('')
  })

  it.each([
    ['csv', 'a,b\n1,x\n2,\n'],
    ['ndjson', '{"a":1,"b":"x"}\n{"a":2,"b":null}\n'],
    ['json', '[\n{"a":1,"b":"x"},\n{"a":2,"b":null}\n]\n'],
    ['markdown', '| a | b |\n| ---: | --- |\n| 1 | x |\n| 2 |  |\n'],
  ])('%s', async (format, expected) => {
    const ran = await icebox(['sql', "from (values (1, 'x'), (2, null)) t(a, b) order by a", '--format', format], {
      cwd: lake,
    })
    expect(ran.out).toBe(expected)
  })

  it.each([
    ['csv', 'r,l\n"[1,2]","[[1,2],[3,4]]"\n'],
    ['ndjson', '{"r":[1,2],"l":[[1,2],[3,4]]}\n'],
    ['json', '[\n{"r":[1,2],"l":[[1,2],[3,4]]}\n]\n'],
    ['markdown', '| r | l |\n| --- | --- |\n| (1, 2) | \\[(1, 2), (3, 4)\\] |\n'],
  ])('%s has every field of structs whose fields have no names', async (format, expected) => {
    const ran = await icebox(['sql', 'select row(1,2) r, [(1,2),(3,4)] l', '--format', format], { cwd: lake })
    expect(ran.out).toBe(expected)
  })

  it('a table shows 40 rows and says how many there are', async () => {
    const ran = await icebox(['sql', 'select i from range(100000) t(i)'], { cwd: lake })
    expect(ran.out.trimEnd().split('\n')).toHaveLength(3 + 40 + 1)
    expect(ran.out).toContain('99,960 more rows (100,000 in all)')
    expect(ran.err).toContain('100,000 rows')
  })
})

describe('--output', () => {
  it('- is standard output, as without it, and no file of that name', async () => {
    const ran = await icebox(['sql', 'select 1 as a', '--output', '-', '--format', 'csv'], { cwd: lake })
    expect(ran).toMatchObject({ code: 0, out: 'a\n1\n' })
    expect(await readdir(lake)).not.toContain('-')
  })

  it.each(['csv', 'ndjson', 'json', 'md', 'arrow', 'parquet'])('writes %s and reports it', async (extension) => {
    const file = folder.in(`rows.${extension}`)
    const summary = await iceboxJson(['sql', "select i, 'v' || i as v from range(5000) t(i)", '--output', file], {
      cwd: lake,
    })
    expect(summary).toMatchObject({
      rows: 5000,
      output: file,
      bytesWritten: (await stat(file)).size,
      files: 1,
      snapshotId: null,
      spilledBytes: 0,
    })
  })

  it('an Arrow file holds every row', async () => {
    await icebox(
      [
        'sql',
        "select i, case when i % 3 = 0 then null else 'v' || i end as v from range(5000) t(i) order by i",
        '-o',
        folder.in('all.arrow'),
      ],
      { cwd: lake },
    )
    const table = tableFromIPC(await readFile(folder.in('all.arrow')))
    expect(table.numRows).toBe(5000)
    expect(table.getChild('v')?.get(0)).toBeNull()
    expect(table.getChild('v')?.get(4999)).toBe('v4999')
    expect(table.getChild('i')?.get(4999)).toBe(4999n)
  })

  it('a Parquet file holds every row and is whole', async () => {
    const file = folder.in('all.parquet')
    await icebox(['sql', 'select i from range(5000) t(i)', '-o', file], { cwd: lake })
    expect(await rowsOf(`select count(*), max(i) from '${file}'`, { cwd: lake })).toEqual([[5000, 4999]])
  })

  it('writes what a symbolic link names and leaves the link, with the permissions that the file has', async () => {
    await writeFile(folder.in('private.csv'), 'old', { mode: 0o600 })
    await symlink(folder.in('private.csv'), folder.in('link.csv'))
    await icebox(['sql', 'select 1 as a', '-o', folder.in('link.csv')], { cwd: lake })
    expect((await lstat(folder.in('link.csv'))).isSymbolicLink()).toBe(true)
    expect(await readFile(folder.in('private.csv'), 'utf8')).toBe('a\n1\n')
    expect((await stat(folder.in('private.csv'))).mode & 0o777).toBe(0o600)
  })

  it.each(['/dev/stdout', '/dev/fd/1', '/dev/fd/3'])(
    '%s is what is open already, a file too, and stays',
    async (name) => {
      const before = await readlink('/dev/stdout')
      const file = folder.in('redirected.csv')
      const command = `"$0" sql 'select 1 as a' --quiet --format csv -o ${name} >"$1" 3>"$1"`
      execFileSync('bash', ['-c', command, ICEBOX, file], { cwd: lake })
      expect(await readFile(file, 'utf8')).toBe('a\n1\n')
      expect(await readlink('/dev/stdout')).toBe(before)
    },
  )

  it('refuses a folder that is not there', async () => {
    const ran = await icebox(['sql', 'select 1', '-o', folder.in('no/such/rows.csv')], { cwd: lake })
    expect(ran.code).toBe(1)
    expect(ran.err).toContain('storage/not-found')
  })
})

describe('a script', () => {
  it.each([
    ['on a line of its own', 'select 1 as a;\n\nselect nope;\n', 'line 3, column 8'],
    ['behind another statement', 'select 1; select 2; select nope; select 3;\n', 'line 1, column 28'],
    ['over several lines', '-- first\nselect 1;\n  select 1,\n    nope;', 'line 4, column 5'],
    ['a bracket that is open', 'select 1;\nselect (1,\n  2;', 'line 3, column 4'],
    ['what begins no statement', "select 'é🙂'; selekt 1", 'line 1, column 14'],
  ])('errors are placed in the text, from a file, standard input and .read alike: %s', async (_, script, place) => {
    const file = folder.in('faulty.sql')
    await writeFile(file, script)
    const sql = ['sql', '--format', 'csv', '--quiet']
    const fromFile = await icebox([...sql, '-f', file], { cwd: lake })
    const piped = await icebox(sql, { cwd: lake, stdin: script })
    const read = await icebox(sql, { cwd: lake, stdin: `select 0;\n.read ${file}\n` })
    expect(fromFile.err).toContain(`(${place})`)
    // What stands behind the statement in its last line is shown from a file only.
    const upTo = (text: string): string => text.replace(/(\n.*?)(;| select 3;)*\n( *\^)/, '$1\n$3')
    expect(piped.err).toBe(upTo(fromFile.err))
    expect(read.err).toBe(piped.err)
    const below = await icebox(sql, { cwd: lake, stdin: `.mode csv\n${script}` })
    const [line = 0, column = 0] = place.match(/\d+/g)?.map(Number) ?? []
    expect(below.err).toContain(`(line ${line + 1}, column ${column})`)
  })

  it('comes from a file or from standard input, with dot commands there', async () => {
    await writeFile(folder.in('script.sql'), '-- two\nselect 1 as a;\nselect 2 as a\n')
    const fromFile = await icebox(['sql', '-f', folder.in('script.sql'), '--format', 'csv'], { cwd: lake })
    expect(fromFile.out).toBe('a\n1\na\n2\n')
    const piped = await icebox(['sql'], {
      cwd: lake,
      stdin: `.mode csv\n.read ${folder.in('script.sql')}\n.quit\nselect 3;`,
    })
    expect(piped.out).toBe('a\n1\na\n2\n')
    expect(piped.code).toBe(0)
  })

  it('.schema of all tables shows those that can be read beside one that cannot', async () => {
    const damaged = folder.in('damaged')
    await icebox(['init', damaged])
    const tables = 'create schema s; create table s.a as select 1 as x; create table s.b as select 2 as y'
    await icebox(['sql', tables], { cwd: damaged })
    await rm(join(damaged, 'warehouse/s/a/metadata'), { recursive: true })
    const { code, out } = await icebox(['sql'], { cwd: damaged, stdin: '.schema\n' })
    expect(code).toBe(0)
    expect(out).toMatch(/^s\.a\nstorage\/not-found: the current metadata of s\.a is missing: .*\ns\.b\n[^]*\ny +int/)
  })

  it('stops at the first error', async () => {
    const ran = await icebox(['sql', '--format', 'csv'], {
      cwd: lake,
      stdin: 'select 1 as a;\nselect nothing;\nselect 2 as a;\n',
    })
    expect(ran.code).toBe(1)
    expect(ran.out).toBe('a\n1\n')
    expect(ran.err).toContain('sql/unknown-column')
  })
})

describe('ending early', () => {
  it('a reader that goes away ends the command with 1 and without a message', async () => {
    const ran = await icebox(['sql', 'select i from range(100000000) t(i)', '--format', 'csv'], {
      cwd: lake,
      onStart: (child) => {
        child.stdin.end()
        child.stdout.once('data', () => child.stdout.destroy())
      },
    })
    expect(ran.code).toBe(1)
    expect(ran.err).toBe('')
  })

  it('Ctrl-C cancels a query with exit code 130', async () => {
    const ran = await icebox(['sql', 'select count(*) from range(1000000000000) t(i) where i % 7 = 3'], {
      cwd: lake,
      onStart: (child) => {
        child.stdin.end()
        void until('the engine works', () => usesProcessor(child.pid ?? 0)).then(() => child.kill('SIGINT'))
      },
    })
    expect(ran.code).toBe(130)
    expect(ran.err).toContain('cancelled')
  })

  it('a second Ctrl-C ends the process at once', async () => {
    const ran = await icebox(['import', 'a.never', '-', '--format', 'csv'], {
      cwd: lake,
      onStart: (child) => {
        child.stdin.write(`a,b\n${'1,2\n'.repeat(500_000)}`, () => {
          child.kill('SIGINT')
          child.kill('SIGINT')
        })
      },
    })
    expect(ran.code === 130 || ran.signal === 'SIGINT').toBe(true)
  })

  it('Ctrl-C ends an import that waits for more of standard input, at whatever moment it comes', async () => {
    const codes: (number | string | null)[] = []
    for (let delayMs = 40; delayMs <= 320; delayMs += 40) {
      const ran = await icebox(['import', 'a.never', '-', '--format', 'csv'], {
        cwd: lake,
        // The pipe stays open: nothing but the signal ends this.
        onStart: (child) => {
          child.stdin.write('a,b\n1,2\n')
          setTimeout(() => child.kill('SIGINT'), delayMs)
        },
      })
      codes.push(ran.code ?? ran.signal)
    }
    expect(codes.filter((code) => code !== 130 && code !== 'SIGINT')).toEqual([])
  })

  it('Ctrl-C cancels an import from standard input; the table is not there', async () => {
    const ran = await icebox(['import', 'a.never', '-', '--format', 'csv'], {
      cwd: lake,
      onStart: (child) => {
        // More than a pipe holds: when it is written, the command is reading.
        child.stdin.write(`a,b\n${'1,2\n'.repeat(500_000)}`, () => child.kill('SIGINT'))
      },
    })
    expect(ran.code).toBe(130)
    expect(await iceboxJson(['table', 'list'], { cwd: lake })).not.toContainEqual(
      expect.objectContaining({ table: 'a.never' }),
    )
  })
})

/** True once the process has used more processor time than starting takes: 0.4 s (fields 14 and 15 of /proc/pid/stat, ticks of 10 ms). */
async function usesProcessor(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12]) > 40
}
