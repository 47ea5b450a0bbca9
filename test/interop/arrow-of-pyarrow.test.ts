import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type InteropLake, openInteropLake } from './lake.ts'

let lake: InteropLake
beforeAll(async () => {
  lake = await openInteropLake()
})
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
})

/** Rows that Python writes as Arrow in one record batch of some 8 MB, so that it is read in parts where it is not packed. */
const WRITE = `
    import duckdb, pyarrow as pa, pyarrow.feather
    rows = duckdb.sql("""
      select i as id, case when i % 7 = 0 then null else 'name ' || i % 97 end as s, i % 3 = 0 as b, [i, null, i + 1][:1 + i % 3] as l,
        case when i % 5 > 0 then {'a': i, 't': ['x' || i]} end as st, (i / 10)::decimal(12, 2) as d,
        date '1960-01-01' + (i % 100)::int as day, timestamptz '1969-12-31 23:59:59.999999+00' + interval (i) second as moment
      from range(60000) t(i)""").to_arrow_table().combine_chunks()
    rows = rows.append_column("dict", rows["s"].combine_chunks().dictionary_encode())
    path = args["root"] + "/" + args["name"] + ".arrow"
    codec = args["codec"]
    if args["name"].startswith("feather"):
        pyarrow.feather.write_feather(rows, path, compression=codec, chunksize=100000)
    else:
        open_ = pa.ipc.new_file if args["name"].startswith("file") else pa.ipc.new_stream
        with pa.OSFile(path, "wb") as out, open_(out, rows.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
            writer.write_table(rows)
    duckdb.sql("copy rows to '" + args["root"] + "/want.parquet' (format parquet)")
    done()
`

describe('an Arrow file that pyarrow wrote', () => {
  it.each([
    ['feather_lz4', 'lz4'],
    ['feather_zstd', 'zstd'],
    ['feather_plain', 'uncompressed'],
    ['file_lz4', 'lz4'],
    ['file_plain', null],
    ['stream_zstd', 'zstd'],
    ['stream_plain', null],
  ])('%s: has every value in the table', async (name, codec) => {
    await lake.python(WRITE, { name, codec })
    const outcome = await lake.house.import({ table: `ns.${name}`, source: `${lake.root}/${name}.arrow` })
    expect(outcome.rows).toBe(60_000)
    const columns = 'id, s, b, l, st, d, day, moment, dict'
    const want = `SELECT ${columns} FROM '${lake.root}/want.parquet'`
    const got = `SELECT ${columns} FROM ns.${name}`
    expect(await lake.sql(`(${got} EXCEPT ALL ${want}) UNION ALL (${want} EXCEPT ALL ${got}) LIMIT 3`)).toEqual([])
  })

  it.each(['list_view', 'run_end_encoded', 'string_view'])(
    'of a type that is not read is refused by its name: %s',
    async (type) => {
      await lake.python(
        `
      import pyarrow as pa
      kind = args["kind"]
      column = pa.array([[1], [2]], pa.list_view(pa.int64())) if kind == "list_view" else pa.RunEndEncodedArray.from_arrays([1, 2], ["a", "b"]) if kind == "run_end_encoded" else pa.array(["a", "b"], pa.string_view())
      rows = pa.table({"id": [1, 2], "c": column})
      for format, open_ in [("file", pa.ipc.new_file), ("stream", pa.ipc.new_stream)]:
          with pa.OSFile(args["root"] + "/" + kind + "_" + format + ".arrow", "wb") as out, open_(out, rows.schema) as writer:
              writer.write_table(rows)
      done()
      `,
        { kind: type },
      )
      for (const format of ['file', 'stream']) {
        const source = `${lake.root}/${type}_${format}.arrow`
        await expect(lake.house.import({ table: `ns.${type}`, source }), format).rejects.toMatchObject({
          code: 'schema/unsupported-type',
        })
      }
    },
  )

  it('with a dictionary of dates is refused, and so are fields that differ by case only, also in Parquet', async () => {
    await lake.python(
      `
      import datetime, pyarrow as pa, pyarrow.parquet
      days = pa.table({"day": pa.array([datetime.date(2024, 1, 2)]).dictionary_encode()})
      with pa.OSFile(args["root"] + "/days.arrow", "wb") as out, pa.ipc.new_file(out, days.schema) as writer:
          writer.write_table(days)
      fields = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "A"])
      pyarrow.parquet.write_table(pa.table({"v": fields}), args["root"] + "/fields.parquet")
      done()
      `,
      {},
    )
    const days = lake.house.import({ table: 'ns.days', source: `${lake.root}/days.arrow` })
    await expect(days).rejects.toMatchObject({
      code: 'schema/unsupported-type',
      message: expect.stringMatching(/'day'.*dictionary/),
    })
    const source = `${lake.root}/fields.parquet`
    await expect(lake.house.import({ table: 'ns.fields', source })).rejects.toMatchObject({
      code: 'source/columns',
      message: `column 2 of 'v' in ${source} 'A' differs from column 1 'a' only by case`,
    })
  })
})
