import { describe, expect, it } from 'vitest'
import { type IceboxError, isIceboxError, parseDuckDbType } from '../../src/base/index.ts'
import { type Schema, transformToString, typeToString } from '../../src/iceberg/index.ts'
import { planColumns } from '../../src/ingest/plan/columns.ts'
import { parsePartitionBy, parseSortBy } from '../../src/ingest/plan/partition-text.ts'
import { compressionOf, detectFormat } from '../../src/ingest/source/format.ts'
import { globExpression, globRoot } from '../../src/ingest/source/glob.ts'
import { hiveColumns, hiveValues } from '../../src/ingest/source/hive.ts'
import { TemporaryIds, toDuckDbType, toIcebergType } from '../../src/ingest/types/mapping.ts'
import { parseStatistic, lowerBound, upperBound } from '../../src/ingest/write/bounds.ts'
import { copySql } from '../../src/ingest/write/copy.ts'
import { fieldIdsClause } from '../../src/ingest/write/field-ids.ts'
import { ladder } from '../../src/ingest/write/ladder.ts'
import { LeafIndex, metricsOf } from '../../src/ingest/write/metrics.ts'
import { chooseStrategy } from '../../src/ingest/write/strategy.ts'

const schema: Schema = {
  schemaId: 0,
  identifierFieldIds: [],
  fields: [
    { id: 1, name: 'id', type: { kind: 'long' }, required: true },
    { id: 2, name: 'ts', type: { kind: 'timestamp' }, required: false },
    { id: 3, name: 'name', type: { kind: 'string' }, required: false },
    {
      id: 4,
      name: 'tags',
      type: { kind: 'list', elementId: 5, element: { kind: 'string' }, elementRequired: false },
      required: false,
    },
    {
      id: 6,
      name: 'a "b',
      type: { kind: 'struct', fields: [{ id: 7, name: 'x', type: { kind: 'double' }, required: false }] },
      required: false,
    },
    {
      id: 8,
      name: 'm',
      type: {
        kind: 'map',
        keyId: 9,
        key: { kind: 'string' },
        valueId: 10,
        value: { kind: 'int' },
        valueRequired: false,
      },
      required: false,
    },
  ],
}

function codeOf(act: () => unknown): string | undefined {
  return caught(act)?.code
}

function caught(act: () => unknown): IceboxError | undefined {
  try {
    act()
  } catch (error) {
    if (isIceboxError(error)) return error
    throw error
  }
  return undefined
}

