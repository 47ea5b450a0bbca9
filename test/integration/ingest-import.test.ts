import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commitTarget } from '../../src/catalog/index.ts'
import { decodeValue, fieldByPath, printTableMetadata, Transaction } from '../../src/iceberg/index.ts'
import { describePlan, recoverWrites } from '../../src/ingest/index.ts'
import { joinUri, localPath } from '../../src/storage/index.ts'
import { arrowBatches } from '../../src/ingest/arrow/arrow-batches.ts'
import { failure, type Kit, openKit } from './ingest-kit.ts'

let kit: Kit
beforeAll(async () => {
  kit = await openKit()
})
afterAll(() => kit[Symbol.asyncDispose]())

let tables = 0
const fresh = () => ({ namespace: ['ns'], name: `i${++tables}` })
const csv = (name: string, ...lines: string[]) => kit.file(name, `${lines.join('\n')}\n`)

async function columnsOf(name: string): Promise<Record<string, string>> {
  const { metadata } = await kit.table(name)
  const schema = metadata.schemas.find((some) => some.schemaId === metadata.currentSchemaId)
  return Object.fromEntries((schema?.fields ?? []).map((field) => [field.name, field.type.kind]))
}

describe('what gets into a table', () => {
  it('a number that the reader might round is looked at as text and kept', async () => {
    const rows = Array.from({ length: 2000 }, (_, at) => `${at},1.5`)
    const table = fresh()
    const done = await kit.import({
      table,
      sources: [await csv('large.csv', 'id,v', ...rows, '2000,9007199254740994')],
    })
    expect(done.rows).toBe(2001)
    expect(await kit.read('SELECT max(v)::BIGINT AS v FROM $T', table.name)).toEqual([{ v: 9_007_199_254_740_994n }])
  })

  it('a column that the source lacks gets the write-default of a v3 table', async () => {
    const table = fresh()
    const schema = {
      schemaId: 0,
      identifierFieldIds: [],
      fields: [{ id: 1, name: 'id', type: { kind: 'long' as const }, required: false }],
    }
    if (!(await kit.catalog.namespaceExists(table.namespace))) await kit.catalog.createNamespace(table.namespace)
    // Only other writers make v3 tables: the metadata as theirs, adopted under the same name.
    const { metadata } = await kit.catalog.createTable(table, { schema })
    const location = joinUri(metadata.location, 'metadata', '00001-v3.metadata.json')
    const text = printTableMetadata({ ...metadata, formatVersion: 3, nextRowId: 0n })
    await kit.services.io.create(location, Buffer.from(text))
    await kit.catalog.dropTable(table)
    const base = await kit.catalog.registerTable(table, location)
    await new Transaction({ target: commitTarget(kit.catalog, table), io: kit.services.io, base })
      .updateSchema((update) =>
        update
          .addColumn('n', { kind: 'int' }, { default: 7, required: true })
          .addColumn('s', { kind: 'string' }, { default: 'none' }),
      )
      .commit()
    const plan = await kit.plan({ table, sources: [await csv('second.csv', 'id', '2')], mode: 'append' })
    expect(plan.columns.map(({ name, action }) => [name, action])).toEqual([
      ['id', 'keep'],
      ['n', 'fill-default'],
      ['s', 'fill-default'],
    ])
    await kit.import({ table, sources: [await csv('second.csv', 'id', '2')], mode: 'append' })
    await kit.import({ table, sources: [await csv('third.csv', 'id,s', '3,')], mode: 'append' })
    expect(await kit.read('SELECT id, n, s FROM $T ORDER BY id', table.name)).toEqual([
      { id: 2n, n: 7, s: 'none' },
      { id: 3n, n: 7, s: null },
    ])
  })

  it('floating point numbers past 2^53 that hold their digits are taken, however they are written', async () => {
    const texts = ['9007199254740994.0', '-00018014398509481984', '1e40', `1${'0'.repeat(22)}`, '12345678901234567.25']
    const rows = Array.from({ length: 2000 }, (_, at) => `${at},1.5`)
    const late = texts.map((text, at) => `${2000 + at},${text}`)
    const table = fresh()
    await kit.import({ table, sources: [await csv('exact.csv', 'id,v', ...rows, ...late)] })
    const found = await kit.read('SELECT v FROM $T WHERE id >= 2000 ORDER BY id', table.name)
    expect(found.map((row) => row['v'])).toEqual([
      9_007_199_254_740_994, -18_014_398_509_481_984, 1e40, 1e22, 12_345_678_901_234_568,
    ])
  })

  it('types, nulls, bounds and counts of a CSV file', async () => {
    const path = await csv(
      'types.csv',
      'i,r,d,ts,tz,b,t,s',
      '1,1.5,1969-12-31,2023-01-01 10:00:00,2023-01-01T10:00:00+02:00,true,10:00:00,x',
      '-7,,2023-02-28,,2023-01-01T10:00:00Z,FALSE,23:59:59.5,"a,""b"""',
      ',-0.5,,1969-12-31 23:59:59.5,,,,',
    )
    const table = fresh()
    expect((await kit.import({ table, sources: [path] })).rows).toBe(3)
    expect(await columnsOf(table.name)).toEqual({
      i: 'long',
      r: 'double',
      d: 'date',
      ts: 'timestamp',
      tz: 'timestamptz',
      b: 'boolean',
      t: 'time',
      s: 'string',
    })
    const rows = await kit.read('SELECT * FROM $T ORDER BY i', table.name)
    expect(rows[0]).toMatchObject({
      i: -7n,
      r: null,
      d: '2023-02-28',
      tz: '2023-01-01T10:00:00Z',
      b: false,
      t: '23:59:59.500',
      s: 'a,"b"',
    })
    const [file] = await kit.dataFiles(table.name)
    const { metadata } = await kit.table(table.name)
    const schema = metadata.schemas[0]
    if (file === undefined || schema === undefined) throw new TypeError('no file')
    const bound = (name: string, which: 'lowerBounds' | 'upperBounds') => {
      const field = fieldByPath(schema, name)
      const bytes = file[which]?.get(field?.id ?? -1)
      if (
        field === undefined ||
        bytes === undefined ||
        field.type.kind === 'struct' ||
        field.type.kind === 'list' ||
        field.type.kind === 'map'
      )
        return undefined
      return decodeValue(field.type, bytes)
    }
    expect([bound('i', 'lowerBounds'), bound('i', 'upperBounds')]).toEqual([-7n, 1n])
    expect([bound('r', 'lowerBounds'), bound('r', 'upperBounds')]).toEqual([-0.5, 1.5])
    expect([bound('d', 'lowerBounds'), bound('d', 'upperBounds')]).toEqual([-1, 19_416])
    expect([bound('ts', 'lowerBounds'), bound('ts', 'upperBounds')]).toEqual([-500_000n, 1_672_567_200_000_000n])
    expect([bound('tz', 'lowerBounds'), bound('tz', 'upperBounds')]).toEqual([
      1_672_560_000_000_000n,
      1_672_567_200_000_000n,
    ])
    expect([bound('s', 'lowerBounds'), bound('s', 'upperBounds')]).toEqual(['a,"b"', 'x'])
    expect(file.nullValueCounts?.get(fieldByPath(schema, 'ts')?.id ?? -1)).toBe(1n)
    expect(file.valueCounts?.get(fieldByPath(schema, 'i')?.id ?? -1)).toBe(3n)
  })

  it('nested JSON keeps its structure, and every column of the files has its field id', async () => {
    const path = await kit.file(
      'nested.ndjson',
      '{"id":1,"a":{"b":[{"c":1,"d":"x"},{"c":2}],"e":1.5},"tags":["p","q"]}\n{"id":2,"a":null,"tags":[]}\n',
    )
    const table = fresh()
    await kit.import({ table, sources: [path] })
    expect(await kit.read('SELECT id, a, tags FROM $T ORDER BY id', table.name)).toEqual([
      {
        id: 1n,
        a: {
          b: [
            { c: 1n, d: 'x' },
            { c: 2n, d: null },
          ],
          e: 1.5,
        },
        tags: ['p', 'q'],
      },
      { id: 2n, a: null, tags: [] },
    ])
    const [file] = await kit.dataFiles(table.name)
    const ids = await kit.read(
      `SELECT count(*) FILTER (WHERE field_id IS NULL AND name NOT IN ('duckdb_schema', 'list')) AS n FROM parquet_schema('${file?.filePath.replace('file://', '')}')`,
      table.name,
    )
    expect(ids[0]?.['n']).toBe(0n)
  })

  it('mixed kinds of JSON values become text, with a note', async () => {
    const path = await kit.file('movies.ndjson', '{"Title":"x"}\n{"Title":300}\n{"Title":{"a":1}}\n')
    const table = fresh()
    const done = await kit.import({ table, sources: [path] })
    expect(done.notes).toContain("column 'Title': values of several kinds (text, numbers, objects): kept as text")
    const both = await kit.file('both.ndjson', '{"a":true,"b":"1"}\n{"a":1,"b":2}\n')
    expect((await kit.plan({ table: fresh(), sources: [both] })).notes).toEqual([
      "column 'a': values of several kinds (true and false, numbers): kept as text",
      "column 'b': values of several kinds (text, numbers): kept as text",
    ])
    const rows = await kit.read('SELECT "Title" AS t FROM $T ORDER BY t', table.name)
    expect(rows.map((row) => row['t'])).toEqual(['300', 'x', '{"a":1}'])
  })

  it('folders of key=value add columns; files with other columns are filled with nulls', async () => {
    await csv('hive/year=2021/month=01/a.csv', 'id,x', '1,a')
    await csv('hive/year=2022/month=02/b.csv', 'x,id,extra', 'b,2,true')
    const table = fresh()
    const done = await kit.import({ table, sources: [join(kit.folder, 'in/hive')] })
    expect(done.notes.join()).toContain('extra')
    expect(await kit.read('SELECT * FROM $T ORDER BY id', table.name)).toEqual([
      { id: 1n, x: 'a', extra: null, year: 2021n, month: 1n },
      { id: 2n, x: 'b', extra: true, year: 2022n, month: 2n },
    ])
  })

  it('texts of folders that a number would change stay text', async () => {
    await csv('zips/zip=01234/a.csv', 'id', '1')
    await csv('zips/zip=00501/b.csv', 'id', '2')
    await csv('mixed-months/m=02/a.csv', 'id', '1')
    await csv('mixed-months/m=2/b.csv', 'id', '2')
    await csv('days/d=2020-02-28/a.csv', 'id', '1')
    await csv('days/d=2020-02-30/b.csv', 'id', '2')
    for (const [folder, name, values] of [
      ['zips', 'zip', ['01234', '00501']],
      ['mixed-months', 'm', ['02', '2']],
      ['days', 'd', ['2020-02-28', '2020-02-30']],
    ] as const) {
      const table = fresh()
      const done = await kit.import({ table, sources: [join(kit.folder, 'in', folder)] })
      const rows = await kit.read(`SELECT ${name} AS v FROM $T ORDER BY id`, table.name)
      expect(rows.map((row) => row['v'])).toEqual(values)
      expect(done.notes.join().includes('leading zeros')).toBe(folder !== 'days')
    }
  })

  it('months of two digits are numbers with a note; declared as text they keep their zeros', async () => {
    await csv('months/m=01/a.csv', 'id', '1')
    await csv('months/m=12/b.csv', 'id', '2')
    const sources = [join(kit.folder, 'in/months')]
    const [number, text] = [fresh(), fresh()]
    const done = await kit.import({ table: number, sources })
    expect(done.notes).toContain("column 'm': '01' is read as the number 1; declare string to keep its zero")
    expect(await kit.read('SELECT m FROM $T ORDER BY id', number.name)).toEqual([{ m: 1n }, { m: 12n }])
    const schemaFile = await kit.file('months.sql', 'id BIGINT, m VARCHAR')
    expect((await kit.import({ table: text, sources, schemaFile })).notes.join()).not.toContain('zero')
    expect(await kit.read('SELECT m FROM $T ORDER BY id', text.name)).toEqual([{ m: '01' }, { m: '12' }])
  })

  it.each(['1.5', 'abc', '99999999999'])('a folder is not rounded into a declared type: k=%s', async (value) => {
    await csv(`declared-${value}/k=${value}/a.csv`, 'id', '1')
    const schemaFile = await kit.file('k.sql', 'id BIGINT, k INTEGER')
    const sources = [join(kit.folder, `in/declared-${value}`)]
    const error = await failure(kit.import({ table: fresh(), sources, schemaFile }))
    expect(error.code).toBe('schema/mismatch')
    expect(error.context).toMatchObject({ column: 'k', value })
  })

  it('a folder k=NULL is refused by name; its text has a way, and so has no value', async () => {
    await csv('nulls/k=NULL/a.csv', 'id', '1')
    const error = await failure(kit.import({ table: fresh(), sources: [join(kit.folder, 'in/nulls')] }))
    expect(error.code).toBe('source/columns')
    expect(error.message).toContain('k=NULL')
    expect(error.remedy).toContain('k=%4e%55%4c%4c')
    await csv('written/k=%4e%55%4c%4c/a.csv', 'id', '1')
    await csv('written/k=__HIVE_DEFAULT_PARTITION__/b.csv', 'id', '2')
    await csv('written/k=x%3Dy/c.csv', 'id', '3')
    const table = fresh()
    await kit.import({ table, sources: [join(kit.folder, 'in/written')] })
    const rows = await kit.read('SELECT k FROM $T ORDER BY id', table.name)
    expect(rows.map((row) => row['k'])).toEqual(['NULL', null, 'x=y'])
  })

  it('a folder with two = is refused by name', async () => {
    await csv('twice/k=x=y/a.csv', 'id', '1')
    const error = await failure(kit.import({ table: fresh(), sources: [join(kit.folder, 'in/twice')] }))
    expect(error.code).toBe('source/columns')
    expect(error.remedy).toContain('k=x%3Dy')
  })

  it('values that end in a backslash keep it, from a file and from a pipe', async () => {
    const text = 'k,v\n1,"C:\\dir\\"\n2,"a\\"\n3,"D:\\x"\n'
    const path = await kit.file('backslash.csv', text)
    const piped = (async function* () {
      yield Buffer.from(text)
    })()
    for (const source of [{ sources: [path] }, { sources: ['-'], standardInput: piped }]) {
      const table = fresh()
      await kit.import({ table, ...source })
      const rows = await kit.read('SELECT v FROM $T ORDER BY k', table.name)
      expect(rows.map((row) => row['v'])).toEqual(['C:\\dir\\', 'a\\', 'D:\\x'])
    }
  })

  it('texts in a column of bytes keep their own bytes, and a note says so', async () => {
    const texts = [String.raw`\x41`, 'é', String.raw`\xZZ`, 'QUI=']
    const schemaFile = await kit.file('bytes.sql', 'id BIGINT, b BLOB')
    for (const source of [
      await csv('bytes.csv', 'id,b', ...texts.map((text, at) => `${at},${text}`)),
      await csv('bytes.ndjson', ...texts.map((b, id) => JSON.stringify({ id, b }))),
    ]) {
      const table = fresh()
      const done = await kit.import({ table, sources: [source], schemaFile })
      expect((await columnsOf(table.name))['b']).toBe('binary')
      const rows = await kit.read('SELECT decode(b) AS b FROM $T ORDER BY id', table.name)
      expect(rows.map((row) => row['b'])).toEqual(texts)
      expect(done.notes.join()).toContain('bytes of the text itself')
    }
  })

  it('both readings of a backslash before a quote, as asked', async () => {
    const path = await kit.file('both.csv', 'k,v\n"a\\",",b"\n')
    for (const [csv, row] of [
      [{}, { k: 'a\\', v: ',b' }],
      [{ escape: '"' }, { k: 'a\\', v: ',b' }],
    ] as const) {
      const table = fresh()
      await kit.import({ table, sources: [path], csv })
      expect(await kit.read('SELECT * FROM $T', table.name)).toEqual([row])
    }
    const escaped = await kit.file('escaped.csv', 'k,v\n1,"a\\"b"\n')
    const table = fresh()
    await kit.import({ table, sources: [escaped], csv: { escape: '\\' } })
    expect(await kit.read('SELECT v FROM $T', table.name)).toEqual([{ v: 'a"b' }])
    const error = await failure(kit.plan({ sources: [path], csv: { escape: 'ab' } }))
    expect(error.code).toBe('usage/invalid')
  })

  it('standard input is spooled, imported and removed', async () => {
    const table = fresh()
    const input = (async function* () {
      yield Buffer.from('id,na')
      yield Buffer.from('me\n1,x\n2,y\n')
    })()
    expect((await kit.import({ table, sources: ['-'], standardInput: input })).rows).toBe(2)
    expect(await readdir(join(kit.folder, 'spool'))).toEqual([])
  })

  it('Arrow files and streams', async () => {
    const { Table, tableToIPC, vectorFromArray, Int64, Utf8, Timestamp, TimeUnit } = await import('apache-arrow')
    const table = fresh()
    const arrow = new Table({
      id: vectorFromArray([1n, 2n, 3n], new Int64()),
      name: vectorFromArray(['a', null, 'ccccccccccccccccccccc'], new Utf8()),
      ts: vectorFromArray([0, 1000, null], new Timestamp(TimeUnit.MILLISECOND)),
    })
    const path = await kit.file('in.arrows', tableToIPC(arrow, 'stream'))
    expect((await kit.import({ table, sources: [path] })).rows).toBe(3)
    expect(await kit.read('SELECT id, name, ts FROM $T ORDER BY id', table.name)).toEqual([
      { id: 1n, name: 'a', ts: '1970-01-01T00:00:00' },
      { id: 2n, name: null, ts: '1970-01-01T00:00:01' },
      { id: 3n, name: 'ccccccccccccccccccccc', ts: null },
    ])
  })

  it('an Arrow file is read block by block, and not held in memory as a whole', async () => {
    const { RecordBatchFileWriter, tableFromArrays } = await import('apache-arrow')
    const [batch] = tableFromArrays({ id: new Float64Array(125_000) }).batches
    const writer = new RecordBatchFileWriter()
    for (let count = 0; count < 64; count++) if (batch !== undefined) writer.write(batch)
    writer.close()
    const path = await kit.file('large.arrow', await writer.toUint8Array())
    const before = process.memoryUsage().arrayBuffers
    const batches = arrowBatches([path], { buffers: kit.services.buffers, consumer: 'test' })
    expect((await batches.next()).value).toMatchObject({ numRows: 125_000 })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16e6)
    await batches.return(undefined)
  })

  it('whole numbers that no double holds stay text beside NaN', async () => {
    const table = fresh()
    await kit.import({ table, sources: [await csv('ids-nan.csv', 'id,v', '9007199254740993,1', 'NaN,2')] })
    expect(await kit.read('SELECT id FROM $T ORDER BY v', table.name)).toEqual([
      { id: '9007199254740993' },
      { id: 'NaN' },
    ])
  })

  it('keys of JSON that end in a backslash are columns', async () => {
    const table = fresh()
    await kit.import({ table, sources: [await kit.file('backslash.ndjson', '{"c\\\\":1.5}\n')] })
    expect(await kit.read('SELECT * FROM $T', table.name)).toEqual([{ 'c\\': 1.5 }])
  })

  it('Arrow streams that follow each other (cat) are read to the last, from a file and from standard input', async () => {
    const { tableFromArrays, tableToIPC } = await import('apache-arrow')
    const stream = (...ids: number[]) => tableToIPC(tableFromArrays({ id: Int32Array.from(ids) }), 'stream')
    // One has no end marker, so that the next one's schema is a message among its own.
    const whole = Buffer.concat([stream(1, 2), stream(), stream(3).subarray(0, -8), stream(4, 5)])
    const table = fresh()
    const sources = [await kit.file('cat-1.arrows', whole), await kit.file('cat-2.arrows', whole)]
    expect((await kit.import({ table, sources })).rows).toBe(10)
    expect(await kit.read('SELECT id, count(*)::INT AS n FROM $T GROUP BY id ORDER BY id', table.name)).toEqual(
      [1, 2, 3, 4, 5].map((id) => ({ id, n: 2 })),
    )
    const input = (async function* () {
      yield await Promise.resolve(whole)
    })()
    const piped = await kit.import({ table: fresh(), sources: ['-'], format: 'arrow', standardInput: input })
    expect(piped.rows).toBe(5)
  })

  it('a given schema rules: types, requiredness, leading zeros', async () => {
    const schemaFile = await kit.file(
      'schema.sql',
      'id INTEGER NOT NULL, price DECIMAL(9,2), day DATE, missing VARCHAR',
    )
    const path = await csv('given.csv', 'day,id,price', '2023-01-01,007,1.50', '2023-01-02,8,2')
    const table = fresh()
    await kit.import({ table, sources: [path], schemaFile })
    expect(await columnsOf(table.name)).toEqual({ id: 'int', price: 'decimal', day: 'date', missing: 'string' })
    expect(await kit.read('SELECT id, price FROM $T ORDER BY id', table.name)).toEqual([
      { id: 7, price: '1.50' },
      { id: 8, price: '2.00' },
    ])
    const error = await failure(
      kit.import({
        table: fresh(),
        sources: [await csv('round.csv', 'id,price', '1,1.239')],
        schemaFile,
        newColumns: 'refuse',
      }),
    )
    expect(error.code).toBe('source/row')
    expect(error.context).toMatchObject({ column: 'price', value: '1.239', line: 2 })
    const nulls = await failure(
      kit.import({ table: fresh(), sources: [await csv('null.csv', 'id,price', ',1')], schemaFile }),
    )
    expect(nulls).toMatchObject({ code: 'source/row', context: { line: 2, column: 'id', value: null } })
  })
})

