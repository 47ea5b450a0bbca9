import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { icebox, ORDERS_CSV, rowsOf, type TemporaryFolder, temporaryFolder } from './support/cli.ts'
import { hasPython, onTerminal, type Step } from './support/terminal.ts'

let folder: TemporaryFolder
let lake = ''

const PROMPT = { expect: 'icebox> ' }
const CTRL_C = { send: '\u0003' }
const type = (text: string): Step => ({ send: `${text}\r` })

beforeAll(async () => {
  folder = await temporaryFolder()
  lake = folder.in('lake')
  await icebox(['init', lake])
  await icebox(['import', 'sales.orders', '-', '--format', 'csv'], { cwd: lake, stdin: ORDERS_CSV })
})

afterAll(() => folder[Symbol.asyncDispose]())

describe.skipIf(!hasPython())('the shell on a terminal', () => {
  it('runs a statement of several lines, with row count, time and memory, and leaves by .quit', () => {
    const played = onTerminal(
      ['sql'],
      [
        PROMPT,
        type('select count(*) as n,'),
        { expect: '\\.\\.\\.> ' },
        type("sum(id) as s from sales.orders; select 'second' as x;"),
        { expect: '\\b10\\b' },
        { expect: '1 row · .* · peak .* of 1 GB' },
        { expect: 'second' },
        PROMPT,
        type('.quit'),
      ],
      { cwd: lake },
    )
    expect(played).toMatchObject({ failed: null, code: 0 })
  })

  it('Ctrl-C cancels the statement and not the shell; twice on an empty line leaves', () => {
    const played = onTerminal(
      ['sql'],
      [
        PROMPT,
        type('select count(*) from range(1000000000000) t(i) where i % 7 = 3;'),
        { expect: 'memory' },
        CTRL_C,
        { expect: 'cancelled' },
        PROMPT,
        type('select 40 + 2 as still_here;'),
        { expect: '\\b42\\b' },
        PROMPT,
        { send: 'half a li' },
        { expect: 'half a li' },
        CTRL_C,
        PROMPT,
        CTRL_C,
        { expect: 'again' },
        PROMPT,
        CTRL_C,
      ],
      { cwd: lake },
    )
    expect(played).toMatchObject({ failed: null, code: 0 })
  })

  it('SIGTERM ends it, at the prompt and in a statement; SIGINT is Ctrl-C', () => {
    const long = 'select count(*) from range(1000000000000) t(i) where i % 7 = 3;'
    const end: Step[] = [{ signal: 'SIGTERM' }, { expect: 'cancelled: stopped by SIGTERM' }]
    const idle = onTerminal(['sql'], [PROMPT, { signal: 'SIGINT' }, { expect: 'again' }, PROMPT, ...end], { cwd: lake })
    expect(idle).toMatchObject({ failed: null, code: 130 })
    const running = onTerminal(['sql'], [PROMPT, type(long), { expect: 'memory' }, ...end], { cwd: lake })
    expect(running).toMatchObject({ failed: null, code: 130 })
    expect(running.transcript.match(/cancelled/g)).toHaveLength(1)
  })

  it('goes on after errors and refuses unknown dot commands', () => {
    const played = onTerminal(
      ['sql'],
      [
        PROMPT,
        type('selec 1;'),
        { expect: 'sql/syntax' },
        PROMPT,
        type('.tabels'),
        { expect: 'did you mean \\.tables' },
        PROMPT,
        type('.tables'),
        { expect: 'sales\\.orders' },
        PROMPT,
        type('.schema sales.orders'),
        { expect: 'ordered_at +date' },
        PROMPT,
        type('.help'),
        { expect: '\\.output' },
        PROMPT,
        { send: '\u0004' },
      ],
      { cwd: lake },
    )
    expect(played).toMatchObject({ failed: null, code: 0 })
  })

  it('completes tables, columns and keywords with Tab', () => {
    const played = onTerminal(
      ['sql'],
      [
        PROMPT,
        { send: 'from sales.or\t' },
        { expect: 'sales\\.orders' },
        { send: ' where reg\t' },
        { expect: 'region' },
        { send: ' is null;\r' },
        { expect: '\\b40' },
        PROMPT,
        type('.quit'),
      ],
      { cwd: lake },
    )
    expect(played).toMatchObject({ failed: null, code: 0 })
  })

  it('brings a statement back as it was typed, with the line breaks in its strings, also in the next session', async () => {
    await icebox(['sql', 'create table sales.notes (text varchar)'], { cwd: lake })
    const more = { expect: '\\.\\.\\.> ' }
    const first = onTerminal(
      ['sql'],
      [
        PROMPT,
        type('insert into sales.notes -- a comment'),
        more,
        type("values ('one"),
        more,
        type(''),
        more,
        type(" two');"),
        { expect: '1 row' },
        PROMPT,
        { send: '\u001b[A' },
        { expect: " two'\\);" },
        { send: '\r' },
        { expect: '1 row' },
        PROMPT,
        type('.quit'),
      ],
      { cwd: lake },
    )
    expect(first).toMatchObject({ failed: null, code: 0 })
    const second = onTerminal(
      ['sql'],
      [
        PROMPT,
        { send: 'ins\u001b[A' },
        { expect: " two'\\);" },
        { send: '\u001b[A\u001b[B\u001b[A\r' },
        { expect: '1 row' },
        PROMPT,
        type('.quit'),
      ],
      { cwd: lake },
    )
    expect(second).toMatchObject({ failed: null, code: 0 })
    expect(await rowsOf('select * from sales.notes', { cwd: lake })).toEqual([
      ['one\n\n two'],
      ['one\n\n two'],
      ['one\n\n two'],
    ])
  })

  it('changes mode, timer and output', async () => {
    const file = folder.in('shell.csv')
    const played = onTerminal(
      ['sql'],
      [
        PROMPT,
        type('.timer off'),
        PROMPT,
        type('.mode json'),
        PROMPT,
        type('select 7 as n;'),
        { expect: '\\{"n":7\\}' },
        PROMPT,
        type('.mode csv'),
        PROMPT,
        type(`.output ${file}`),
        PROMPT,
        type('select 8 as n;'),
        PROMPT,
        type('.output'),
        PROMPT,
        type('.mode table'),
        PROMPT,
        type(`.output ${folder.in('named.ndjson')}`),
        PROMPT,
        type('select 9 as n;'),
        PROMPT,
        type('.mode csv'),
        PROMPT,
        type('select 10 as n;'),
        PROMPT,
        type(`.output ${folder.in('named.parquet')}`),
        { expect: 'not a format for the shell' },
        PROMPT,
        type('.output'),
        PROMPT,
        type('.mode parquet'),
        { expect: 'not a format for the shell' },
        PROMPT,
        type('.quit'),
      ],
      { cwd: lake },
    )
    expect(played).toMatchObject({ failed: null, code: 0 })
    expect(played.transcript).not.toContain('peak')
    expect(await readFile(file, 'utf8')).toBe('n\n8\n')
    expect(await readFile(folder.in('named.ndjson'), 'utf8')).toBe('{"n":9}\nn\n10\n')
    await expect(readFile(folder.in('named.parquet'))).rejects.toThrow('ENOENT')
  })

  it('a table fits the terminal', () => {
    const wide = `select ${Array.from({ length: 40 }, (_, at) => `'value ${at}' as column_${at}`).join(', ')}`
    const played = onTerminal(['sql', wide], [], { cwd: lake, columns: 60 })
    expect(played.code).toBe(0)
    expect(played.transcript).toContain('of 40 columns fit the terminal')
    const lines = played.transcript.split(/\r?\n/).filter((line) => line.includes('column_') || line.includes('value '))
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(60)
  })

  it('colours a terminal unless NO_COLOR is set', () => {
    expect(onTerminal(['sql', 'selec'], [], { cwd: lake, env: { NO_COLOR: '' } }).transcript).toContain('\u001b[31m')
    expect(onTerminal(['sql', 'selec'], [], { cwd: lake }).transcript).not.toContain('\u001b[')
  })

  it('asks for the name of a table before its files are deleted', async () => {
    await icebox(['import', 'sales.gone', '-', '--format', 'csv'], { cwd: lake, stdin: ORDERS_CSV })
    const purge = ['table', 'drop', 'sales.gone', '--purge']
    const kept = onTerminal(purge, [{ expect: 'Type its name: ' }, type('yes'), { expect: 'nothing was deleted' }], {
      cwd: lake,
    })
    expect(kept).toMatchObject({ failed: null, code: 2 })
    const stopped = onTerminal(purge, [{ expect: 'Type its name: ' }, CTRL_C], { cwd: lake })
    expect(stopped).toMatchObject({ failed: null, code: 130 })
    const ended = onTerminal(
      purge,
      [{ expect: 'Type its name: ' }, { send: '\u0004' }, { expect: 'nothing was deleted' }],
      { cwd: lake },
    )
    expect(ended).toMatchObject({ failed: null, code: 2 })
    expect((await icebox(['table', 'show', 'sales.gone'], { cwd: lake })).code).toBe(0)
    const dropped = onTerminal(
      purge,
      [{ expect: 'Type its name: ' }, type('sales.gone'), { expect: 'deleted its files' }],
      { cwd: lake },
    )
    expect(dropped).toMatchObject({ failed: null, code: 0 })
    expect((await icebox(['table', 'show', 'sales.gone'], { cwd: lake })).code).toBe(1)
  })
})