describe('DuckDB types and Iceberg types', () => {
  const map = (text: string) => typeToString(toIcebergType(text, { column: 'c', ids: new TemporaryIds() }).type)

  it.each([
    ['BOOLEAN', 'boolean'],
    ['TINYINT', 'int'],
    ['USMALLINT', 'int'],
    ['INTEGER', 'int'],
    ['UINTEGER', 'long'],
    ['BIGINT', 'long'],
    ['UBIGINT', 'decimal(20, 0)'],
    ['HUGEINT', 'decimal(38, 0)'],
    ['DECIMAL(15,2)', 'decimal(15, 2)'],
    ['FLOAT', 'float'],
    ['DOUBLE', 'double'],
    ['DATE', 'date'],
    ['TIME', 'time'],
    ['TIMESTAMP_MS', 'timestamp'],
    ['TIMESTAMP WITH TIME ZONE', 'timestamptz'],
    ['UUID', 'uuid'],
    ["ENUM('a', 'b)')", 'string'],
    ['JSON', 'string'],
    ['BLOB', 'binary'],
    ['VARCHAR', 'string'],
  ])('%s becomes %s', (text, type) => {
    expect(map(text)).toBe(type)
  })

  it.each(['INTERVAL', 'BIT', 'UNION(a INTEGER, b VARCHAR)', 'TIMESTAMP_NS', 'STRUCT(a INTERVAL)'])(
    '%s is refused with the name of the column',
    (text) => {
      expect(codeOf(() => map(text))).toBe('schema/unsupported-type')
    },
  )

  it('nested types come back as they were', () => {
    for (const text of ['STRUCT("a b" INTEGER, "q""x" VARCHAR[])[]', 'MAP(VARCHAR, STRUCT("v" DECIMAL(9,2)))']) {
      expect(toDuckDbType(toIcebergType(text, { column: 'c', ids: new TemporaryIds() }).type)).toBe(text)
    }
    expect(parseDuckDbType('STRUCT(a INTEGER, "b.c" VARCHAR)[3][]').kind).toBe('list')
  })

  it('rows without names, unions and enums are told apart from fields with names', () => {
    const scalar = (name: string, ...parameters: number[]) => ({ kind: 'scalar', name, parameters })
    const text = `STRUCT(DECIMAL(9,2), TIMESTAMP WITH TIME ZONE, STRUCT("timestamp" TIMESTAMP WITH TIME ZONE, "," DATE)[], ENUM('a b', ')'), UNION(n DECIMAL(4,1), "x y" STRUCT(DATE)), "null")`
    expect(parseDuckDbType(text)).toEqual({
      kind: 'struct',
      fields: [
        scalar('DECIMAL', 9, 2),
        scalar('TIMESTAMP WITH TIME ZONE'),
        {
          kind: 'list',
          element: {
            kind: 'struct',
            fields: [
              { name: 'timestamp', type: scalar('TIMESTAMP WITH TIME ZONE') },
              { name: ',', type: scalar('DATE') },
            ],
          },
        },
        scalar('ENUM'),
        scalar('UNION'),
        scalar('NULL'),
      ].map((type) => ({ name: undefined, type })),
    })
    expect(() => map('STRUCT(INTEGER, DATE)')).toThrow('STRUCT, which has fields without names')
    expect(() => map('STRUCT(a UNION(n DECIMAL(4,1), "x y" DATE))')).toThrow('UNION, which has no partner')
  })
})