describe('into a table that exists', () => {
  it('by name, missing columns null, new ones refused or added in the same commit', async () => {
    const table = fresh()
    await kit.import({ table, sources: [await csv('first.csv', 'id,name', '1,a')] })
    const second = await csv('second.csv', 'extra,id', '2.5,2')
    const refused = await failure(kit.import({ table, sources: [second], mode: 'append' }))
    expect(refused.code).toBe('schema/mismatch')
    expect(refused.message).toContain("'extra'")
    await kit.import({ table, sources: [second], mode: 'append', newColumns: 'add' })
    const { metadata } = await kit.table(table.name)
    expect(metadata.snapshots.length).toBe(2)
    expect(await columnsOf(table.name)).toEqual({ id: 'long', name: 'string', extra: 'double' })
    const files = await kit.dataFiles(table.name)
    const list = files.map((file) => `'${localPath(file.filePath)}'`).join(', ')
    const rows = await kit.read(
      `SELECT id, name, extra FROM read_parquet([${list}], union_by_name = true) ORDER BY id`,
      table.name,
    )
    expect(rows).toEqual([
      { id: 1n, name: 'a', extra: null },
      { id: 2n, name: null, extra: 2.5 },
    ])
    expect(files.map((file) => file.recordCount)).toEqual([1n, 1n])
    const added = files.find((file) => file.lowerBounds?.has(3))
    expect(added).toBeDefined()
  })

  it('a Parquet column of long widens a table column of int', async () => {
    await using session = await kit.engine.session()
    const [narrow, wide] = [join(kit.folder, 'in/narrow.parquet'), join(kit.folder, 'in/wide.parquet')]
    await session.run(`COPY (SELECT 1::INTEGER AS n) TO '${narrow}'; COPY (SELECT 5000000000 AS n) TO '${wide}'`)
    const table = fresh()
    await kit.import({ table, sources: [narrow] })
    expect(await columnsOf(table.name)).toEqual({ n: 'int' })
    await kit.import({ table, sources: [wide], mode: 'append' })
    expect(await columnsOf(table.name)).toEqual({ n: 'long' })
  })

  it('values inside lists and structs are not rounded or rewritten to fit: 2^53 + 1 has no double', async () => {
    await using session = await kit.engine.session()
    const file = (name: string) => join(kit.folder, `in/${name}.parquet`)
    await session.run(`
      COPY (SELECT [1.5::DOUBLE] AS l, {x: 1.5::DOUBLE} AS s, 'a' AS t) TO '${file('doubles')}';
      COPY (SELECT [9007199254740993] AS l) TO '${file('list')}';
      COPY (SELECT {x: 9007199254740993} AS s) TO '${file('struct')}';
      COPY (SELECT {x: 1.1} AS t) TO '${file('text')}';
      COPY (SELECT [7::INTEGER] AS l) TO '${file('small')}'`)
    const table = fresh()
    await kit.import({ table, sources: [file('doubles')] })
    for (const name of ['list', 'struct', 'text']) {
      const error = await failure(kit.import({ table, sources: [file(name)], mode: 'append' }))
      expect(error.code, name).toBe('schema/mismatch')
    }
    await kit.import({ table, sources: [file('small')], mode: 'append' })
    expect(await kit.read('SELECT l FROM $T ORDER BY l', table.name)).toEqual([{ l: [1.5] }, { l: [7] }])
  })

  it('nanoseconds that the reader cuts off are said', async () => {
    const { Table, tableToIPC, TimestampMicrosecond, TimestampNanosecond, vectorFromArray } = await import(
      'apache-arrow'
    )
    const { Table: WasmTable, writeParquet } = await import('parquet-wasm')
    const arrow = new Table({
      fine: vectorFromArray([1], new TimestampNanosecond('UTC')),
      coarse: vectorFromArray([1], new TimestampMicrosecond('UTC')),
    })
    const path = await kit.file('nanos.parquet', writeParquet(WasmTable.fromIPCStream(tableToIPC(arrow, 'stream'))))
    const { notes } = await kit.import({ table: fresh(), sources: [path] })
    expect(notes).toEqual(["'fine': stored in nanoseconds and read in microseconds, what is below one is cut off"])
  })

  it('times without a zone are said to be taken as UTC where the column has one', async () => {
    const table = fresh()
    const file = join(kit.folder, 'naive.parquet')
    await using session = await kit.engine.session()
    await session.run(`COPY (SELECT TIMESTAMP '2020-01-01 12:00:00' AS seen) TO '${file}' (FORMAT parquet)`)
    await kit.import({ table, sources: [await csv('zoned.csv', 'seen', '2020-01-01T12:00:00Z')] })
    const plan = await kit.plan({ table, sources: [file], mode: 'append' })
    expect(plan.notes.join()).toContain("column 'seen': times without a zone are taken as UTC")
    await kit.import({ table, sources: [file], mode: 'append' })
    expect(await kit.read('SELECT count(DISTINCT seen)::INTEGER AS n FROM $T', table.name)).toEqual([{ n: 1 }])
  })

  it('text does not get into a column of numbers', async () => {
    const table = fresh()
    await kit.import({ table, sources: [await csv('numbers.csv', 'id', '1')] })
    const error = await failure(kit.import({ table, sources: [await csv('letters.csv', 'id', 'x')], mode: 'append' }))
    expect(error).toMatchObject({ code: 'source/row', context: { line: 2, column: 'id', value: 'x' } })
    expect(error.message).toContain('is not long')
    expect((await kit.table(table.name)).metadata.snapshots.length).toBe(1)
  })

  it('replace is one snapshot that keeps history', async () => {
    const table = fresh()
    await kit.import({ table, sources: [await csv('old.csv', 'id', '1', '2')] })
    const done = await kit.import({ table, sources: [await csv('new.csv', 'id', '3')], mode: 'replace' })
    const { metadata } = await kit.table(table.name)
    expect(metadata.snapshots.length).toBe(2)
    expect(metadata.snapshots.at(-1)?.summary['operation']).toBe('overwrite')
    expect(String(metadata.currentSnapshotId)).toBe(done.snapshotId)
    expect(await kit.read('SELECT id FROM $T', table.name)).toEqual([{ id: 3n }])
  })

  it('the same key with the same source is imported once, with another source refused', async () => {
    const table = fresh()
    const path = await csv('keyed.csv', 'id', '1')
    expect((await kit.import({ table, sources: [path], key: 'batch-1', mode: 'append' })).skipped).toBe(false)
    const again = await kit.import({ table, sources: [path], key: 'batch-1', mode: 'append' })
    expect(again).toMatchObject({ skipped: true, rows: 0 })
    expect((await kit.table(table.name)).metadata.snapshots.length).toBe(1)
    const other = await failure(
      kit.import({ table, sources: [await csv('other.csv', 'id', '2')], key: 'batch-1', mode: 'append' }),
    )
    expect(other.code).toBe('ingest/duplicate-key')
    expect((await kit.import({ table, sources: [path], key: 'batch-2', mode: 'append' })).rows).toBe(1)
  })
})

