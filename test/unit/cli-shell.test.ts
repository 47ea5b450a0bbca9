import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { complete, tablesIn } from '../../src/cli/shell/completion.ts'
import { DOT_COMMANDS, helpText, isDotLine, parseDot } from '../../src/cli/shell/dot-commands.ts'
import { HistoryWalk } from '../../src/cli/shell/history-walk.ts'
import { entryOf, MAX_HISTORY_ENTRIES, ShellHistory } from '../../src/cli/shell/history.ts'

describe('dot commands', () => {
  it('takes arguments with and without quotes, and forgives a semicolon', () => {
    expect(parseDot('.read "my file.sql";')).toEqual({ name: '.read', args: ['my file.sql'] })
    expect(parseDot('  .MODE csv')).toEqual({ name: '.mode', args: ['csv'] })
    expect(parseDot('.exit')).toEqual({ name: '.quit', args: [] })
  })

  it('refuses an unknown one with the nearest name, never runs it as SQL', () => {
    expect(() => parseDot('.tabels')).toThrow(
      expect.objectContaining({ code: 'usage/invalid', remedy: expect.stringContaining('.tables') }),
    )
    expect(() => parseDot('.frobnicate')).toThrow(/is not a command/)
    expect(isDotLine('.5 + 1')).toBe(false)
    expect(isDotLine('select .5')).toBe(false)
  })

  it('understands what people of other shells type to leave, to get help and to look around', () => {
    for (const line of ['quit', 'exit;', ' QUIT ;', String.raw`\q`]) {
      expect(isDotLine(line)).toBe(true)
      expect(parseDot(line)).toEqual({ name: '.quit', args: [] })
    }
    expect(parseDot('help')).toEqual({ name: '.help', args: [] })
    expect(parseDot(String.raw`\d sales.orders`)).toEqual({ name: '.schema', args: ['sales.orders'] })
    for (const line of ['exit_code', 'help me', 'quit,', 'select quit']) expect(isDotLine(line)).toBe(false)
  })

  it('refuses words too many and too few', () => {
    expect(() => parseDot('.quit now')).toThrow(/takes nothing/)
    expect(() => parseDot('.read')).toThrow(/needs more/)
    expect(() => parseDot('.timer on off')).toThrow(/takes 1 word/)
    expect(parseDot('.timer')).toEqual({ name: '.timer', args: [] })
    expect(parseDot('.output')).toEqual({ name: '.output', args: [] })
  })

  it('lists every command in .help', () => {
    for (const command of DOT_COMMANDS) expect(helpText()).toContain(command.usage)
  })
})

describe('completion', () => {
  const words = { tables: ['sales.orders', 'sales.Order Lines', 'web.events'], columns: ['id', 'region', 'Ordered At'] }

  it('offers tables by the beginning of their full name, quoted where SQL needs it', () => {
    expect(complete('select * from sal', words)).toEqual({
      word: 'sal',
      candidates: ['sales.orders', 'sales."Order Lines"'],
    })
    expect(complete('from sales.or', words).candidates).toEqual(['sales.orders', 'sales."Order Lines"'])
    expect(complete('from web.', words).candidates).toEqual(['web.events'])
  })

  it('offers columns, also after an alias', () => {
    expect(complete('select reg', words).candidates).toEqual(['region'])
    expect(complete('select o.', words).candidates).toEqual(['o.id', 'o.region', 'o."Ordered At"'])
  })

  it('offers keywords in the case that was typed', () => {
    expect(complete('sele', words).candidates).toEqual(['select'])
    expect(complete('SELE', words).candidates).toEqual(['SELECT'])
  })

  it('offers shell commands only at the start of the line', () => {
    expect(complete('.ta', words).candidates).toEqual(['.tables'])
    expect(complete('select .ta', words).candidates).toEqual([])
  })

  it('offers nothing for nothing', () => {
    expect(complete('', { tables: [], columns: ['a'] }).candidates).toEqual([])
  })

  it('finds the tables that a statement names, whatever case and quotes', () => {
    expect(tablesIn('select * from "sales".Orders o join web.events', words.tables)).toEqual([
      'sales.orders',
      'web.events',
    ])
  })
})

describe('history', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'icebox-'))
  })
  afterEach(() => rm(folder, { recursive: true }))
  const failures: unknown[] = []
  const historyAt = (path: string) => new ShellHistory(path, (error) => failures.push(error))

  it('comes back newest first and only its owner may read it', async () => {
    const path = join(folder, '.icebox', 'history')
    const history = historyAt(path)
    expect(await history.load()).toEqual([])
    await history.add('select 1;')
    await history.add(entryOf(['  select 2;  ']))
    await history.add(entryOf(['', ' ']))
    expect(await historyAt(path).load()).toEqual(['select 2;', 'select 1;'])
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('stays bounded', async () => {
    const path = join(folder, 'history')
    await writeFile(path, Array.from({ length: 5_000 }, (_, at) => `select ${at};\n`).join(''))
    const entries = await historyAt(path).load()
    expect(entries).toHaveLength(MAX_HISTORY_ENTRIES)
    expect(entries[0]).toBe('select 4999;')
    expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(MAX_HISTORY_ENTRIES + 1)
    await historyAt(path).add('x'.repeat(20_000))
    expect((await readFile(path, 'utf8')).length).toBeLessThan(20_000)
  })

  it('reads only the end of a huge file', async () => {
    const path = join(folder, 'history')
    await writeFile(path, `${'y'.repeat(5 * 1024 * 1024)}\nselect 1;\n`)
    expect(await historyAt(path).load()).toEqual(['select 1;'])
  })

  it('says once that it cannot be written, and the shell goes on', async () => {
    await writeFile(join(folder, 'file'), '')
    const history = historyAt(join(folder, 'file', 'history'))
    await history.add('select 1;')
    await history.add('select 2;')
    expect(failures).toHaveLength(1)
  })

  it('keeps the line breaks of a statement, which may stand in a string or end a comment', async () => {
    const path = join(folder, 'history')
    const statement = entryOf(['', 'insert into t -- into t', "  values ('a", '', " b');  "])
    expect(statement).toBe("insert into t -- into t\n  values ('a\n\n b');")
    await historyAt(path).add(statement)
    await historyAt(path).add('select 1;')
    expect(await historyAt(path).load()).toEqual(['select 1;', statement])
    expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(3)
  })

  it('is walked from the newest, by what stands before the cursor, and back to what was typed', () => {
    const walk = new HistoryWalk(['select 3;', 'drop x;', 'select 2\n;', 'select 1;'])
    expect(walk.newer('', 0)).toBeUndefined()
    expect(walk.older('sel', 3)).toBe('select 3;')
    expect(walk.older('select 3;', 9)).toBe('select 2\n;')
    expect(walk.older('select 2\n;', 10)).toBe('select 1;')
    expect(walk.older('select 1;', 9)).toBeUndefined()
    expect(walk.newer('select 1;', 9)).toBe('select 2\n;')
    expect(walk.newer('select 2\n;', 10)).toBe('select 3;')
    expect(walk.newer('select 3;', 9)).toBe('sel')
    walk.add('select 1;')
    expect(walk.older('', 0)).toBe('select 1;')
    walk.pause()
    expect(walk.older('select 1;', 0)).toBe('select 3;')
    expect(walk.older('select 3;', 9)).toBe('drop x;')
    expect(walk.older('drop x;', 7)).toBe('select 2\n;')
    expect(walk.older('select 2\n;', 10)).toBeUndefined()
  })
})