describe('statistics of COPY', () => {
  it.each([
    ['date', '1969-12-31', -1],
    ['date', '-infinity', undefined],
    ['date', '0044-03-15 (BC)', undefined],
    ['timestamp', '1969-12-31 23:59:58.5', -1_500_000n],
    ['timestamp', '2020-01-01 00:00:00', 1_577_836_800_000_000n],
    ['timestamp', 'infinity', undefined],
    ['timestamptz', '2019-12-31 22:00:00+00', 1_577_829_600_000_000n],
    ['timestamptz', '2019-12-31 22:00:00+02', undefined],
    ['time', '10:00:00.123456', 36_000_123_456n],
    ['double', 'nan', undefined],
    ['double', '-inf', Number.NEGATIVE_INFINITY],
    ['double', '1e-320', 1e-320],
    ['float', '1.1', Math.fround(1.1)],
    ['long', '-9223372036854775808', -9223372036854775808n],
    ['boolean', '1', true],
    ['int', '1.5', undefined],
  ] as const)('%s %s is read exactly or not at all', (kind, text, value) => {
    expect(parseStatistic({ kind }, text)).toEqual(value)
  })

  it('decimals keep their scale', () => {
    expect(parseStatistic({ kind: 'decimal', precision: 6, scale: 2 }, '-5.25')).toBe(-525n)
    expect(parseStatistic({ kind: 'decimal', precision: 6, scale: 2 }, '-5.255')).toBeUndefined()
  })

  it('bounds are cut below and raised above (I11); zeros are told apart by sign', () => {
    const text = { kind: 'string' } as const
    expect(lowerBound(text, 'aaaaaaaaaaaaaaaaaaaa')).toBe('aaaaaaaaaaaaaaaa')
    expect(upperBound(text, 'aaaaaaaaaaaaaaaaaaaa')).toBe('aaaaaaaaaaaaaaab')
    expect(upperBound(text, '\u{10FFFF}'.repeat(20))).toBeUndefined()
    expect(Object.is(lowerBound({ kind: 'double' }, 0), -0)).toBe(true)
    expect(Object.is(upperBound({ kind: 'double' }, -0), 0)).toBe(true)
  })

  it('paths with quotes and nesting find their field; repeated fields get sizes only', () => {
    const metrics = metricsOf(
      [
        [
          '"id"',
          [
            ['column_size_bytes', '80'],
            ['min', '-1'],
            ['max', '5'],
            ['null_count', '0'],
            ['num_values', '10'],
          ],
        ],
        [
          '"a ""b"."x"',
          [
            ['column_size_bytes', '40'],
            ['has_nan', 'false'],
            ['min', '0.5'],
            ['max', 'inf'],
            ['null_count', '2'],
            ['num_values', '10'],
          ],
        ],
        [
          '"tags"."element"',
          [
            ['column_size_bytes', '7'],
            ['min', 'a'],
            ['max', 'b'],
            ['null_count', '0'],
            ['num_values', '30'],
          ],
        ],
        [
          '"m"."value"',
          [
            ['column_size_bytes', '9'],
            ['num_values', '3'],
          ],
        ],
      ],
      new LeafIndex(schema),
    )
    expect([...(metrics.columnSizes ?? [])]).toEqual([
      [1, 80n],
      [7, 40n],
      [5, 7n],
      [10, 9n],
    ])
    expect([...(metrics.valueCounts ?? [])]).toEqual([
      [1, 10n],
      [7, 10n],
    ])
    expect([...(metrics.nullValueCounts ?? [])]).toEqual([
      [1, 0n],
      [7, 2n],
    ])
    expect([...(metrics.nanValueCounts ?? [])]).toEqual([[7, 0n]])
    expect([...(metrics.lowerBounds?.keys() ?? [])]).toEqual([1, 7])
    expect(metrics.lowerBounds?.get(1)).toEqual(new Uint8Array([255, 255, 255, 255, 255, 255, 255, 255]))
  })

  it('field ids are given at every level', () => {
    expect(fieldIdsClause(schema)).toBe(
      '{"id": 1, "ts": 2, "name": 3, "tags": {__duckdb_field_id: 4, "element": 5}, "a ""b": {__duckdb_field_id: 6, "x": 7}, "m": {__duckdb_field_id: 8, "key": 9, "value": 10}}',
    )
  })

  it('file sizes and partitions do not meet in one COPY', () => {
    const base = {
      select: 'SELECT 1',
      folder: "/tmp/it's",
      rowGroupSize: 8192,
      usesDictionaries: true,
      textColumns: 1,
      codec: 'zstd',
      fileSizeBytes: 1000,
    }
    expect(copySql({ ...base, partitionBy: [] })).toContain(
      "TO '/tmp/it''s' (FORMAT parquet, COMPRESSION 'zstd', ROW_GROUP_SIZE 8192",
    )
    expect(copySql({ ...base, partitionBy: ['p'] })).not.toContain('FILE_SIZE_BYTES')
  })
})

describe('partitions and orders as people write them', () => {
  it.each([
    ['month(ts)', ['ts_month month 2']],
    ['months(ts), bucket(16, id)', ['ts_month month 2', 'id_bucket bucket[16] 1']],
    ['bucket[4](id), truncate(3, name)', ['id_bucket bucket[4] 1', 'name_trunc truncate[3] 3']],
    ['bucket(id, 4)', ['id_bucket bucket[4] 1']],
    ['bucket(4, id), bucket(8, id)', ['id_bucket bucket[4] 1', 'id_bucket_8 bucket[8] 1']],
    ['NAME', ['name identity 3']],
    ['"a ""b".x', undefined],
    ['day(ts), day(ts)', undefined],
    ['month(name)', undefined],
    ['tags', undefined],
  ])('%s', (text, fields) => {
    if (fields === undefined) expect(codeOf(() => parsePartitionBy(text, schema))).toBe('ingest/partition')
    else
      expect(
        parsePartitionBy(text, schema).fields.map(
          (field) => `${field.name} ${transformToString(field.transform)} ${field.sourceIds[0]}`,
        ),
      ).toEqual(fields)
  })

  it.each([
    ['bucket(0,id)', 'has the number 0', 'bucket'],
    ['truncate(1000000000000, name)', 'has the number 1000000000000', 'truncate'],
    ['bucket(id)', 'has no number', 'bucket'],
  ])('%s is refused for its number, with those that are taken', (text, message, kind) => {
    const error = caught(() => parsePartitionBy(text, schema))
    expect(error?.message).toContain(message)
    expect(error?.remedy).toContain(`give ${kind} a whole number from 1 to 2,147,483,647`)
  })

  it('nulls are first ascending and last descending unless said', () => {
    expect(
      parseSortBy('ts desc, id, name asc nulls last', schema).fields.map(
        (field) => `${field.sourceIds[0]} ${field.direction} ${field.nullOrder}`,
      ),
    ).toEqual(['2 desc nulls-last', '1 asc nulls-first', '3 asc nulls-last'])
  })
})

