import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failure, type Kit, nothingLeft, openKit } from './ingest-kit.ts'

let kit: Kit
beforeAll(async () => {
  kit = await openKit()
})
afterAll(() => kit[Symbol.asyncDispose]())

const expectNothingLeft = () => nothingLeft(kit)

const numbers = (count: number) => Array.from({ length: count }, (_, at) => `${at + 1},name ${at + 1}`).join('\n')

describe('bad input: a clear error, and nothing is left', () => {
  it('a missing file is named', async () => {
    const error = await failure(kit.import({ sources: [join(kit.folder, 'nowhere.csv')] }))
    expect(error.code).toBe('source/not-found')
    expect(error.message).toContain('nowhere.csv')
    await expectNothingLeft()
  })

  it('a folder without data is named', async () => {
    await kit.file('void/readme.md', 'nothing here')
    const error = await failure(kit.import({ sources: [join(kit.folder, 'in/void')] }))
    expect(error.code).toBe('source/not-found')
    await expectNothingLeft()
  })

  it.each(['empty.csv', 'empty.ndjson', 'empty.parquet'])('an empty file is no table: %s', async (name) => {
    const error = await failure(kit.import({ sources: [await kit.file(name, '')] }))
    expect(error.code).toBe('source/empty')
    await expectNothingLeft()
  })

  it('two columns of one dotted path are refused before rows are read', async () => {
    const path = await kit.file('dotted.ndjson', '{"a.b":1,"a":{"b":2}}\n')
    const error = await failure(kit.plan({ sources: [path] }))
    expect(error.message).toContain("'a.b' would mean two columns")
    expect((await failure(kit.import({ sources: [path] }))).message).toBe(error.message)
    await expectNothingLeft()
  })

  it.each(['id,name\n', '\n\r\nid,name\n'])('a header without rows is no table: %j', async (text) => {
    const error = await failure(kit.import({ sources: [await kit.file('header.csv', text)] }))
    expect(error.code).toBe('source/empty')
    expect(error.message).toContain('header')
    await expectNothingLeft()
  })

  it('a short row right after the header is an error of that row, not a file of one column', async () => {
    const error = await failure(kit.import({ sources: [await kit.file('ragged.csv', 'a,b,c\n1,2\n1,2,3\n4,5,6\n')] }))
    expect(error.code).toBe('source/row')
    expect(error.context).toMatchObject({ line: 2, expected: 3, found: 2 })
    await expectNothingLeft()
  })

  it('a long row far behind the sample is named with its line', async () => {
    const path = await kit.file('ragged-late.csv', `id,name\n${numbers(5000)}\n5001,x,y\n${numbers(10)}\n`)
    const error = await failure(kit.import({ sources: [path] }))
    expect(error.code).toBe('source/row')
    expect(error.context).toMatchObject({ line: 5002, found: 3 })
    await expectNothingLeft()
  })

  it('Latin-1 bytes in a file that should be UTF-8 are refused; the named encoding takes them', async () => {
    const path = await kit.file('latin.csv', Buffer.from('id,name\n1,caf\xe9\n2,the\n', 'latin1'))
    const error = await failure(kit.import({ sources: [path] }))
    expect(error.code).toBe('source/encoding')
    await expectNothingLeft()
    await kit.import({ table: { namespace: ['ok'], name: 'latin' }, sources: [path], csv: { encoding: 'latin-1' } })
  })

  it.each([
    [{ delimiter: '' }, 'delimiter'],
    [{ delimiter: '\0' }, 'delimiter'],
    [{ delimiter: '\n' }, 'delimiter'],
    [{ delimiter: '-----' }, 'delimiter'],
    [{ delimiter: '"' }, 'delimiter'],
    [{ quote: 'abc' }, 'quote'],
    [{ quote: '\0' }, 'quote'],
    [{ quote: '«' }, 'quote'],
    [{ escape: '' }, 'escape'],
    [{ escape: '\n' }, 'escape'],
    [{ nullText: 'a\0' }, 'nullText'],
  ] as const)('what no reader of CSV takes is refused before the file is looked at: %j', async (csv, option) => {
    // A quote of three characters took 2.4 GB, and an empty delimiter was an error of JavaScript.
    const error = await failure(kit.import({ sources: [await kit.file('dialect.csv', 'a,b\n1,2\n')], csv }))
    expect(error.code).toBe('usage/invalid')
    expect(error.context).toHaveProperty(option)
    await expectNothingLeft()
  })

  it('a delimiter of several bytes and no quote at all are taken', async () => {
    const table = { namespace: ['ok'], name: 'dialect' }
    const path = await kit.file('bytes.csv', 'a§§b\n"1§§2\n')
    expect((await kit.import({ table, sources: [path], csv: { delimiter: '§§', quote: '' } })).rows).toBe(1)
  })

  it('UTF-16 is recognised by its mark', async () => {
    const path = await kit.file(
      'utf16.csv',
      Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('a,b\n1,2\n', 'utf16le')]),
    )
    const error = await failure(kit.import({ sources: [path] }))
    expect(error.code).toBe('source/encoding')
    expect(error.message).toContain('UTF-16')
    await expectNothingLeft()
  })

  it('encodings that are not read are refused by name, and their usual names are known', async () => {
    const path = await kit.file('latin.csv', Buffer.from('id,name\n1,caf\xe9\n', 'latin1'))
    for (const encoding of ['windows-1252', 'utf-16be', 'shift_jis', 'nothing']) {
      const error = await failure(kit.import({ sources: [path], csv: { encoding } }))
      expect(error.code).toBe('source/encoding')
      expect(error.message).toContain(`'${encoding}' cannot be read: utf-8, utf-16 (little-endian) and latin-1`)
    }
    await expectNothingLeft()
    for (const encoding of ['latin1', 'ISO-8859-1'])
      await kit.import({ table: { namespace: ['ok'], name: encoding }, sources: [path], csv: { encoding } })
    const plain = await kit.file('plain.csv', 'id,name\n1,é\n')
    await kit.import({ table: { namespace: ['ok'], name: 'utf8' }, sources: [plain], csv: { encoding: 'UTF8' } })
  })

  it('a byte that is not Latin-1 is named with its line', async () => {
    const path = await kit.file('euro.csv', Buffer.from(`id,name\n${numbers(5000)}\n5001,5 \x80\n`, 'latin1'))
    const error = await failure(kit.import({ sources: [path], csv: { encoding: 'latin-1' } }))
    expect(error.code).toBe('source/encoding')
    expect(error.context).toMatchObject({ file: path, line: 5002 })
    expect(error.message).toContain('0x80')
    expect(error.remedy).toContain('WINDOWS-1252')
    await expectNothingLeft()
  })

  it('UTF-16 in big-endian order is refused by name, asked for or not', async () => {
    const path = await kit.file('be.csv', Buffer.from('\ufeffa,b\n1,2\n', 'utf16le').swap16())
    for (const csv of [{}, { encoding: 'utf-16' }]) {
      const error = await failure(kit.import({ sources: [path], csv }))
      expect(error.code).toBe('source/encoding')
      expect(error.message).toContain('big-endian')
    }
    await expectNothingLeft()
  })

  it('lines that end with CR alone are refused by name', async () => {
    const error = await failure(kit.import({ sources: [await kit.file('cr.csv', 'a,b\r1,x\r2,y\r')] }))
    expect(error.code).toBe('source/format')
    expect(error.message).toContain('CR alone')
    await expectNothingLeft()
  })

  it('NUL bytes in text do not get into the table', async () => {
    const error = await failure(kit.import({ sources: [await kit.file('nul.csv', 'id,name\n1,a\n2,b\0c\n3,d\n')] }))
    expect(error.code).toBe('source/encoding')
    expect(error.context).toMatchObject({ line: 3 })
    await expectNothingLeft()
  })

  it('a line of 100 MB is refused by the limit, not by the memory', async () => {
    const path = await kit.file('wide.csv', `id,name\n1,a\n2,${'x'.repeat(100_000_000)}\n3,c\n`)
    const error = await failure(kit.import({ sources: [path] }))
    expect(error.code).toBe('source/line-too-long')
    expect(error.context).toMatchObject({ limitBytes: 64_000_000 })
    await expectNothingLeft()
  })

  it('a line of 5 MB, longer than the reader allows at first, is taken', async () => {
    const path = await kit.file('long.csv', `id,name\n1,${'x'.repeat(5_000_000)}\n2,c\n`)
    const done = await kit.import({ table: { namespace: ['ok'], name: 'long' }, sources: [path] })
    expect(done.rows).toBe(2)
  })

  it.each([
    ['a,a,b\n1,2,3\n', "is called 'a' like column 1"],
    ['a,,b\n1,2,3\n', 'has no name'],
    ['id,Name,NAME\n1,2,3\n', 'only by case'],
    ['id,file_row_number\n1,2\n', 'file_row_number'],
  ])('column names that a table cannot have are refused, not renamed: %j', async (content, message) => {
    const error = await failure(kit.import({ sources: [await kit.file('names.csv', content)] }))
    expect(error.code).toBe('source/columns')
    expect(error.message).toContain(message)
    await expectNothingLeft()
  })

  it.each([
    ['csv', 'id,v\n1,2\n', 'v,ID\n1,2\n'],
    ['ndjson', '{"id":1,"v":2}\n', '{"v":1,"ID":2}\n'],
  ])('a name that %s files spell in two ways is told with both files, and --append takes it', async (format, a, b) => {
    const first = await kit.file(`a.${format}`, a)
    const second = await kit.file(`b.${format}`, b)
    const error = await failure(kit.import({ sources: [first, second] }))
    expect(error).toMatchObject({
      code: 'source/columns',
      message: `column 'ID' of ${second} differs from 'id' of ${first} only by case`,
    })
    expect(error.remedy).toContain('--append')
    await expectNothingLeft()
    const table = { table: { namespace: ['ok'], name: format } }
    await kit.import({ sources: [first], ...table })
    expect(await kit.import({ sources: [second], mode: 'append', ...table })).toMatchObject({ rows: 1 })
  })

  it('a name that Parquet files spell in two ways is told with both files', async () => {
    const paths = await Promise.all(['1', '2'].map((name) => kit.file(`${name}.parquet`, '')))
    await using session = await kit.engine.session()
    for (const [at, path] of paths.entries())
      await session.run(`COPY (SELECT 1 AS v, 2 AS ${at === 0 ? 'id' : 'ID'}) TO '${path}' (FORMAT parquet)`)
    const error = await failure(kit.import({ sources: paths }))
    expect(error.message).toBe(`column 'ID' of ${paths[1]} differs from 'id' of ${paths[0]} only by case`)
    await expectNothingLeft()
  })

  it.each([
    ['a', 'A', 'only by case'],
    ['a', 'a', 'like column 1'],
    ['', 'a', 'has no name'],
  ])('fields of structs that a table cannot have are refused, not renamed: %j and %j', async (one, other, said) => {
    const { Field, Int32, makeData, Struct, Table, tableToIPC, Vector, vectorFromArray } = await import('apache-arrow')
    const type = new Struct([one, other].map((name) => new Field(name, new Int32(), true)))
    const children = [1, 2].map((value) => vectorFromArray([value], new Int32()).data[0])
    const data = makeData({ type, length: 1, nullCount: 0, children } as never)
    const struct = tableToIPC(new Table({ v: new Vector([data]) } as never), 'file')
    const error = await failure(kit.import({ sources: [await kit.file('fields.arrow', struct)] }))
    expect(error).toMatchObject({ code: 'source/columns', message: expect.stringContaining(said) })
    expect(error.message).toContain("'v'")
  })

  it('reserved words, quotes, dots and any script are names like others', async () => {
    const path = await kit.file('words.csv', 'select,"gro""up",a.b,größe,数,filename\n1,2,3,4,5,6\n')
    await kit.import({ table: { namespace: ['ok'], name: 'words' }, tableName: 'ok.words', sources: [path] })
    const table = await kit.catalog.loadTable({ namespace: ['ok'], name: 'words' })
    const schema = table.metadata.schemas.at(-1)
    expect(schema?.fields.map((field) => field.name)).toEqual(['select', 'gro"up', 'a.b', 'größe', '数', 'filename'])
  })

  it('gzip that ends early is truncated, not a ragged row, also where it ends between rows', async () => {
    const whole = gzipSync(`id,name\n${numbers(60_000)}\n`)
    for (const share of [0.5, 0.9]) {
      const path = await kit.file('cut.csv.gz', whole.subarray(0, Math.floor(whole.length * share)))
      const error = await failure(kit.import({ sources: [path] }))
      expect(error.code).toBe('source/truncated')
    }
    // All data, but half of the trailer is gone: only the check of the whole stream sees it.
    const error = await failure(
      kit.import({ sources: [await kit.file('trailer.csv.gz', whole.subarray(0, whole.length - 4))] }),
    )
    expect(error.code).toBe('source/truncated')
    await expectNothingLeft()
  })

  it('a whole gzip file is read', async () => {
    const path = await kit.file('whole.csv.gz', gzipSync(`id,name\n${numbers(1000)}\n`))
    expect((await kit.import({ table: { namespace: ['ok'], name: 'gz' }, sources: [path] })).rows).toBe(1000)
  })

  it('zstd that ends early is truncated', async () => {
    await using session = await kit.engine.session()
    const path = join(kit.folder, 'in', 'cut.csv.zst')
    await session.run(
      `COPY (SELECT range AS id, hash(range) AS h FROM range(200000)) TO '${path}' (FORMAT csv, COMPRESSION zstd, HEADER)`,
    )
    const whole = await readFile(path)
    await writeFile(path, whole.subarray(0, whole.length - 1000))
    const error = await failure(kit.import({ sources: [path] }))
    expect(error.code).toBe('source/truncated')
    await expectNothingLeft()
  })

  it('truncated Parquet', async () => {
    await using session = await kit.engine.session()
    const path = join(kit.folder, 'in', 'cut.parquet')
    await session.run(`COPY (SELECT range AS id FROM range(100000)) TO '${path}' (FORMAT parquet)`)
    const whole = await readFile(path)
    await writeFile(path, whole.subarray(0, whole.length - 100))
    const error = await failure(kit.import({ sources: [path] }))
    expect(error.code).toBe('source/truncated')
    await expectNothingLeft()
  })

  it('Parquet files one behind the other, of which the last footer would be read alone', async () => {
    const [small, large] = [await kit.file('small.parquet', ''), await kit.file('large.parquet', '')]
    await using session = await kit.engine.session()
    await session.run(`COPY (SELECT range AS id FROM range(10)) TO '${small}' (FORMAT parquet)`)
    await session.run(`COPY (SELECT range AS id FROM range(100000)) TO '${large}' (FORMAT parquet)`)
    const [few, many] = [await readFile(small), await readFile(large)]
    for (const parts of [
      [few, few],
      [many, many],
      [many, few],
    ]) {
      const path = await kit.file('several.parquet', Buffer.concat(parts))
      const error = await failure(kit.import({ sources: [path] }))
      expect([error.code, error.message]).toEqual(['source/format', expect.stringContaining('more than one')])
    }
    // A value in the bounds of the footer is no seam.
    await session.run(`COPY (SELECT 'PAR1PAR1' AS text) TO '${small}' (FORMAT parquet)`)
    expect((await kit.plan({ sources: [small] })).estimate.rows).toBe(1)
    // The footer counts into the first file, where it finds no pages.
    const path = await kit.file('several.parquet', Buffer.concat([few, many]))
    expect((await failure(kit.import({ sources: [path] }))).code).toMatch(/^source\//)
    await expectNothingLeft()
  })

  it('truncated Arrow, file and stream', async () => {
    const { tableFromArrays, tableToIPC } = await import('apache-arrow')
    const table = tableFromArrays({ id: Int32Array.from({ length: 5000 }, (_, at) => at) })
    for (const kind of ['file', 'stream'] as const) {
      const whole = tableToIPC(table, kind)
      for (const cut of [8, 3000]) {
        const path = await kit.file('cut.arrow', whole.subarray(0, whole.length - cut))
        const error = await failure(kit.import({ sources: [path] }))
        expect(error.code, `${kind} without its last ${cut} bytes`).toBe('source/truncated')
      }
    }
    await expectNothingLeft()
  })

  it('Arrow streams with other columns behind the first, one that is cut, and files one behind the other', async () => {
    const { RecordBatchFileWriter, tableFromArrays, tableToIPC } = await import('apache-arrow')
    const ids = tableFromArrays({ id: Int32Array.of(1, 2, 3) })
    const texts = tableFromArrays({ id: ['a', 'b'] })
    const none = tableFromArrays({ id: Int32Array.of() })
    // Cut between two batches, the first of which ends in zeros.
    const zeros = tableToIPC(tableFromArrays({ id: new Int32Array(100) }), 'stream').subarray(0, -8)
    const cases = [
      ['source/truncated', 'its end is missing', zeros],
      ['schema/mismatch', 'number 2', tableToIPC(ids, 'stream'), tableToIPC(texts, 'stream')],
      ['schema/mismatch', 'number 2', tableToIPC(ids, 'stream').subarray(0, -8), tableToIPC(texts, 'stream')],
      ['source/truncated', 'whole', tableToIPC(ids, 'stream'), tableToIPC(ids, 'stream').subarray(0, -16)],
      ['source/truncated', 'whole', tableToIPC(ids, 'stream'), Buffer.from('\0\0garbage')],
      ['source/format', 'more than one', tableToIPC(ids, 'file'), tableToIPC(ids, 'file')],
      ['source/format', 'more than one', tableToIPC(ids, 'file'), tableToIPC(none, 'file')],
    ] as const
    for (const [code, text, ...parts] of cases) {
      const path = await kit.file('several.arrow', Buffer.concat(parts))
      const error = await failure(kit.import({ sources: [path] }))
      expect([error.code, error.message]).toEqual([code, expect.stringContaining(text)])
      await expectNothingLeft()
    }
    // One file without rows is one file, in the format before Arrow 0.15 too.
    const legacy = new RecordBatchFileWriter({ writeLegacyIpcFormat: true }).writeAll(none)
    for (const bytes of [tableToIPC(none, 'file'), await legacy.toUint8Array()]) {
      const single = await kit.file('none.arrow', bytes)
      expect((await failure(kit.import({ sources: [single] }))).code).toBe('source/empty')
    }
  })

  it('dates that read two ways are refused with the option to say which', async () => {
    const path = await kit.file('dates.csv', 'id,d\n1,01/02/2023\n2,03/04/2023\n')
    const error = await failure(kit.import({ sources: [path] }))
    expect(error.code).toBe('source/ambiguous')
    expect(error.remedy).toContain('%d/%m/%Y')
    await expectNothingLeft()
    const name = { namespace: ['ok'], name: 'dates' }
    await kit.import({ table: name, sources: [path], csv: { dateFormat: '%m/%d/%Y' } })
  })

  it('a 13th in the sample settles what the dates mean, and later values are held to it', async () => {
    const settled = await kit.plan({ sources: [await kit.file('settled.csv', 'id,d\n1,01/02/2023\n2,13/04/2023\n')] })
    expect(settled.columns[1]).toMatchObject({ name: 'd', type: 'date' })
    expect(settled.notes.join()).toContain('%d/%m/%Y')
    const late = `id,d\n${Array.from({ length: 3000 }, (_, at) => `${at},13/04/2023`).join('\n')}\n3000,04/13/2023\n`
    const error = await failure(kit.import({ sources: [await kit.file('late-date.csv', late)] }))
    expect(error.code).toBe('source/row')
    expect(error.context).toMatchObject({ line: 3002, column: 'd', value: '04/13/2023' })
    await expectNothingLeft()
  })

  it('a broken line of NDJSON is named', async () => {
    const path = await kit.file('broken.ndjson', '{"a":1}\n{"a":2\n{"a":3}\n')
    const error = await failure(kit.import({ sources: [path] }))
    expect(error.code).toBe('source/row')
    expect(error.message).toContain('broken.ndjson')
    await expectNothingLeft()
  })

  it('a text in a column of numbers, far behind the sample, is named with line, column, value and type', async () => {
    const path = await kit.file('mixed.csv', `id,name\n${numbers(4000)}\nabc,x\n${numbers(10)}\n`)
    const error = await failure(kit.import({ sources: [path] }))
    expect(error.code).toBe('source/row')
    expect(error.context).toMatchObject({ file: path, line: 4002, column: 'id', value: 'abc' })
    expect(error.message).toContain('long')
    await expectNothingLeft()
  })

  it.each([
    ['1.5', 'rounded to 2'],
    ['007', 'without its zeros'],
    ['0x10', 'taken for 16'],
    ['0xF4240', 'taken for a number that has as many digits as it has characters'],
    ['0xFFFFFFFFFF', 'taken for 1099511627775'],
    ['99999999999999999999', 'out of range'],
  ])('%s in a column of whole numbers is not %s', async (value) => {
    const path = await kit.file('rounded.csv', `id,name\n${numbers(4000)}\n${value},x\n`)
    const error = await failure(kit.import({ sources: [path] }))
    expect(error.code).toBe('source/row')
    expect(error.context).toMatchObject({ line: 4002, column: 'id', value })
    await expectNothingLeft()
  })

  it.each([
    ['2023-01-01', '2023-01-01 10:00:00', 'date'],
    ['2023-01-01', 'infinity', 'date'],
    ['2023-01-01', '2023-02-30', 'date'],
    ['2023-01-01', '2023-01-1x', 'date'],
    ['2023-01-01', '2023-1-1 2', 'date'],
    ['2023-01-01', '1998-12-001', 'date'],
    ['2023-01-01', 'soon', 'date'],
    ['2023-01-01 10:00:00', '2020-01-01 10:00:60', 'timestamp'],
    ['2023-01-01 10:00:00', 'soon', 'timestamp'],
    ['2023-01-01 10:00:00Z', '2020-01-01 10:00:60Z', 'timestamptz'],
    ['10:00:00', '10:00:60', 'time'],
    ['2023-01-01 10:00:00', '2023-01-01 10:00:00.1234567', 'timestamp'],
    ['2023-01-01 10:00:00', '2023-01-01T10:00:00+02:00', 'timestamp'],
    ['2023-01-01 10:00:00', '300000-01-01 00:00:00', 'timestamp'],
    ['2023-01-01 10:00:00', '2024-01-02 03:04:0Z', 'timestamp'],
    ['2023-01-01 10:00:00', '998-1-1T3:4:5+01:00', 'timestamp'],
    ['2023-01-01T10:00:00Z', '98-01-01 10:00:0.0Z', 'timestamptz'],
    ['13/01/2023', '13/01/98', 'date'],
    ['01/13/2023', '1/3/9', 'date'],
    ['1.5', '1e400', 'double'],
    ['1.5', '+-1', 'double'],
    ['1.5', '+-0.5', 'double'],
    ['-1.5', '+-1', 'double'],
    ['-1.5', ' +-1', 'double'],
    ['1.5', '12345678901234567890', 'double'],
    ['1.5', '9007199254740993.0', 'double'],
    ['1.5', `5${'0'.repeat(40)}1`, 'double'],
    ['12345678901234567890', '00123456789012345678901', 'decimal'],
    ['12345678901234567890', '007', 'decimal'],
    ['true', 'yes', 'boolean'],
    ['10:00:00', '24:00:00', 'time'],
  ])('a column of values like %s does not take %s', async (good, bad, type) => {
    const rows = Array.from({ length: 2000 }, (_, at) => `${at},${good}`).join('\n')
    const path = await kit.file('values.csv', `id,v\n${rows}\n2000,${bad}\n`)
    const error = await failure(kit.import({ sources: [path] }))
    expect(error.code).toBe('source/row')
    expect(error.context).toMatchObject({ line: 2002, column: 'v', value: bad })
    expect(error.message).toContain(type)
    await expectNothingLeft()
  })

  it.each([
    ['16777217', '16777217', 'has more digits than float holds'],
    ['1e-50', '1e-50', 'is closer to 0 than to any other float'],
    ['0.00000000000000000000000000000000000000000000000001', '1e-50', 'is closer to 0 than to any other float'],
    ['"+-1"', '+-1', 'is not float'],
  ])('a declared float does not take %s, of CSV or JSON', async (value, printed, rule) => {
    const schemaFile = await kit.file('floats.sql', 'id BIGINT, v FLOAT')
    const rows = ['16777216', '1.5', '0.000', '-0e9', '1e-44', value]
    const csv = await kit.file('floats.csv', ['id,v', ...rows.map((v, at) => `${at},${v}`)].join('\n'))
    const ofCsv = await failure(kit.import({ sources: [csv], schemaFile }))
    expect(ofCsv.context).toMatchObject({ line: 7, column: 'v', value: value.replaceAll('"', '') })
    expect(ofCsv.message).toContain(rule)
    const json = await kit.file('floats.ndjson', rows.map((v, at) => `{"id":${at},"v":${v}}`).join('\n'))
    const ofJson = await failure(kit.import({ sources: [json], schemaFile }))
    expect(ofJson.context).toMatchObject({ line: 6, column: 'v', value: printed })
    expect(ofJson.message).toContain(rule)
    await expectNothingLeft()
  })

  it.each([
    ['DATE', '2024-01-02', '  24-01-02'],
    ['TIMESTAMP', '2024-01-02 03:04:05', '2024-01-02 03:04:0Z'],
    ['TIMESTAMPTZ', '2024-01-02 03:04:05Z', '  98-01-02 03:04:05Z'],
  ])('a declared %s takes %s and not %s, of JSON as of CSV', async (type, good, bad) => {
    const schemaFile = await kit.file('declared.sql', `id BIGINT, v ${type}`)
    const csv = await kit.file('declared.csv', `id,v\n1,${good}\n2,${bad}\n`)
    const json = await kit.file('declared.ndjson', `{"id":1,"v":"${good}"}\n{"id":2,"v":"${bad}"}\n`)
    for (const source of [csv, json]) {
      const error = await failure(kit.import({ sources: [source], schemaFile }))
      expect(error.context).toMatchObject({ column: 'v', value: bad })
    }
    await expectNothingLeft()
  })

  it.each([
    ['id BIGINT PRIMARY KEY, n BIGINT', 'PRIMARY KEY is not supported in a table'],
    ['id BIGINT, n BIGINT UNIQUE', 'UNIQUE is not supported in a table'],
    ['id BIGINT, n BIGINT CHECK (n > 0)', 'CHECK is not supported in a table'],
    ['id BIGINT DEFAULT 5, n BIGINT', 'DEFAULT is not supported in a table'],
    ['id BIGINT, n BIGINT GENERATED ALWAYS AS (id + 1)', 'GENERATED ALWAYS AS is not supported in a table'],
    ['id VARCHAR COLLATE NOCASE, n BIGINT', 'COLLATE is not supported in a table'],
    ['id BIGINT, n BIGINT); CREATE TEMP TABLE other (a INT', 'it holds more than one statement'],
  ])('a schema file whose clauses a table cannot keep is refused, not read without them: %s', async (sql, says) => {
    const schemaFile = await kit.file('clauses.sql', sql)
    const error = await failure(kit.import({ sources: [await kit.file('n.csv', 'id,n\n1,2\n')], schemaFile }))
    expect([error.code, error.message]).toEqual(['usage/invalid', `${schemaFile} is no schema: ${says}`])
    await expectNothingLeft()
  })

  it('columns of a schema file may be called as clauses are', async () => {
    const schemaFile = await kit.file('words.sql', '"unique" BIGINT NOT NULL, "CHECK" BIGINT, generated BIGINT -- all')
    const path = await kit.file('words.csv', 'unique,CHECK,generated\n1,2,3\n')
    expect((await kit.plan({ sources: [path], schemaFile })).columns.map(({ name }) => name)).toEqual([
      'unique',
      'CHECK',
      'generated',
    ])
  })

  it('a schema file that is a folder, or no schema by its size, is told as such', async () => {
    const path = await kit.file('n.csv', 'id,n\n1,2\n')
    const folder = await failure(kit.import({ sources: [path], schemaFile: dirname(path) }))
    expect(folder.code).toBe('source/unreadable')
    const schemaFile = await kit.file('large.sql', ' '.repeat(17_000_000))
    const large = await failure(kit.import({ sources: [path], schemaFile }))
    expect([large.code, large.message]).toEqual([
      'usage/invalid',
      `${schemaFile} is no schema: it holds 17 MB, more than 16 MB`,
    ])
    await expectNothingLeft()
  })

  it('a schema file that is not UTF-8 makes no column of U+FFFD', async () => {
    const schemaFile = await kit.file('latin.sql', Buffer.from('id BIGINT,\n"gr\u00f6\u00dfe" BIGINT', 'latin1'))
    const error = await failure(kit.import({ sources: [await kit.file('n.csv', 'id,n\n1,2\n')], schemaFile }))
    expect([error.code, error.context]).toEqual(['source/encoding', { file: schemaFile, line: 2 }])
    await expectNothingLeft()
  })

  it('numbers past 64 bits in the sample keep every digit', async () => {
    const plan = await kit.plan({ sources: [await kit.file('big.csv', 'id,n\n1,12345678901234567890\n2,1\n')] })
    expect(plan.columns[1]?.type).toBe('decimal(38, 0)')
    expect(plan.notes.join()).toContain('64 bits')
  })

  it('a field of NDJSON that the sample did not show is not dropped in silence', async () => {
    const lines = Array.from({ length: 3000 }, (_, at) => `{"a":${at}}`).join('\n')
    const error = await failure(
      kit.import({ sources: [await kit.file('keys.ndjson', `${lines}\n{"a":1,"extra":{"b":1}}\n`)] }),
    )
    expect(error).toMatchObject({ code: 'schema/mismatch', context: { line: 3001, fields: ['extra'] } })
    expect(error.message).toMatch(
      /keys\.ndjson, line 3001: has fields that the first 1000 objects did not show: extra$/,
    )
    await expectNothingLeft()
  })

  it('a value of NDJSON that does not fit is named with its line', async () => {
    const lines = Array.from({ length: 3000 }, (_, at) => `{"a":${at}}`).join('\n')
    const error = await failure(
      kit.import({ sources: [await kit.file('value.ndjson', `${lines}\n{"a":1.5}\n{"a":2}\n`)] }),
    )
    expect(error.code).toBe('source/row')
    expect(error.context).toMatchObject({ line: 3001, column: 'a', value: '1.5' })
    await expectNothingLeft()
  })

  it.each([
    ['double', '9007199254740993', 'has more digits than double holds'],
    ['int', '5000000000', 'does not fit into int'],
    ['int', '1.5', 'is not int: its fraction would be lost'],
  ])('a number of JSON that %s does not hold is told as that, not as no number', async (type, value, rule) => {
    const path = await kit.file('number.ndjson', `{"a":1}\n{"a":${value}}\n`)
    const error = await failure(kit.import({ sources: [path], schemaFile: await kit.file('a.sql', `a ${type}`) }))
    expect(error).toMatchObject({ code: 'source/row', context: { line: 2, value, rule } })
    await expectNothingLeft()
  })

  it('a table that exists is not touched', async () => {
    const table = { namespace: ['ok'], name: 'there' }
    const path = await kit.file('there.csv', 'id\n1\n')
    await kit.import({ table, tableName: 'ok.there', sources: [path] })
    const error = await failure(kit.import({ table, tableName: 'ok.there', sources: [path] }))
    expect(error.code).toBe('table/exists')
  })

  it('a cancelled import leaves nothing', async () => {
    const path = await kit.file('cancel.csv', `id,name\n${numbers(200_000)}\n`)
    const controller = new AbortController()
    const plan = await kit.plan({ sources: [path] })
    const { executeImport } = await import('../../src/ingest/index.ts')
    const running = executeImport(plan, {
      table: { namespace: ['ns'], name: 't' },
      services: kit.services,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    })
    setImmediate(() => controller.abort())
    const error = await failure(running)
    expect(error.code).toBe('cancelled')
    await expectNothingLeft()
  })
})