describe('rejects', () => {
  it('bad rows of CSV go to a file with line, column, value, rule and text; the rest is imported', async () => {
    const rows = Array.from({ length: 2000 }, (_, at) => `${at + 1},${at}.5`)
    rows[1499] = 'abc,1.0'
    rows[1599] = '1,2,3'
    rows[1699] = '1700,"x\ny"'
    rows[1799] = '1.5,2.0'
    const table = fresh()
    const done = await kit.import({ table, sources: [await csv('rejects.csv', 'id,v', ...rows)], onError: 'reject' })
    expect(done).toMatchObject({ rows: 1996, rejectedRows: 4 })
    const text = await readFile(done.rejectsFile ?? '', 'utf8')
    const rejects: unknown[] = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(rejects).toHaveLength(4)
    const places = rejects.map((reject) =>
      typeof reject === 'object' && reject !== null && 'line' in reject ? reject.line : undefined,
    )
    // The row of line 1701 spans two lines, so what follows is one further.
    expect(places.map(Number).sort((a, b) => a - b)).toEqual([1501, 1601, 1701, 1802])
    expect(text).toContain('"value":"abc"')
    expect(text).toContain('"value":"1.5"')
  })

  it('broken and unfitting lines of NDJSON', async () => {
    const lines = Array.from({ length: 1500 }, (_, at) => `{"id":${at},"o":{"x":"y"}}`)
    lines[1200] = '{"id":12'
    lines[1300] = '{"id":"abc","o":null}'
    lines[1400] = '[1,2]'
    const table = fresh()
    const path = await kit.file('rejects.ndjson', `${lines.join('\n')}\n`)
    const done = await kit.import({ table, sources: [path], onError: 'reject' })
    expect(done).toMatchObject({ rows: 1497, rejectedRows: 3 })
    const text = await readFile(done.rejectsFile ?? '', 'utf8')
    expect(text.match(/"line":(1201|1301|1401)/g)).toHaveLength(3)
  })

  it('bad rows of zstd files are set aside and said, though Node cannot read them: they went missing without a word', async () => {
    await using session = await kit.engine.session()
    const path = join(kit.folder, 'in', 'bad.csv.zst')
    await session.run(
      `COPY (SELECT CASE WHEN i = 25000 THEN 'x' ELSE '' END || i AS id FROM range(30000) t(i)) TO '${path}' (FORMAT csv, COMPRESSION zstd, HEADER)`,
      { threads: 1 },
    )
    const done = await kit.import({ table: fresh(), sources: [path], onError: 'reject' })
    expect(done).toMatchObject({ rows: 29_999, rejectedRows: 1 })
    // Line 1 is the header, line 2 is row 0.
    expect(JSON.parse(await readFile(done.rejectsFile ?? '', 'utf8'))).toMatchObject({ line: 25_002, value: 'x25000' })
  })

  it('lines of NDJSON are counted through CRLF and blank lines, in errors and in rejects', async () => {
    const objects = Array.from({ length: 30_000 }, (_, at) => (at === 25_000 ? '{broken' : `{"id": ${at}}`))
    const lines = [...objects.slice(0, 10), '', '  ', ...objects.slice(10)]
    const path = await kit.file('crlf.ndjson', `${lines.join('\r\n')}\r\n`)
    const table = fresh()
    await expect(kit.import({ table, sources: [path] })).rejects.toMatchObject({
      code: 'source/row',
      context: { line: 25_003 },
    })
    const done = await kit.import({ table, sources: [path], onError: 'reject' })
    expect(done).toMatchObject({ rows: 29_999, rejectedRows: 1 })
    expect(JSON.parse(await readFile(done.rejectsFile ?? '', 'utf8'))).toMatchObject({ line: 25_003, raw: '{broken' })
  })

  it('a clean file leaves no rejects file', async () => {
    const done = await kit.import({ table: fresh(), sources: [await csv('clean.csv', 'id', '1')], onError: 'reject' })
    expect(done).toMatchObject({ rejectedRows: 0, rejectsFile: null })
  })
})