describe('columns of a source and of a table', () => {
  const found = (name: string, sourceType: string) => ({ name, sourceType, why: '10 sampled values' })
  const ask = (columns: ReturnType<typeof found>[], newColumns: 'add' | 'refuse' = 'refuse') =>
    planColumns({ found: columns, format: 'parquet', schema, isTable: true, newColumns, formatVersion: 2 })

  it('are matched by name, case aside; what is missing is null, what is required must be there', () => {
    const plan = ask([found('ID', 'INTEGER'), found('Name', 'VARCHAR')])
    expect(plan.mapping.map((column) => `${column.source}>${column.name}`)).toEqual(['ID>id', 'Name>name'])
    expect(plan.columns.find((column) => column.name === 'ts')).toMatchObject({ action: 'fill-null' })
    expect(codeOf(() => ask([found('name', 'VARCHAR')]))).toBe('schema/mismatch')
  })

  it('new ones are refused, or added', () => {
    const columns = [found('id', 'BIGINT'), found('extra', 'DATE')]
    expect(codeOf(() => ask(columns))).toBe('schema/mismatch')
    expect(ask(columns, 'add').changes).toEqual([{ kind: 'add', name: 'extra', type: { kind: 'date' } }])
  })

  it('notes of the sample are not said of a column that is declared otherwise', () => {
    const text = { ...found('id', 'VARCHAR'), note: 'values like 1 and x have no type in common: kept as text' }
    const rounded = { ...found('x', 'DOUBLE'), note: 'some numbers are rounded' }
    const notes = (columns: ReturnType<typeof found>[], declared: Schema) =>
      planColumns({
        found: columns,
        format: 'csv',
        schema: declared,
        isTable: false,
        newColumns: 'refuse',
        formatVersion: 2,
      }).notes
    const field = (id: number, name: string, kind: 'long' | 'double' | 'float') => ({
      id,
      name,
      type: { kind },
      required: false,
    })
    expect(notes([text, rounded], { ...schema, fields: [field(1, 'id', 'long'), field(2, 'x', 'double')] })).toEqual([
      "column 'x': some numbers are rounded",
    ])
    expect(notes([text, rounded], { ...schema, fields: [field(1, 'id', 'long'), field(2, 'x', 'float')] })).toEqual([])
  })

  it('types that would lose something are refused', () => {
    expect(codeOf(() => ask([found('id', 'VARCHAR')]))).toBe('schema/mismatch')
    expect(codeOf(() => ask([found('id', 'DOUBLE')]))).toBe('schema/mismatch')
    expect(codeOf(() => ask([found('id', 'BIGINT'), found('ts', 'VARCHAR')]))).toBe('schema/mismatch')
  })
})

