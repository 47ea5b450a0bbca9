import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nameOf, stringValue, tokenize } from '../../src/query/text/tokenizer.ts'
import { splitStatements } from '../../src/query/text/statements.ts'
import { plannerBytes } from '../../src/query/run/statement-room.ts'

const kinds = (sql: string): string[] =>
  [...tokenize(sql)].filter((token) => token.kind !== 'space').map((token) => `${token.kind}:${token.text}`)

describe('tokens', () => {
  it('lose no character of any text', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        "'",
        '"',
        '$$',
        '$a$',
        '--',
        '/*',
        '*/',
        '\n',
        "E'",
        '\\',
        "''",
        '(',
        ')',
        ';',
        '.',
        '::',
        ' ',
        '·',
      ),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const sql = pieces.join('')
        const tokens = [...tokenize(sql)]
        expect(tokens.map((token) => token.text).join('')).toBe(sql)
        let at = 0
        for (const token of tokens) {
          expect(token.start).toBe(at)
          expect(token.end).toBeGreaterThan(token.start)
          at = token.end
        }
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    ["select 'it''s; -- no'", ['word:select', "string:'it''s; -- no'"]],
    [String.raw`select E'a\'; b'`, ['word:select', String.raw`string:E'a\'; b'`]],
    ['select $tag$ a; $$ b $tag$, $1', ['word:select', 'string:$tag$ a; $$ b $tag$', 'operator:,', 'parameter:$1']],
    ['"a "" b"."C"', ['quoted:"a "" b"', 'operator:.', 'quoted:"C"']],
    ['a /* x /* y */ ; */ b', ['word:a', 'comment:/* x /* y */ ; */', 'word:b']],
    ['a -- b; c\nd', ['word:a', 'comment:-- b; c', 'word:d']],
    [
      'x::int, 1.5e-3, .5, 1_000, 0xFF',
      [
        'word:x',
        'operator:::',
        'word:int',
        'operator:,',
        'number:1.5e-3',
        'operator:,',
        'number:.5',
        'operator:,',
        'number:1_000',
        'operator:,',
        'number:0xFF',
      ],
    ],
    [
      'a->>1 <> b >= $x ?',
      ['word:a', 'operator:->>', 'number:1', 'operator:<>', 'word:b', 'operator:>=', 'parameter:$x', 'parameter:?'],
    ],
    ['täble.größe$1', ['word:täble', 'operator:.', 'word:größe$1']],
    ["x'00ff'", ["string:x'00ff'"]],
    ['a[1..2]', ['word:a', 'operator:[', 'number:1', 'operator:.', 'number:.2', 'operator:]']],
  ])('%s', (sql, expected) => {
    expect(kinds(sql)).toEqual(expected)
  })

  it('count the depth of brackets, a bracket being outside itself', () => {
    const depths = [...tokenize('a(b[c])d')].map((token) => token.depth)
    expect(depths).toEqual([0, 0, 1, 1, 2, 1, 0, 0])
  })

  it('give values without their quotes', () => {
    expect(nameOf(tokenize('"a""b"').at(0))).toBe('a"b')
    expect(stringValue(tokenize("'a''b'").at(0))).toBe("a'b")
    expect(stringValue(tokenize(String.raw`E'a\n\x41\u00e9\''`).at(0))).toBe("a\nAé'")
    expect(stringValue(tokenize("$q$it's$q$").at(0))).toBe("it's")
    expect(stringValue(tokenize('word').at(0))).toBeUndefined()
  })
})

describe('tokens of a part', () => {
  it('are those of its text by itself, also of a part of a part', () => {
    const text = "select a, (b + 'c d') from /* e */ t; select 2"
    const whole = tokenize(text)
    const part = whole.within(7, 36)
    expect([...part]).toEqual([...tokenize(text.slice(7, 36))])
    expect([...part.within(3, 15)]).toEqual([...tokenize(text.slice(10, 22))])
    // What lies across an end is left out.
    expect([...whole.within(1, 8)].map((token) => token.text)).toEqual([' ', 'a'])
  })

  it('are asked for memory before they take it, eight bytes each', () => {
    const asked: number[] = []
    const text = Array.from({ length: 10_000 }, (_, at) => at).join(',')
    const tokens = tokenize(text, (bytes) => asked.push(bytes))
    expect(tokens.length).toBe(19_999)
    expect(Math.max(...asked)).toBeGreaterThanOrEqual(tokens.length * 8)
    expect(Math.max(...asked)).toBeLessThan(tokens.length * 8 * 3)
    const refuse = () => {
      throw new RangeError('no room')
    }
    expect(() => tokenize(text, refuse)).toThrow('no room')
  })
})

describe('statements', () => {
  it('end at semicolons outside strings, comments and nothing else', () => {
    const script = "select ';' ; -- a;b\n insert into t values ($$;$$);; /* ; */ select 1"
    expect(splitStatements(script).map((statement) => statement.sql)).toEqual([
      "select ';'",
      'insert into t values ($$;$$)',
      'select 1',
    ])
  })

  it('keep their place in the script', () => {
    const [, second] = splitStatements('select 1;\n  select 2')
    expect(second?.offset).toBe(12)
    expect(second?.tokens.at(0)?.start).toBe(0)
  })

  it('mark the place of what has no end', () => {
    expect(() => splitStatements("select 1;\nselect 'abc")).toThrow("line 2, column 8)\nselect 'abc\n       ^")
    expect(() => splitStatements('select "a')).toThrow('this quoted name has no end')
    expect(() => splitStatements('select /* a')).toThrow('this comment has no end')
  })

  it('refuse brackets that nest without end', () => {
    expect(() => splitStatements('('.repeat(2000))).toThrow('brackets nest deeper')
  })
})

describe('a text of megabytes', () => {
  it.each([
    ['string', `'${'x'.repeat(20_000_000)}'`],
    ['string', `'${"it''s ".repeat(2_000_000)}'`],
    ['string', `E'${'a\\n'.repeat(2_000_000)}'`],
    ['quoted', `"${'n""'.repeat(2_000_000)}"`],
  ] as const)('is one %s token and does not overflow the stack', (kind, text) => {
    const tokens = tokenize(`select ${text} x`)
    expect([...tokens].map((token) => token.kind)).toEqual(['word', 'space', kind, 'space', 'word'])
    expect(tokens.at(2)?.text.length).toBe(text.length)
  })
})

describe('what DuckDB takes to parse and plan', () => {
  it('is 750 bytes a number, name or keyword, 1,150 a text, and the text three times', () => {
    const sql = "select a, 1, 'x' from t"
    expect(plannerBytes(tokenize(sql), 1000)).toBe(3000 + 5 * 750 + 1150)
  })
})
