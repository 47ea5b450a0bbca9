import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EngineSession } from '../../src/engine/index.ts'
import { type EngineBench, startEngine } from '../integration/support/engine.ts'
import { python } from './python.ts'

let bench: EngineBench
let session: EngineSession
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-arrow-'))
  bench = await startEngine()
  session = await bench.engine.session()
})
afterAll(async () => {
  await session[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

/** Reads our IPC stream with pyarrow, checks every buffer, and compares with what DuckDB's own Arrow export gives. */
async function compare(sql: string, casts: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const file = join(folder, 'rows.arrows')
  const pieces: Uint8Array[] = []
  await using result = await session.stream(sql)
  const stream = await result.arrow({ batchRows: 3001 })
  pieces.push(stream.begin())
  for await (const batch of stream) for (const piece of batch.message()) pieces.push(Uint8Array.from(piece))
  pieces.push(stream.end())
  await writeFile(file, Buffer.concat(pieces))
  return python(
    `
    import pyarrow as pa, pyarrow.ipc, duckdb
    ours = pa.ipc.open_stream(args["file"]).read_all()
    ours.validate(full=True)
    theirs = duckdb.sql("SELECT * REPLACE (" + args["casts"] + ") FROM (" + args["sql"] + ")" if args["casts"] else args["sql"]).to_arrow_table()
    different = []
    for name in theirs.column_names:
        a, b = ours.column(name), theirs.column(name)
        if a.to_pylist() != b.to_pylist(): different.append([name, str(a.type), str(b.type), str(a.to_pylist()[:5]), str(b.to_pylist()[:5])])
    done({"rows": ours.num_rows, "different": different, "types": [str(t) for t in ours.schema.types]})
    `,
    {
      file,
      sql,
      casts: Object.entries(casts)
        .map(([name, type]) => `${name}::${type} AS ${name}`)
        .join(', '),
    },
  )
}

describe('Arrow batches in pyarrow hold what DuckDB itself exports', () => {
  it('scalars of every type, with nulls', async () => {
    const types = [
      ['bo', 'i % 2 = 0'],
      ['ti', '(i % 100)::TINYINT'],
      ['us', '(i % 60000)::USMALLINT'],
      ['it', '(-i)::INTEGER'],
      ['ub', '(i * 1000000007)::UBIGINT'],
      ['hu', '(i * -1000000007)::HUGEINT * 10000000000'],
      ['fl', '(i / 8)::FLOAT'],
      ['du', 'i / 7'],
      ['d4', '(i % 100)::DECIMAL(4,2)'],
      ['d9', '(-i / 8)::DECIMAL(9,3)'],
      ['d18', '(i * 1000)::DECIMAL(18,4)'],
      ['d38', '(i * -1000)::DECIMAL(38,10)'],
      ['da', "DATE '1960-01-01' + (i % 40000)::INTEGER"],
      ['tm', "TIME '00:00:00' + to_seconds(i % 80000)"],
      ['ts', "TIMESTAMP '1969-12-31' + to_microseconds(i * 1000003)"],
      ['ss', "(TIMESTAMP '1969-12-31' + to_seconds(i))::TIMESTAMP_S"],
      ['sm', "(TIMESTAMP '1969-12-31' + to_milliseconds(i))::TIMESTAMP_MS"],
      ['va', "CASE WHEN i % 3 = 0 THEN '' WHEN i % 3 = 1 THEN 'é' || i ELSE 'long text, number ' || i END"],
      ['bl', "('bytes ' || repeat('x', i % 30))::BLOB"],
      ['uu', "('00000000-0000-0000-0000-' || lpad(i::VARCHAR, 12, '0'))::UUID"],
      ['en', "(CASE WHEN i % 2 = 0 THEN 'small' ELSE 'large' END)::ENUM('small', 'large')"],
    ] as const
    const columns = types.map(([name, sql], at) => `CASE WHEN i % ${at + 2} = 1 THEN NULL ELSE ${sql} END AS ${name}`)
    const sql = `SELECT i, ${columns.join(', ')} FROM range(10000) t(i) ORDER BY i`
    expect(await compare(sql, { uu: 'VARCHAR', en: 'VARCHAR' })).toMatchObject({ rows: 10_000, different: [] })
  })

  it('nested types, with nulls at every depth', async () => {
    const sql = `SELECT i, CASE WHEN i % 5 = 0 THEN NULL ELSE range(i % 4) END AS l,
      CASE WHEN i % 6 = 0 THEN NULL ELSE {'a': CASE WHEN i % 4 = 1 THEN NULL ELSE i END, 'b': ['text that is long, ' || i, NULL]} END AS s,
      (CASE WHEN i % 7 = 0 THEN NULL ELSE [i, NULL] END)::BIGINT[2] AS f,
      CASE WHEN i % 8 = 0 THEN NULL ELSE MAP {'k' || i: i, 'another key of many bytes': NULL} END AS m,
      CASE WHEN i % 2 = 0 THEN union_value(n := i)::UNION(n BIGINT, t VARCHAR) ELSE union_value(t := 'text ' || i)::UNION(n BIGINT, t VARCHAR) END AS u
      FROM range(10000) t(i) ORDER BY i`
    expect(await compare(sql)).toMatchObject({ rows: 10_000, different: [] })
  })

  it('a result without rows has its schema', async () => {
    expect(await compare("SELECT 1 AS a, ['x'] AS b WHERE false")).toEqual({
      rows: 0,
      different: [],
      types: ['int32', 'list<item: string>'],
    })
  })
})