describe('a value that a declared type does not hold', () => {
  it('is told with file, row and column, and not in words of the engine', async () => {
    await using session = await kit.engine.session()
    const first = await kit.file('first-ints.parquet', '')
    const second = await kit.file('second-ints.parquet', '')
    await session.run(`COPY (SELECT 1::BIGINT AS v) TO '${first}'`)
    await session.run(`COPY (SELECT unnest([1, 2, 5000000000])::BIGINT AS v) TO '${second}'`)
    const error = await failure(kit.import({ sources: [first, second], schemaFile: await kit.file('v.sql', 'v INT') }))
    expect(error).toMatchObject({
      code: 'source/row',
      context: { file: second, row: 3, column: 'v', value: '5000000000' },
    })
    expect(error.message).toBe(`${second}, row 3, column 'v': '5000000000' cannot be kept exactly in int`)
    await expectNothingLeft()
  })

  it('is told of what the engine does not read and does not place: text that is no UTF-8, a timestamp of no calendar', async () => {
    const { makeData, Table, tableToIPC, TimestampMicrosecond, Vector } = await import('apache-arrow')
    await using session = await kit.engine.session()
    const text = await kit.file('text.parquet', '')
    await session.run(`COPY (SELECT 'zzzz' AS v) TO '${text}' (COMPRESSION uncompressed)`)
    const bytes = await readFile(text)
    for (let at = bytes.indexOf('zzzz'); at >= 0; at = bytes.indexOf('zzzz', at)) bytes.fill(0xff, at, at + 4)
    await writeFile(text, bytes)
    const error = await failure(kit.import({ sources: [text] }))
    expect(error).toMatchObject({ code: 'source/encoding', context: { file: text } })
    expect(error.remedy).toContain('binary')
    const data = BigInt64Array.of(-(2n ** 63n))
    const moments = new Vector([makeData({ type: new TimestampMicrosecond(), length: 1, nullCount: 0, data })])
    const path = await kit.file('moments.arrow', tableToIPC(new Table({ v: moments }), 'file'))
    expect(await failure(kit.import({ sources: [path] }))).toMatchObject({
      code: 'source/row',
      context: { file: path },
    })
    await expectNothingLeft()
  })

  it('is told of a double beyond float, and of one that a float rounds', async () => {
    await using session = await kit.engine.session()
    for (const [value, text] of [
      ['1e300', '1e+300'],
      ['0.1', '0.1'],
    ] as const) {
      const path = await kit.file('doubles.parquet', '')
      await session.run(`COPY (SELECT unnest([0.5, ${value}])::DOUBLE AS v) TO '${path}'`)
      const error = await failure(kit.import({ sources: [path], schemaFile: await kit.file('v.sql', 'v FLOAT') }))
      expect(error).toMatchObject({ code: 'source/row', context: { file: path, row: 2, column: 'v', value: text } })
    }
  })
})

describe('gzip with something behind its end is named', () => {
  const rows = `id,name\n${numbers(50_000)}\n`
  it.each([
    ['junk', Buffer.from('junkjunkjunk'), 'source/truncated', /damaged gzip data/],
    ['zeros', Buffer.alloc(512), 'source/format', /zeros behind the end/],
  ])('%s', async (name, behind, code, said) => {
    const good = await kit.file(`${name}-good.csv.gz`, gzipSync(rows))
    for (const text of [rows, 'id,name\n1,a\n2,b\n']) {
      const bad = await kit.file(`${name}-bad.csv.gz`, Buffer.concat([gzipSync(text), behind]))
      const error = await failure(kit.import({ sources: [good, bad] }))
      expect(error).toMatchObject({ code, context: { file: bad } })
      expect(error.message).toMatch(said)
      await expectNothingLeft()
    }
  })
})
