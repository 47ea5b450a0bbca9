import { describe, expect, it } from 'vitest'
import { decide, newEvidence, observe } from '../../src/ingest/inspect/classify.ts'
import { detectDialect } from '../../src/ingest/inspect/dialect.ts'
import { fieldsOf, RecordSplitter } from '../../src/ingest/inspect/records.ts'

function decision(...values: string[]) {
  const evidence = newEvidence()
  for (const value of values) observe(evidence, value)
  return decide(evidence)
}

describe('the type of texts', () => {
  it('a note names the value that is to blame', () => {
    const large = '12345678901234567890123'
    const notes: [string[], string | undefined][] = [
      [['1e400', '-0.0', large], "'1e400' is larger than any double: kept as text"],
      [['1e40', '-0.0', large], `'${large}' does not fit into 64 bits and '1e40' is no decimal: kept as text`],
      [[large, '1'.repeat(39)], `'${'1'.repeat(39)}' has more digits than a number of 38 digits holds: kept as text`],
      [
        ['1.5', large, `0.${'3'.repeat(20)}`],
        `'${large}' and '0.${'3'.repeat(20)}' have more digits before and after the point than a number of 38 digits holds: kept as text`,
      ],
      // 17 digits, and a zero that is none of them: the double is the number.
      [['0.30000000000000004'], undefined],
      [
        ['1.2345678901234567890e5'],
        'some numbers have more digits than a double holds (about 17) and are rounded; declare decimal to keep them',
      ],
    ]
    for (const [texts, note] of notes) expect(decision(...texts).note).toBe(note)
  })

  it.each([
    [['1', '-2', '3'], 'BIGINT'],
    [['+491701234567', '17'], 'VARCHAR'],
    [['+9223372036854775808'], 'VARCHAR'],
    [['+1.5', '+3', '-2'], 'DOUBLE'],
    [['-0', '1'], 'BIGINT'],
    [['1e-400', '1.5'], 'DOUBLE'],
    [['9223372036854775807', '-9223372036854775808'], 'BIGINT'],
    [['9223372036854775808'], 'DECIMAL(38,0)'],
    [['12345678901234567890', '1.25'], 'DECIMAL(38,2)'],
    [['1'.repeat(39)], 'VARCHAR'],
    [['007', '12'], 'VARCHAR'],
    [['0', '10'], 'BIGINT'],
    [['1', '2.5', '1e3'], 'DOUBLE'],
    [['1.5', 'nan', '-Infinity'], 'DOUBLE'],
    [['1', 'NaN'], 'DOUBLE'],
    [['nan', 'inf'], 'VARCHAR'],
    [['1.5', 'nan', 'none'], 'VARCHAR'],
    [['1e400', '1.5'], 'VARCHAR'],
    [['true', 'FALSE'], 'BOOLEAN'],
    [['true', '1'], 'VARCHAR'],
    [['2023-01-31'], 'DATE'],
    [['2023-02-30'], 'VARCHAR'],
    [['2023-01-31', '2023-01-31 10:00:00'], 'TIMESTAMP'],
    [['2023-01-31T10:00:00Z', '2023-01-31T10:00:00+02:00'], 'TIMESTAMP WITH TIME ZONE'],
    [['2023-01-31T10:00:00Z', '2023-01-31T10:00:00'], 'VARCHAR'],
    [['10:00:00', '23:59:59.5'], 'TIME'],
    [['24:00:00'], 'VARCHAR'],
    [['a', '1'], 'VARCHAR'],
    [[], 'VARCHAR'],
  ])('%j is %s', (values, type) => {
    expect(decision(...values).type).toBe(type)
  })

  it('a decision that could have been another says so', () => {
    expect(decision('007').note).toContain('leading zeros')
    expect(decision('12345678901234567890').note).toContain('64 bits')
    expect(decision('1', 'x').note).toContain("'1' and 'x'")
    expect(decision('1', '2').note).toBeUndefined()
    expect(decision('+491701234567', '17').note).toContain("'+491701234567' begins with '+'")
    expect(decision('-0', '1').note).toContain("'-0' becomes 0")
    expect(decision('1e-400', '1.5').note).toContain("'1e-400' is closer to 0")
    expect(decision('0e-400', '-0.0', '5e-324').note).toBeUndefined()
    expect(decision('2024-01-01', '2024-01-02 10:00:00').note).toContain("'2024-01-01' has no time")
    expect(decision('2024-01-02 10:00:00').note).toBeUndefined()
  })

  it('dates that read two ways are settled by a number that can only be a day, else not at all', () => {
    expect(decision('01/02/2023')).toMatchObject({ isAmbiguous: true })
    expect(decision('01/02/2023', '13/02/2023')).toMatchObject({ type: 'DATE', format: '%d/%m/%Y' })
    expect(decision('01/02/2023', '02/28/2023')).toMatchObject({ type: 'DATE', format: '%m/%d/%Y' })
    expect(decision('13.02.23', '01.02.23')).toMatchObject({ type: 'DATE', format: '%d.%m.%y' })
    expect(decision('13/02/2023', '02/13/2023').type).toBe('VARCHAR')
    expect(decision('13/02/2023', '13-02-2023').type).toBe('VARCHAR')
    expect(decision('1/13/2023 9:05 PM')).toMatchObject({ type: 'TIMESTAMP', format: '%m/%d/%Y %I:%M %p' })
  })
})