describe('sources', () => {
  const utf8 = (text: string) => new TextEncoder().encode(text)

  it.each([
    ['a.csv', 'id\n1', 'csv'],
    ['a.json', '[{"a":1}]', 'json'],
    ['a.json', '{"a":1}\n{"a":2}\n', 'ndjson'],
    ['a.json', '{\n"a":1}', 'json'],
    ['a.jsonl', '{"a":1}', 'ndjson'],
    ['a', 'PAR1xxxx', 'parquet'],
    ['a', '{"a":1}', 'ndjson'],
    ['a', 'x,y\n', 'csv'],
    ['a.parquet', 'PAR1', 'parquet'],
    ['a.csv.gz', 'a,b', 'csv'],
  ] as const)('%s that begins with %j is %s', (path, head, format) => {
    expect(detectFormat({ path, head: utf8(head), asked: undefined })).toBe(format)
  })

  it('a name or a wish that contradicts the content is refused', () => {
    expect(codeOf(() => detectFormat({ path: 'a.csv', head: utf8('PAR1'), asked: undefined }))).toBe('source/format')
    expect(codeOf(() => detectFormat({ path: 'a.parquet', head: utf8('id,x'), asked: undefined }))).toBe(
      'source/format',
    )
    expect(codeOf(() => detectFormat({ path: 'a.csv', head: utf8('id,x'), asked: 'parquet' }))).toBe('source/format')
  })

  it('compression is told by magic', () => {
    expect(compressionOf(Uint8Array.of(0x1f, 0x8b, 8))).toBe('gzip')
    expect(compressionOf(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd))).toBe('zstd')
    expect(compressionOf(utf8('id'))).toBe('none')
  })

  it('globs stay in their segment unless they are doubled', () => {
    const matches = (pattern: string, path: string) => globExpression(pattern).test(path)
    expect(matches('/d/*.csv', '/d/a.csv')).toBe(true)
    expect(matches('/d/*.csv', '/d/e/a.csv')).toBe(false)
    expect(matches('/d/**/*.csv', '/d/e/f/a.csv')).toBe(true)
    expect(matches('/d/**/*.csv', '/d/a.csv')).toBe(true)
    expect(matches('/d/part-?.{csv,tsv}', '/d/part-1.tsv')).toBe(true)
    expect(matches('/d/[ab].csv', '/d/c.csv')).toBe(false)
    expect(matches('/d/a.csv', '/d/axcsv')).toBe(false)
    expect(globRoot('/d/e/*.csv')).toBe('/d/e')
  })

  it('folders give columns: numbers, dates, text, null', () => {
    const file = (path: string) => ({ path, hive: hiveValues(path) })
    expect([...hiveValues('y=2021/name=a%2Fb/n=__HIVE_DEFAULT_PARTITION__/f.csv')]).toEqual([
      ['y', '2021'],
      ['name', 'a/b'],
      ['n', null],
    ])
    expect(hiveColumns([file('y=2021/d=2021-01-01/r=x/f'), file('y=2022/d=2021-01-02/r=1/f')])).toEqual([
      { name: 'y', type: 'BIGINT' },
      { name: 'd', type: 'DATE' },
      { name: 'r', type: 'VARCHAR' },
    ])
    expect(codeOf(() => hiveColumns([file('y=1/f'), file('z=1/f')]))).toBe('source/columns')
  })

  it.each([
    [['1', '2', '-3'], 'BIGINT'],
    [['01', '12'], 'BIGINT'],
    [['1', '02'], 'VARCHAR'],
    [['001', '120'], 'VARCHAR'],
    [['-0', '1'], 'VARCHAR'],
    [['2020-02-29'], 'DATE'],
    [['2021-02-29'], 'VARCHAR'],
  ])('values of folders %j are %s: what another type would change is text', (values, type) => {
    const files = values.map((value) => ({ path: `k=${value}/f`, hive: hiveValues(`k=${value}/f`) }))
    expect(hiveColumns(files)[0]?.type).toBe(type)
  })

  it.each(['k=NULL/f', 'a=1/k=null/f', 'k=x=y/f'])(
    'folders that the engine reads otherwise are refused: %s',
    (path) => {
      expect(codeOf(() => hiveValues(path))).toBe('source/columns')
    },
  )
})

