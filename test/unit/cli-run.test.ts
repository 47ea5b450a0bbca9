import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { IceboxError } from '../../src/base/index.ts'
import { refuseBrokenArguments } from '../../src/cli/broken-arguments.ts'
import { Interrupts } from '../../src/cli/interrupts.ts'
import { FakeLake, runWith, SUMMARY } from './support/cli-fake-lake.ts'

const numbers = {
  columns: [{ name: 'n', type: 'BIGINT' }],
  rows: [[1n], [9007199254740993n]],
}

describe('icebox sql', () => {
  it('writes one document a statement with --json, and nothing else to standard output', async () => {
    const lake = new FakeLake((sql) => (sql.includes('1') ? numbers : { message: 'created table a.b' }))
    const ran = await runWith(['sql', 'select 1', '--json'], { lake })
    expect(ran.code).toBe(0)
    expect(JSON.parse(ran.out)).toEqual({
      columns: [{ name: 'n', type: 'BIGINT' }],
      rows: [[1], ['9007199254740993']],
      summary: { statement: 'select', message: '', ...SUMMARY },
    })
    expect(ran.err).toBe('')
    expect(lake.isClosed).toBe(true)
  })

  it.each(['-- a note\nselect 1', '--note\nselect 1', '--\nselect 1', '-- a = 1\nselect 1'])(
    'runs SQL that begins with a comment: %j',
    async (sql) => {
      const asked: string[] = []
      const lake = new FakeLake((statement) => {
        asked.push(statement)
        return numbers
      })
      const ran = await runWith(['sql', sql, '--format', 'csv'], { lake })
      expect([ran.code, ran.err]).toEqual([0, ''])
      expect(asked.join('')).toContain('select 1')
    },
  )

  it('ends the document with the error when a statement fails midway, and prints it once', async () => {
    const failsWith = new IceboxError('memory/exhausted', {
      message: 'too much',
      remedy: 'less',
      context: { askedBytes: 7n },
    })
    const ran = await runWith(['sql', 'select 1', '--json'], { lake: new FakeLake(() => ({ ...numbers, failsWith })) })
    expect(ran.code).toBe(3)
    expect(JSON.parse(ran.out)).toEqual({
      columns: [{ name: 'n', type: 'BIGINT' }],
      rows: [[1], ['9007199254740993']],
      error: { code: 'memory/exhausted', message: 'too much', remedy: 'less', context: { askedBytes: 7 } },
    })
  })

  it('prints rows to standard output and the footer to standard error', async () => {
    const ran = await runWith(['sql', 'select 1'], { lake: new FakeLake(() => numbers) })
    expect(ran.out).toBe('               n\n          bigint\n────────────────\n               1\n9007199254740993\n')
    expect(ran.err).toBe('2 rows · 12 ms · peak 96 MB of 256 MB\n')
  })

  it('prints a plan as lines, not as one cell of a table', async () => {
    const plan = {
      columns: [
        { name: 'explain_key', type: 'VARCHAR' },
        { name: 'explain_value', type: 'VARCHAR' },
      ],
      rows: [['plan', '┌─┐\n│x│\n└─┘\n']],
    }
    const ran = await runWith(['sql', 'explain select 1'], { lake: new FakeLake(() => plan) })
    expect(ran.out).toBe('┌─┐\n│x│\n└─┘\n')
  })

  it('--quiet leaves only the rows', async () => {
    const ran = await runWith(['--quiet', 'sql', 'select 1', '--format', 'csv'], { lake: new FakeLake(() => numbers) })
    expect(ran).toEqual({ code: 0, out: 'n\n1\n9007199254740993\n', err: '' })
  })

  it('runs standard input statement by statement with dot commands, and stops at the first error', async () => {
    const lake = new FakeLake((sql) =>
      sql.includes('bad') ? { failsWith: new IceboxError('sql/syntax', { message: 'no' }) } : numbers,
    )
    const ran = await runWith(['sql'], { lake, stdin: '.mode csv\nselect\n 1; select 2;\nbad;\nselect 3;\n' })
    expect(ran.code).toBe(1)
    expect(lake.asked).toEqual(['select\n 1', 'select 2', 'bad'])
    expect(ran.out).toBe('n\n1\n9007199254740993\nn\n1\n9007199254740993\n')
    expect(ran.err).toContain('sql/syntax: no')
  })

  it('-f - is standard input', async () => {
    const lake = new FakeLake(() => numbers)
    const ran = await runWith(['sql', '-f', '-'], { lake, stdin: 'select 1;\nselect 2' })
    expect([ran.code, lake.asked]).toEqual([0, ['select 1', 'select 2']])
  })

  it('runs the last statement of standard input without its semicolon', async () => {
    const lake = new FakeLake(() => numbers)
    await runWith(['sql'], { lake, stdin: 'select 1;\nselect 2' })
    expect(lake.asked).toEqual(['select 1', 'select 2'])
  })

  it('refuses SQL that is not UTF-8 with its line, from a pipe, a file and .read, before it is written with U+FFFD', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'icebox-'))
    const latin = Buffer.from("select 1;\ninsert into a.b values ('M\u00fcller');\n", 'latin1')
    const path = join(folder, 'latin.sql')
    await writeFile(path, latin)
    try {
      for (const [argv, stdin, asked] of [
        [['sql'], latin, ['select 1']],
        [['sql', '-f', path], '', []],
        [['sql', '-o', join(folder, 'x.csv')], latin, []],
        [['sql'], `.read ${path}\n`, ['select 1']],
      ] as const) {
        const lake = new FakeLake(() => numbers)
        const ran = await runWith(argv, { lake, stdin })
        expect(ran.err).toMatch(/source\/encoding: .*, line 2: the text is not UTF-8\n.*iconv/)
        expect([ran.code, lake.asked]).toEqual([1, asked])
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('keeps a carriage return and U+2028 inside a string of standard input as they are', async () => {
    const lake = new FakeLake(() => numbers)
    const script = "insert into a.b values ('one\r\ntwo\rthree\u2028four');\r\nselect 2;\r\n"
    const ran = await runWith(['sql'], { lake, stdin: `\ufeff${script}` })
    expect(ran.err).not.toContain('sql/')
    expect(lake.asked).toEqual(["insert into a.b values ('one\r\ntwo\rthree\u2028four')", 'select 2'])
  })

  it('refuses an argument that was no UTF-8, and takes U+FFFD that was typed', () => {
    const argv = ['sql', "insert into a.b values ('M\ufffdller')"]
    const latin = Buffer.from('icebox\0sql\0M\u00fcller\0', 'latin1')
    expect(() => refuseBrokenArguments(argv, () => latin)).toThrow(/not UTF-8: insert/)
    refuseBrokenArguments(argv, () => Buffer.from(argv.join('\0')))
    refuseBrokenArguments(argv, () => undefined)
    refuseBrokenArguments(['sql', 'select 1'], () => latin)
  })

  it('refuses an unknown dot command in a script', async () => {
    const ran = await runWith(['sql'], { stdin: '.tabels\n' })
    expect(ran.code).toBe(2)
    expect(ran.err).toContain('.tabels is not a command of the shell')
  })

  it.each([
    [['sql', 'select 1', '-f', 'x.sql'], 'both SQL and -f'],
    [['sql', 'select 1', '--json', '--format', 'csv'], '--json and --format csv'],
    [['sql', 'select 1', '--format', 'parquet'], '--format parquet needs a file'],
    [['sql', 'select 1', '--format', 'xml'], "argument 'xml' is invalid"],
    [['sql', 'select 1', '--output', 'rows.xyz'], 'does not say a format'],
    [['sql', 'select 1; select 2', '--output', 'rows.csv'], 'there are 2'],
    [['sql', 'delete from a.b', '--output', 'rows.csv'], 'not DELETE'],
    [['sql', 'select 1', '--max-rows', 'some'], '--max-rows some'],
    [['sql', ' -- nothing\n;'], 'there is no SQL statement'],
    [['bench', 'memory', '--scale', '5x'], "--scale '5x' is no number"],
    [['bench', 'acceptance', '--runs', ''], "--runs '' is no number"],
  ])('refuses %j with exit code 2 before anything runs', async (argv, message) => {
    const lake = new FakeLake()
    const ran = await runWith(argv, { lake })
    expect(ran.code).toBe(2)
    const said = argv.includes('--json') ? ran.out : ran.err
    expect(said).toContain('usage/invalid')
    expect(said).toContain(message)
    expect(lake.asked).toEqual([])
  })

  it('refuses arrow on a terminal', async () => {
    const ran = await runWith(['sql', 'select 1', '--format', 'arrow'], { terminalWidth: 80 })
    expect(ran.code).toBe(2)
  })
})

describe('icebox import', () => {
  it('passes every option on', async () => {
    const lake = new FakeLake()
    const ran = await runWith(
      [
        'import',
        'a.b',
        'x.csv',
        'y.csv',
        '--append',
        '--partition-by',
        'month(ts)',
        '--sort-by',
        'id',
        '--on-error',
        'reject',
        '--key',
        'k',
        '--no-header',
        '--delimiter',
        ';',
        '--null-text',
        'NA',
        '--new-columns',
        'add',
        '--schema',
        's.sql',
        '--format',
        'csv',
        '--preserve-order',
      ],
      { lake },
    )
    expect(ran.code).toBe(0)
    expect(lake.imports).toEqual([
      expect.objectContaining({
        table: 'a.b',
        source: ['x.csv', 'y.csv'],
        mode: 'append',
        partitionBy: 'month(ts)',
        sortBy: 'id',
        onError: 'reject',
        key: 'k',
        newColumns: 'add',
        schemaFile: 's.sql',
        format: 'csv',
        preserveOrder: true,
        csv: { header: false, delimiter: ';', nullText: 'NA' },
      }),
    ])
  })

  it('prints what was done, what was decided, and what to type next', async () => {
    const ran = await runWith(['import', 'sales.orders', 'x.csv'])
    expect(ran.out).toContain('created sales.orders: 2 rows')
    expect(ran.out).toContain('- read dates as ISO')
    expect(ran.err).toContain("next: icebox sql 'select * from sales.orders limit 10'")
  })

  it('what to type next is for the lakehouse that was named', async () => {
    const ran = await runWith(['-C', 'my lake', 'table', 'list'])
    expect(ran.err).toContain("next: icebox -C 'my lake' table show sales.orders")
  })

  it('prints what to type next so that it can be pasted, whatever the names are', async () => {
    const imported = await runWith(['import', `"my ns".Order`, 'x.csv'])
    expect(imported.err).toContain(`next: icebox sql 'select * from "my ns"."Order" limit 10'`)
    const deep = await runWith(['import', "a.b.it's", 'x.csv'])
    expect(deep.err).toContain(`next: icebox sql 'select * from "a.b"."it'\\''s" limit 10'`)
    const shown = await runWith(['table', 'show', '"my ns".Order'])
    expect(shown.err).toContain(`next: icebox table snapshots '"my ns".Order'`)
  })

  it('gives the fields that programs rely on with --json', async () => {
    const ran = await runWith(['import', 'sales.orders', 'x.csv', '--json'])
    expect(ran.err).toBe('')
    expect(Object.keys(JSON.parse(ran.out) as object)).toEqual(
      expect.arrayContaining([
        'rows',
        'bytesRead',
        'bytesWritten',
        'files',
        'snapshotId',
        'elapsedMs',
        'cpuMs',
        'budgetBytes',
        'peakRssBytes',
        'spilledBytes',
        'rejectedRows',
        'table',
        'created',
      ]),
    )
  })

  it.each([
    [['import', 'a.b', 'x.csv', '--append', '--replace'], '--append and --replace exclude each other'],
    [['import', 'a.b', '-', 'x.csv'], "'-' (standard input)"],
    [['import', 'orders.csv', 'sales.orders'], 'icebox import sales.orders orders.csv'],
    [['import', 'a.b'], "missing required argument 'source'"],
    [['import', 'a.b', 'x', '--fromat', 'csv'], '--format'],
  ])('refuses %j with exit code 2', async (argv, message) => {
    const ran = await runWith(argv)
    expect(ran.code).toBe(2)
    expect(ran.err).toContain(message)
  })
})

describe('icebox table', () => {
  it('lists tables with a broken one beside the others', async () => {
    const ran = await runWith(['table', 'list', 'SALES.*'])
    expect(ran.out.split('\n')[2]).toBe('sales.orders  1,234      2  5 MB  2026-11-23T16:05Z  month(ts)')
  })

  it('shows columns and facts', async () => {
    const ran = await runWith(['table', 'show', 'sales.orders'])
    expect(ran.out).toMatch(/^id +long +not null +1$/m)
    expect(ran.out).toMatch(/^partitioned by +month\(ts\)$/m)
  })

  it('a drop says how to take it back; a purge needs --yes where nobody can be asked', async () => {
    const lake = new FakeLake()
    const dropped = await runWith(['table', 'drop', 'sales.orders'], { lake })
    expect(dropped.err).toContain(
      'icebox table register sales.orders /lake/warehouse/sales/orders/metadata/00001-a.metadata.json',
    )
    const refused = await runWith(['table', 'drop', 'sales.orders', '--purge'], { lake })
    expect(refused.code).toBe(2)
    expect(lake.asked).toEqual(['drop sales.orders'])
    await runWith(['table', 'drop', 'sales.orders', '--purge', '--yes'], { lake })
    expect(lake.asked).toEqual(['drop sales.orders', 'drop sales.orders purge'])
  })
})

describe('the command line', () => {
  it.each(['maintain', 'serve', 'top', 'tune'])('says that %s comes later, with exit code 2', async (command) => {
    const ran = await runWith([command, 'run', '--dry-run'])
    expect(ran.code).toBe(2)
    expect(ran.err).toContain('comes with a later version')
  })

  it('suggests the nearest command', async () => {
    const ran = await runWith(['improt', 'a.b', 'x.csv'])
    expect(ran.code).toBe(2)
    expect(ran.err).toContain("did you mean 'icebox import'?")
  })

  it.each(['table', 'config', 'bench'])(
    '--json holds for %s without its command, or with one that there is not',
    async (group) => {
      const without = await runWith([group, '--json'])
      expect([without.code, without.err]).toEqual([2, ''])
      expect(JSON.parse(without.out)).toMatchObject({
        error: { code: 'usage/invalid', message: 'no command is given' },
      })
      const unknown = await runWith([group, 'lists'])
      expect(unknown.code).toBe(2)
      expect(unknown.err).toMatch(/unknown command 'lists'\n {2}→ (did you mean 'icebox table list'|the commands are)/)
    },
  )

  it.each([
    [['sql', 'select 1', '--format', 'csv'], '"a\\u001b[31m\n",\\u009b\\u202e\n'],
    [['sql', 'select 1', '--format', 'ndjson'], '{"t":"a\\u001b[31m\\n","c":"\\u009b\\u202e"}\n'],
    [['sql', 'select 1', '--json'], '[["a\\u001b[31m\\n","\\u009b\\u202e"]]'],
  ])('data does not drive a terminal, and goes into a pipe as it is: %j', async (argv, shown) => {
    const text = ['t', 'c'].map((name) => ({ name, type: 'VARCHAR' }))
    const lake = new FakeLake(() => ({ columns: text, rows: [['a\u001b[31m\n', '\u009b\u202e']] }))
    expect((await runWith(argv, { lake, terminalWidth: 80 })).out).toContain(shown)
    expect((await runWith(argv, { lake })).out).toContain('\u009b\u202e')
  })

  it.each([
    ['init', 'lake\u001b[31m'],
    ['table', 'list', 'x\u001b[31m'],
    ['table', 'rename', 'a.b', 'a.x\u001b[31m'],
    ['import', 'a.x\u001b[31m', 'x.csv'],
    ['table', 'show', 'a.b'],
  ])('what people are told does not drive the terminal: %j', async (...argv) => {
    const lake = new FakeLake()
    const field = { id: 1, name: 'x', type: 'struct<2: \u001b[31m: int>', required: true, doc: null }
    const described = await lake.describeTable()
    lake.describeTable = () => Promise.resolve({ ...described, columns: [field], properties: { '\u001b[31m': 'x' } })
    const ran = await runWith(argv, { lake, env: { NO_COLOR: '1' } })
    expect(ran.out + ran.err).toContain('\\x1b[31m')
    expect(ran.out + ran.err).not.toContain('\u001b')
  })

  it('without a command shows help and fails', async () => {
    const ran = await runWith([])
    expect(ran.code).toBe(2)
    expect(ran.err).toContain('Commands:')
  })

  it.each([
    ['init'],
    ['import'],
    ['sql'],
    ['table', 'list'],
    ['table', 'show'],
    ['table', 'files'],
    ['table', 'register'],
    ['table', 'relocate'],
    ['table', 'drop'],
    ['table', 'rename'],
    ['config', 'explain'],
    ['config', 'check'],
    ['doctor'],
  ])('help of %s %s has an example and the global options', async (...command) => {
    const ran = await runWith([...command.filter(Boolean), '--help'])
    expect(ran.code).toBe(0)
    expect(ran.out).toContain('Example:\n  $ ')
    expect(ran.out).toContain('--memory <size>')
  })

  it('prints errors as code, message and remedy, with escape sequences made visible', async () => {
    const openFails = new IceboxError('lake/not-found', { message: 'no lakehouse in /x\u001b[31m', remedy: 'make one' })
    const ran = await runWith(['table', 'list'], { openFails })
    expect(ran.code).toBe(1)
    expect(ran.err).toBe('lake/not-found: no lakehouse in /x\\x1b[31m\n  → make one\n')
  })

  it('prints errors as JSON on standard output with --json, also those of usage', async () => {
    const openFails = new IceboxError('memory/budget-too-small', {
      message: 'm',
      remedy: 'r',
      context: { budgetBytes: 1_000_000 },
    })
    const failed = await runWith(['table', 'list', '--json'], { openFails })
    expect(failed.code).toBe(3)
    expect(JSON.parse(failed.out)).toEqual({
      error: { code: 'memory/budget-too-small', message: 'm', remedy: 'r', context: { budgetBytes: 1_000_000 } },
    })
    const usage = await runWith(['sql', '--json', '--frob'])
    expect(usage.code).toBe(2)
    expect(JSON.parse(usage.out)).toMatchObject({ error: { code: 'usage/invalid' } })
  })

  it('an error that is not ours is a bug and says so, without a stack unless asked', async () => {
    const quiet = await runWith(['table', 'list'], { openFails: new TypeError('x is not a function') })
    expect(quiet.code).toBe(1)
    expect(quiet.err).toContain('internal/unreachable: x is not a function')
    expect(quiet.err).not.toContain('\n    at ')
    const loud = await runWith(['table', 'list'], { openFails: new TypeError('x'), env: { ICEBOX_DEBUG: '1' } })
    expect(loud.err).toContain('TypeError: x\n    at ')
  })

  it('reports what went wrong first when closing fails too', async () => {
    const failsWith = new IceboxError('memory/refused', { message: 'the first' })
    const lake = new FakeLake(() => ({ failsWith }))
    lake[Symbol.asyncDispose] = () => Promise.reject(new TypeError('the second'))
    const ran = await runWith(['sql', 'select 1'], { lake })
    expect(ran.code).toBe(3)
    expect(ran.err).toContain('memory/refused: the first')
  })

  it('colours only a terminal, and not with NO_COLOR', async () => {
    const openFails = new IceboxError('lake/not-found', { message: 'm' })
    expect((await runWith(['table', 'list'], { openFails, terminalWidth: 80 })).err).toContain('\u001b[31m')
    expect(
      (await runWith(['table', 'list'], { openFails, terminalWidth: 80, env: { NO_COLOR: '1' } })).err,
    ).not.toContain('\u001b')
    expect((await runWith(['table', 'list'], { openFails })).err).not.toContain('\u001b')
  })

  it('ends with 130 on Ctrl-C, and the second Ctrl-C kills', async () => {
    let kills = 0
    const interrupts = new Interrupts(() => void kills++)
    const lake = new FakeLake(() => numbers)
    expect(interrupts.interrupt()).toBe(true)
    const ran = await runWith(['sql', 'select 1'], { lake, interrupts })
    expect(ran.code).toBe(130)
    expect(ran.err).toContain('cancelled: stopped by Ctrl-C')
    expect(kills).toBe(0)
    interrupts.interrupt()
    expect(kills).toBe(1)
  })

  it('explains the configuration without a lakehouse', async () => {
    const ran = await runWith(['config', 'explain', 'performance.memory.max_usage', '--json'])
    expect(ran.code).toBe(0)
    expect(JSON.parse(ran.out)).toMatchObject([
      { key: 'performance.memory.max_usage', value: '1GB', source: 'default' },
    ])
    const some = await runWith(['config', 'explain', 'performance.memory.max_', '--json'])
    expect(JSON.parse(some.out)).toMatchObject([
      { key: 'performance.memory.max_usage' },
      { key: 'performance.memory.max_spill' },
    ])
    const unknown = await runWith(['config', 'explain', 'performance.memory.max_usgae'])
    expect(unknown.code).toBe(2)
    expect(unknown.err).toContain('did you mean performance.memory.max_usage')
  })
})