describe('the dialect of a CSV file', () => {
  const detect = (text: string, extension = 'csv') => detectDialect(text, true, {}, extension)

  it.each([
    ['a,b,c\n1,2\n1,2,3\n4,5,6\n', ','],
    ['a;b;c\n1,5;2;3\n', ';'],
    ['a\tb\n1,2\t3,4\n', '\t'],
    ['a|b|c\n1|2|3\n', '|'],
    ['only\n1\n', ','],
    ['"x,y";b\n"1,2";3\n', ';'],
  ])('%j is separated by %j: the first line rules', (text, delimiter) => {
    expect(detect(text).delimiter).toBe(delimiter)
  })

  it('a first line with numbers or dates is no header, one of names is', () => {
    expect(detect('1,a\n2,b\n').hasHeader).toBe(false)
    expect(detect('2023-01-01,a\n').hasHeader).toBe(false)
    expect(detect('id,name\n1,a\n').hasHeader).toBe(true)
    expect(detect('name,city\nbob,rome\n').notes.join()).toContain('all columns hold text')
    expect(detect('1,a\n').notes.join()).toContain('holds values, not names')
  })
})

describe('what stands before a quote inside quotes', () => {
  const detect = (text: string, isWhole = true, given = {}) => detectDialect(text, isWhole, given, 'csv')

  it.each([
    ['a value that ends in a backslash', 'k,v\n1,"C:\\dir\\"\n2,"D:\\x"\n', '"'],
    ['one before a delimiter', 'k,v\n"a\\",",b"\n', '"'],
    ['backslashes beside doubled quotes', 'k,v\n1,"a ""b"" \\"\n', '"'],
    ['backslashes before quotes', 'k,v\n1,"say \\"hi\\" now"\n2,"x"\n', '\\'],
    ['a backslash and an odd quote', 'k,v\n1,"5\\" pipe"\n2,"6\\" pipe"\n3,c\n', '\\'],
    ['backslashes of both kinds', 'k,v\n1,"a \\"b\\" c"\n2,"d\\\\"\n', '\\'],
    ['no quotes at all', 'k,v\n1,a\\"b\n', '"'],
  ])('%s', (_, text, escape) => {
    expect(detect(text).escape).toBe(escape)
  })

  it('a quote that swallows the rest of the head is no reading', () => {
    const rest = Array.from({ length: 500 }, (_, at) => `${at},plain\n`).join('')
    expect(detect(`k,v\n1,"5\\" pipe"\n${rest}`, false).escape).toBe('\\')
    expect(detect(`k,v\n1,"5\\"\n${rest}`, false).escape).toBe('"')
  })

  it('is said where it could be otherwise, and what is asked for counts', () => {
    expect(detect('k,v\n"a\\",",b"\n').notes.join()).toContain("--escape '\\'")
    expect(detect('k,v\n1,"a \\"b\\" c"\n').notes.join()).toContain('is an escape')
    expect(detect('k,v\n"a\\",",b"\n', true, { escape: '\\' })).toMatchObject({
      escape: '\\',
      notes: ['all columns hold text; the first line is taken as their names'],
    })
  })
})

describe('records', () => {
  const split = (chunks: string[], dialect = { delimiter: ',', quote: '"', escape: '"' }) => {
    const splitter = new RecordSplitter(dialect)
    const records = [...chunks.flatMap((chunk) => [...splitter.push(chunk, false)]), ...splitter.push('', true)]
    return records.map((record) => ({ ...record, fields: fieldsOf(record.raw, dialect) }))
  }

  it('quoted line ends stay in their record, and lines are counted through them, records with blank lines', () => {
    expect(split(['a,b\n1,"x\ny"\n\n2,"q""q,"\r\n3,'])).toEqual([
      { fields: ['a', 'b'], line: 1, number: 1, raw: 'a,b' },
      { fields: ['1', 'x\ny'], line: 2, number: 2, raw: '1,"x\ny"' },
      { fields: ['2', 'q"q,'], line: 5, number: 4, raw: '2,"q""q,"' },
      { fields: ['3', ''], line: 6, number: 5, raw: '3,' },
    ])
  })

  it('a text cut anywhere gives the same records', () => {
    const text = 'a,b\n1,"x\ny"\n2,"q""q"\n'
    const whole = split([text])
    for (let at = 1; at < text.length; at++) expect(split([text.slice(0, at), text.slice(at)])).toEqual(whole)
  })

  it('a text with backslashes cut anywhere gives the same records', () => {
    const dialect = { delimiter: ',', quote: '"', escape: '\\' }
    const text = '1,"a\\"\n\\\\"\n2,"\\\\\\""\n'
    const whole = split([text], dialect)
    expect(whole.map((record) => record.line)).toEqual([1, 3])
    for (let at = 1; at < text.length; at++) expect(split([text.slice(0, at), text.slice(at)], dialect)).toEqual(whole)
  })

  it('a long record is not held: its beginning is, and lines are counted through the rest', () => {
    const splitter = new RecordSplitter({ quote: '"', escape: '"' }, 4)
    const chunks = ['1,"abc', 'def\n', 'x"\n2,', 'y\n']
    expect(chunks.flatMap((chunk) => [...splitter.push(chunk, false)])).toEqual([
      { line: 1, number: 1, raw: '1,"a' },
      { line: 3, number: 2, raw: '2,y' },
    ])
  })

  it('backslashes escape where they are the escape', () => {
    expect(split(['1,"a\\"b\\\\"\n'], { delimiter: ',', quote: '"', escape: '\\' })[0]?.fields).toEqual(['1', 'a"b\\'])
  })
})
