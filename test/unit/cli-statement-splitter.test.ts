import { describe, expect, it } from 'vitest'
import { MAX_STATEMENT_CHARS, splitStatements, StatementSplitter } from '../../src/cli/shell/statement-splitter.ts'

describe('splitting statements', () => {
  it.each<[string, string, string[]]>([
    ['two on a line', 'select 1; select 2', ['select 1', 'select 2']],
    ['empty statements', ';; select 1;;', ['select 1']],
    ['a string', "select 'a;b'; select 'it''s;'", ["select 'a;b'", "select 'it''s;'"]],
    ['a backslash in a plain string', "select 'a\\'; select 2", ["select 'a\\'", 'select 2']],
    ['an escape string', "select E'a\\';b'; select 2", ["select E'a\\';b'", 'select 2']],
    ['a name that ends in e', "select type'a\\'; select 2", ["select type'a\\'", 'select 2']],
    ['a quoted name', 'select "a;""b"; select 2', ['select "a;""b"', 'select 2']],
    ['a line comment', 'select 1 -- a; b\n; select 2 -- end', ['select 1 -- a; b', 'select 2 -- end']],
    ['nested block comments', 'select /* a; /* b; */ c; */ 1; select 2', ['select /* a; /* b; */ c; */ 1', 'select 2']],
    ['dollar quotes', 'select $$a;b$$; select $x$;$$;$x$', ['select $$a;b$$', 'select $x$;$$;$x$']],
    ['parameters', 'select $1; select $2', ['select $1', 'select $2']],
    ['a dollar in a name', 'select a$b$c; select 2', ['select a$b$c', 'select 2']],
    ['comments only', '-- nothing; here\n/* nor; here */ ;', []],
    ['an open string', "select 'a; select 2", ["select 'a; select 2"]],
  ])('%s', (_name, text, expected) => expect(splitStatements(text)).toEqual(expected))

  it('comes to the same whether text comes whole or line by line', () => {
    const text = "select 1;\nselect 'a\n;b' -- x;\n, $q$\n;\n$q$;\n/* \n;*/ select E'\\\n';select 4\n"
    const splitter = new StatementSplitter()
    const byLine = text.split(/(?<=\n)/).flatMap((line) => splitter.push(line))
    const rest = splitter.rest()
    expect([...byLine, rest].map((statement) => statement?.text)).toEqual(splitStatements(text))
    expect(splitStatements(text)).toHaveLength(4)
  })

  it('tells where statements begin, whether text comes whole or line by line', () => {
    const text = "\n  select 1; select\n2;;\n-- c\nselect 'a\n;b'; /* d */ select 4 ;\n;\n\nselect 5"
    const expected = [
      { text: 'select 1', line: 2, before: '  ' },
      { text: 'select\n2', line: 2, before: '  select 1; ' },
      { text: "-- c\nselect 'a\n;b'", line: 4, before: '' },
      { text: '/* d */ select 4', line: 6, before: ";b'; " },
      { text: 'select 5', line: 9, before: '' },
    ]
    for (const pieces of [[text], text.split(/(?<=\n)/)]) {
      const splitter = new StatementSplitter()
      const done = pieces.flatMap((piece) => splitter.push(piece))
      expect([...done, splitter.rest()]).toEqual(expected)
    }
    const behindCommand = new StatementSplitter()
    behindCommand.skipLine()
    expect(behindCommand.push('select 1;\n')).toEqual([{ text: 'select 1', line: 2, before: '' }])
  })

  it('knows when a statement is open', () => {
    const splitter = new StatementSplitter()
    expect(splitter.isOpen).toBe(false)
    splitter.push('  \n-- c\n')
    expect(splitter.isOpen).toBe(false)
    splitter.push('/* c\n')
    expect(splitter.isOpen).toBe(true)
    splitter.push('*/ select 1\n')
    expect(splitter.isOpen).toBe(true)
    splitter.push(';\n')
    expect(splitter.isOpen).toBe(false)
  })

  it('refuses a statement that never ends instead of filling memory', () => {
    const splitter = new StatementSplitter()
    const megabyte = `select '${'x'.repeat(1024 * 1024)}\n`
    expect(() => {
      for (let at = 0; at <= MAX_STATEMENT_CHARS / megabyte.length + 1; at++) splitter.push(megabyte)
    }).toThrow(/longer than/)
  })
})