describe('how partitions are written', () => {
  const base = { isPartitioned: true, threads: 2, columns: 16, rowWidthBytes: 200, memoryLimitBytes: 368 * 1024 * 1024 }

  it('directly while they fit, in buckets when they do not or nobody knows', () => {
    expect(chooseStrategy({ ...base, isPartitioned: false, partitions: undefined })).toEqual({ kind: 'plain' })
    expect(chooseStrategy({ ...base, partitions: 84 })).toEqual({ kind: 'direct' })
    expect(chooseStrategy({ ...base, partitions: 157 })).toEqual({ kind: 'direct' })
    expect(chooseStrategy({ ...base, partitions: 1000 })).toEqual({ kind: 'staged', buckets: 9, atOnce: 157 })
    expect(chooseStrategy({ ...base, partitions: 100_000 })).toEqual({ kind: 'staged', buckets: 157, atOnce: 157 })
    expect(chooseStrategy({ ...base, partitions: 84, memoryLimitBytes: 60 * 1024 * 1024 })).toEqual({
      kind: 'staged',
      buckets: 5,
      atOnce: 25,
    })
    expect(chooseStrategy({ ...base, partitions: 1e6, memoryLimitBytes: 1 })).toMatchObject({ atOnce: 16, buckets: 16 })
    expect(chooseStrategy({ ...base, partitions: undefined })).toMatchObject({ kind: 'staged' })
  })

  it('as divided text where it can be divided and the parts are worth it', () => {
    const divisible = { ...base, partitions: 84, divisibleRows: 12_000_000 }
    expect(chooseStrategy(divisible)).toEqual({ kind: 'divided', atOnce: 3 })
    expect(chooseStrategy({ ...divisible, memoryLimitBytes: 60 * 1024 * 1024 })).toEqual({ kind: 'divided', atOnce: 2 })
    expect(chooseStrategy({ ...divisible, threads: 8, memoryLimitBytes: 8e9 })).toEqual({ kind: 'divided', atOnce: 4 })
    expect(chooseStrategy({ ...divisible, divisibleRows: undefined })).toEqual({ kind: 'direct' })
    expect(chooseStrategy({ ...divisible, divisibleRows: 84 * 49_999 })).toEqual({ kind: 'direct' })
    expect(chooseStrategy({ ...divisible, partitions: 1 })).toEqual({ kind: 'direct' })
    expect(chooseStrategy({ ...divisible, partitions: undefined })).toMatchObject({ kind: 'staged' })
    expect(chooseStrategy({ ...divisible, partitions: 161, divisibleRows: 1e9 })).toMatchObject({ kind: 'staged' })
  })

  it('when memory runs out each attempt needs less than the one before', () => {
    const rungs = ladder({ threads: 2, rowGroupSize: 65_536, strategy: { kind: 'direct' } })
    expect(rungs.map((rung) => [rung.threads, rung.rowGroupSize, rung.strategy.kind])).toEqual([
      [2, 65_536, 'direct'],
      [1, 65_536, 'direct'],
      [1, 16_384, 'direct'],
      [1, 4_096, 'direct'],
      [1, 4_096, 'staged'],
    ])
  })
})

describe('a file of CSV whose first line is a row', () => {
  const found = (count: number) =>
    Array.from({ length: count }, (_, at) => ({ name: `column${at}`, sourceType: 'BIGINT', why: '' }))
  const question = { format: 'csv', isTable: true, newColumns: 'refuse', formatVersion: 2 } as const
  const fields = ['id', 'n'].map((name, at) => ({ id: at + 1, name, type: { kind: 'long' }, required: false }) as const)
  const table: Schema = { schemaId: 0, identifierFieldIds: [], fields }

  it('is not said to have columns named column0 where it goes into a table by its order', () => {
    const plan = planColumns({ ...question, found: found(2), schema: table })
    expect(plan.mapping.map(({ source, name }) => [source, name])).toEqual([
      ['column0', 'id'],
      ['column1', 'n'],
    ])
    expect(plan.notes).toEqual(['columns without names are taken in their order: id, n'])
  })

  it('names its columns itself where nothing else does', () => {
    const plan = planColumns({ ...question, found: found(2), schema: undefined })
    expect(plan.notes).toEqual(['columns without names are called column0 to column1'])
  })

  it('with another number of columns is refused for that, and not for names that nobody wrote', () => {
    const error = caught(() => planColumns({ ...question, found: found(3), schema: table }))
    expect(error).toMatchObject({ code: 'schema/mismatch', context: { sourceColumns: 3, columns: 2 } })
    expect(error?.message).not.toContain('column0')
  })

  it('goes by its names into a table that has such ones', () => {
    const own = { ...table, fields: fields.map((field, at) => ({ ...field, name: `column${1 - at}` })) }
    const plan = planColumns({ ...question, found: found(2), schema: own })
    expect(plan.mapping.map(({ source }) => source)).toEqual(['column1', 'column0'])
    expect(plan.notes).toEqual([])
  })
})