describe('little memory and dead processes', () => {
  it('the ladder ends with an error that names bytes, and leaves nothing', async () => {
    await using small = await openKit({ memoryLimitBytes: 20_000_000 })
    await using session = await kit.engine.session()
    await mkdir(join(kit.folder, 'in'), { recursive: true })
    const path = join(kit.folder, 'in', 'heavy.parquet')
    await session.run(
      `COPY (SELECT range AS id, ${Array.from({ length: 8 }, (_, at) => `hash(range + ${at})::VARCHAR AS c${at}`).join(', ')} FROM range(500000)) TO '${path}' (FORMAT parquet)`,
    )
    const error = await failure(small.import({ sources: [path], sortBy: 'c1' }))
    expect(error.code).toBe('memory/exhausted')
    expect(error.message).toMatch(/\d+(\.\d+)? [KMG]i?B/)
    expect(error.context['attempts']).toBeGreaterThan(1)
    expect(await readdir(join(small.folder, 'state', 'writes'))).toEqual([])
    expect(await small.catalog.tableExists({ namespace: ['ns'], name: 't' })).toBe(false)
    const left = await readdir(join(small.folder, 'warehouse'), { recursive: true }).catch(() => [])
    expect(left.filter((name) => name.endsWith('.parquet') || name.includes('.icebox-'))).toEqual([])
  })

  it('what a killed process wrote is removed, what a table names is kept, and the living are left alone', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    const data = join(kit.folder, 'dead', 'data')
    await mkdir(join(data, 'p=1'), { recursive: true })
    const entry = await kit.journal.begin({ folders: (id) => [join(data, `.icebox-${id}`)], dataFolder: data })
    const journalFile = join(kit.folder, 'state', 'writes', `${entry.writeId}.json`)
    await mkdir(entry.folders[0] ?? '')
    const [kept, lost, foreign] = [
      join(data, 'p=1', `00000-${entry.writeId}.parquet`),
      join(data, `00001-${entry.writeId}.parquet`),
      join(data, '00000-other.parquet'),
    ]
    for (const path of [kept, lost, foreign]) await writeFile(path, 'x')
    const referenced = async () => new Set([kept])
    expect((await recoverWrites(kit.journal, referenced)).writes).toBe(0)
    const started = (await readFile(`/proc/${child.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ')[19]
    await writeFile(journalFile, JSON.stringify({ ...entry, pid: child.pid, processStart: started }))
    expect((await recoverWrites(kit.journal, referenced)).writes).toBe(0)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const report = await recoverWrites(kit.journal, referenced)
    expect(report).toMatchObject({ writes: 1, removedFiles: [lost] })
    expect((await readdir(data, { recursive: true })).sort()).toEqual([
      '00000-other.parquet',
      'p=1',
      `p=1/00000-${entry.writeId}.parquet`,
    ])
  })

  it.each(['1e300', '9007199254740992', 'inf', '-inf'])(
    'a number that only its text can tell (%s) has all values read once more as text, and is kept',
    async (large) => {
      await using own = await openKit()
      const rows = Array.from({ length: 2000 }, (_, at) => `${at},1.5`).join('\n')
      const path = await own.file('values.csv', `id,v\n${rows}\n2000,${large}\n`)
      const outcome = await own.import({ sources: [path] })
      expect(outcome.rows).toBe(2001)
      expect(outcome.notes.join('\n')).toContain('read once more, as text')
      expect(await own.read(`SELECT v FROM $T WHERE v = '${large}'::DOUBLE`)).toMatchObject([
        { v: Number(large.replace('inf', 'Infinity')) },
      ])
      expect(await own.dataFiles()).toHaveLength(1)
    },
  )

  it('numbers below zero that the sample had none of are kept, and read once', async () => {
    await using own = await openKit()
    const rows = (sign: string) => Array.from({ length: 2000 }, (_, at) => `${at},${sign}${at}.5`).join('\n')
    const path = await own.file('values.csv', `id,v\n${rows('')}\n${rows('-')}\n`)
    const outcome = await own.import({ sources: [path] })
    expect(outcome.rows).toBe(4000)
    expect(outcome.notes.join('\n')).not.toContain('read once more')
    expect(await own.read('SELECT min(v) AS least, max(v) AS most, sum(v) AS sum FROM $T')).toEqual([
      { least: -1999.5, most: 1999.5, sum: 0 },
    ])
  })

  it.each([
    ['a column', 'CASE i % 3 WHEN 0 THEN -0.0::DOUBLE WHEN 1 THEN 0.0::DOUBLE ELSE 5 END', 'v'],
    ['a float', 'CASE i % 3 WHEN 0 THEN -0.0::FLOAT WHEN 1 THEN 0.0::FLOAT ELSE 5 END', 'v'],
    ['a struct', "{'x': CASE i % 3 WHEN 0 THEN -0.0::DOUBLE WHEN 1 THEN 0.0::DOUBLE ELSE 5 END}", 'v.x'],
  ])('zeros of both signs in %s keep them, also where few values repeat', async (_, value, read) => {
    await using own = await openKit()
    const path = join(own.folder, 'zeros.parquet')
    const session = await own.engine.session()
    await session.run(
      `COPY (SELECT i, ${value} AS v FROM range(30000) r(i)) TO '${path}' (FORMAT parquet, DICTIONARY_SIZE_LIMIT 0)`,
    )
    await session[Symbol.asyncDispose]()
    await own.import({ sources: [path] })
    const counts = await own.read(`SELECT ${read}::VARCHAR AS v, count(*) AS n FROM $T GROUP BY ALL ORDER BY ALL`)
    expect(counts).toEqual([
      { v: '-0.0', n: 10_000n },
      { v: '0.0', n: 10_000n },
      { v: '5.0', n: 10_000n },
    ])
    expect(await own.dataFiles()).toHaveLength(1)
  })
})

describe('formats of dates and times that the caller gives', () => {
  const rowsOf = async (table: { name: string }) =>
    (await kit.read('SELECT v::VARCHAR AS v FROM $T ORDER BY id', table.name)).map((row) => row['v'])
  const schema = (text: string) => kit.file('declared.sql', text)

  it.each([
    ['ISO dates the other way round', '%Y-%d-%m', ['2023-02-01', '2023-03-04'], ['2023-01-02', '2023-04-03']],
    ['digits alone', '%Y%m%d', ['20230201', '20231104'], ['2023-02-01', '2023-11-04']],
    ['names of months', '%d %b %Y', ['12 Jan 2020', '3 Feb 2021'], ['2020-01-12', '2021-02-03']],
    ['days before months', '%d/%m/%Y', ['01/02/2023', '03/04/2023'], ['2023-02-01', '2023-04-03']],
  ])('settle what the texts mean: %s', async (_, dateFormat, texts, dates) => {
    const lines = texts.map((text, at) => `${at},${text}`)
    const objects = texts.map((v, id) => JSON.stringify({ id, v }))
    for (const source of [await csv('asked.csv', 'id,v', ...lines), await csv('asked.ndjson', ...objects)]) {
      for (const given of [{}, { schemaFile: await schema('id BIGINT, v DATE') }]) {
        const table = fresh()
        const done = await kit.import({ table, sources: [source], csv: { dateFormat }, ...given })
        expect((await columnsOf(table.name))['v']).toBe('date')
        expect(await rowsOf(table)).toEqual(dates)
        expect(done.notes).toContain(`column 'v': read as ${dateFormat}, as asked`)
      }
    }
  })

  it.each([
    ['%Y-%d-%m %H:%M:%S', '2023-02-01 10:00:00', 'timestamp', '2023-01-02 10:00:00'],
    ['%d %b %Y %H:%M %z', '3 Feb 2021 10:30 +0200', 'timestamptz', '2021-02-03 08:30:00'],
    ['%d.%m.%Y %H:%M:%S.%f', '03.02.2021 10:30:00.25', 'timestamp', '2021-02-03 10:30:00.25'],
  ])('times too: %s', async (timestampFormat, text, kind, expected) => {
    for (const source of [
      await csv('times.csv', 'id,v', `1,${text}`),
      await csv('times.ndjson', JSON.stringify({ id: 1, v: text })),
    ]) {
      const table = fresh()
      await kit.import({ table, sources: [source], csv: { timestampFormat } })
      expect((await columnsOf(table.name))['v']).toBe(kind)
      expect(await kit.read("SELECT v AT TIME ZONE 'UTC' AT TIME ZONE 'UTC' = v AS same FROM $T", table.name)).toEqual([
        { same: true },
      ])
      expect((await rowsOf(table))[0]).toContain(expected)
    }
  })

  it.each([
    ['%Y%m%d', '20230201', '2023111', 'two days'],
    ['%Y%m%d', '20230201', '20230230', 'no day'],
    ['%d %b %Y', '12 Jan 2020', '12 Jam 2020', 'no month'],
    ['%d %b %Y', '12 Jan 2020', 'epoch', 'a word that strptime takes for 1900-01-01'],
    ['%Y-%d-%m', '2023-02-01', '2023-01-13', 'no month of that number'],
    ['%d %b %Y', '01 Feb 2023', '01 Feb 23', 'a year of two digits'],
  ])('hold later values to them (%s): after %s not %s, %s', async (dateFormat, good, bad) => {
    const rows = Array.from({ length: 2000 }, (_, at) => `${at},${good}`)
    const path = await csv('held.csv', 'id,v', ...rows, `2000,${bad}`)
    const error = await failure(kit.import({ table: fresh(), sources: [path], csv: { dateFormat } }))
    expect(error.code).toBe('source/row')
    expect(error.context).toMatchObject({ line: 2002, column: 'v', value: bad })
    expect(error.message).toContain(`date written as ${dateFormat}`)
  })

  it('never cut the time off a date, nor the offset off a time', async () => {
    const path = await csv('cut.csv', 'id,v', '1,01/02/2023 10:00', '2,02/02/2023 00:00')
    const declared = await schema('id BIGINT, v DATE')
    const date = await failure(
      kit.import({ table: fresh(), sources: [path], schemaFile: declared, csv: { dateFormat: '%d/%m/%Y %H:%M' } }),
    )
    expect(date.context).toMatchObject({ line: 2, column: 'v', value: '01/02/2023 10:00' })
    const zoned = await csv('zoned.csv', 'id,v', '1,01/02/2023 10:00 +0200')
    const time = await failure(
      kit.import({
        table: fresh(),
        sources: [zoned],
        schemaFile: await schema('id BIGINT, v TIMESTAMP'),
        csv: { timestampFormat: '%d/%m/%Y %H:%M %z' },
      }),
    )
    expect(time.context).toMatchObject({ line: 2, column: 'v' })
  })

  it('leave numbers, text and other dates as they are, and say when no column is written so', async () => {
    const path = await csv('unused.csv', 'id,v,n,s', '1,2023-02-01,7,x', '2,2023-03-04,12,y')
    const table = fresh()
    const done = await kit.import({ table, sources: [path], csv: { dateFormat: '%d %b %Y', timestampFormat: '%Y' } })
    expect(await columnsOf(table.name)).toEqual({ id: 'long', v: 'date', n: 'long', s: 'string' })
    expect(done.notes.filter((note) => note.includes('is not used'))).toEqual([
      'no column is written as %d %b %Y in all of the sample: the format that was asked for is not used',
      'no column is written as %Y in all of the sample: the format that was asked for is not used',
    ])
  })

  it('are said where some values of a text column are written so', async () => {
    const plan = await kit.plan({
      sources: [await csv('some.csv', 'id,v', '1,12 Jan 2020', '2,13 Jan 2020', '3,soon')],
      csv: { dateFormat: '%d %b %Y' },
    })
    expect(plan.columns[1]?.type).toBe('string')
    expect(plan.notes.join('\n')).toContain("column 'v': only 2 of 3 sampled values are written as %d %b %Y")
  })

  it.each(['%H:%M', '%Y-%Q', '%Y%'])('that are none are refused: %s', async (dateFormat) => {
    const error = await failure(kit.plan({ sources: [await csv('none.csv', 'id,v', '1,2')], csv: { dateFormat } }))
    expect(error.code).toBe('usage/invalid')
    expect(error.message).toContain(dateFormat)
  })
})

describe('the rows that a plan tells', () => {
  const rows = Array.from({ length: 300 }, (_, at) => `${at},"v""${at}",`)
  const text = `id,v,w\n${rows.join('\n')}\n`

  it.each<[string, string | Uint8Array, object]>([
    ['quoted.csv', text, {}],
    ['packed.csv.gz', gzipSync(text), {}],
    ['wide.csv', Buffer.from(text, 'utf16le'), { csv: { encoding: 'utf-16' } }],
    ['blank.ndjson', rows.map((_, at) => `{"id":${at}}\n\n\n`).join(''), {}],
    ['packed.ndjson.gz', gzipSync(rows.map((_, at) => `{"id":${at}}\n`).join('')), {}],
  ])(
    'are those that are there where the sample has all of %s, and not what its bytes would be',
    async (name, bytes, how) => {
      const plan = await kit.plan({ sources: [await kit.file(`rows/${name}`, bytes)], ...how })
      expect(plan.estimate).toMatchObject({ rows: 300, areRowsCounted: true })
      expect(describePlan(plan)).toContain('\n300 rows, ')
    },
  )

  it('are about so many where there are more than the sample has, or bad ones may be left out', async () => {
    const many = `id\n${Array.from({ length: 1000 }, (_, at) => at).join('\n')}\n`
    const path = await kit.file('rows/many.csv', many)
    expect((await kit.plan({ sources: [path] })).estimate.areRowsCounted).toBe(false)
    const few = await kit.file('rows/few.csv', text)
    expect((await kit.plan({ sources: [few], onError: 'reject' })).estimate.areRowsCounted).toBe(false)
  })
})
