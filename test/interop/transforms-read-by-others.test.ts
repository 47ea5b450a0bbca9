import { afterAll, beforeAll, expect, it } from 'vitest'
import { ALL_TYPES, indented } from './all-types.ts'
import { type InteropLake, openInteropLake } from './lake.ts'

const DATED = ['year', 'month', 'day']
/** Column of ALL_TYPES -> the transforms that the specification allows on its type, in SQL with `_` for the column. */
const TRANSFORMS: Readonly<Record<string, readonly string[]>> = {
  flag: ['_'],
  i: ['_', 'bucket(8, _)', 'truncate(10, _)'],
  l: ['_', 'bucket(8, _)', 'truncate(10, _)'],
  f: ['_'],
  d: ['_'],
  dec9: ['_', 'bucket(8, _)', 'truncate(50, _)'],
  dec18: ['bucket(8, _)', 'truncate(50, _)'],
  dec38: ['_', 'bucket(8, _)', 'truncate(50, _)'],
  day: ['_', 'bucket(8, _)', ...DATED.map((unit) => `${unit}(_)`)],
  tod: ['_', 'bucket(8, _)'],
  ts: ['_', 'bucket(8, _)', ...DATED.map((unit) => `${unit}(_)`), 'hour(_)'],
  tz: ['_', 'bucket(8, _)', ...DATED.map((unit) => `${unit}(_)`), 'hour(_)'],
  s: ['_', 'bucket(8, _)', 'truncate(3, _)', 'void(_)'],
  u: ['_', 'bucket(8, _)'],
  b: ['_', 'bucket(8, _)', 'truncate(2, _)'],
}
const CASES = Object.entries(TRANSFORMS).flatMap(([column, transforms]) =>
  transforms.map((transform, at) => ({ table: `${column}_${at}`, column, transform: transform.replace('_', column) })),
)

/**
 * What the others get wrong in tables that PyIceberg 0.12 wrote in the same layout, too (docs/reference/interop.md). They
 * are listed exactly, so that a new release which mends one, or a table of ours that adds one, is seen.
 */
const THEIR_MISTAKES = [
  // Doubles of Avro are read in 32 bits.
  'pyiceberg d',
  // A UUID is compared with its bytes.
  'pyiceberg u',
  'duckdb bucket(8, u)',
  // Months and days before 1970 are rounded up in filters on timestamps.
  'duckdb month(ts)',
  'duckdb day(ts)',
  'duckdb month(tz)',
  'duckdb day(tz)',
  // Truncation beyond the precision of the type overflows.
  'duckdb truncate(50, dec38)',
]
const THEIR_ERRORS = {
  'pyiceberg u': 'TypeError',
  'duckdb truncate(50, dec9)': 'InternalException',
}

let lake: InteropLake
beforeAll(async () => {
  lake = await openInteropLake()
  await lake.python(`
    ${indented(ALL_TYPES)}
    pq.write_table(typed(arrow(records())), args["root"] + "/rows.parquet")
    done()
  `)
  await lake.sql('CREATE SCHEMA ns')
  // Both roads: SQL, and the import of a file.
  for (const [at, { table, column, transform }] of CASES.entries()) {
    if (at % 3 === 0 && !transform.startsWith('void')) {
      await lake.house.import({ table: `ns.${table}`, source: `${lake.root}/rows.parquet`, partitionBy: transform })
    } else {
      await lake.sql(
        `CREATE TABLE ns.${table} PARTITIONED BY (${transform}) AS SELECT id, ${column} FROM '${lake.root}/rows.parquet'`,
      )
    }
  }
}, 240_000)
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
})

it('puts every row into the partition that PyIceberg computes, for each transform on each type', async () => {
  const wrong = await lake.python(
    `
    ${indented(ALL_TYPES)}
    from pyiceberg.transforms import VoidTransform
    c = catalog(args["lake"])
    rows = {r["id"]: r for r in records()}
    wrong = []
    def internal(type, v):
        k = str(type)
        if v is None: return None
        if k == "date": return (v - date(1970, 1, 1)).days
        if k == "time": return ((v.hour * 60 + v.minute) * 60 + v.second) * 10**6 + v.microsecond
        if k in ("timestamp", "timestamptz"): return (v.replace(tzinfo=None) - datetime(1970, 1, 1)) // timedelta(microseconds=1)
        return v
    for case in args["cases"]:
        t = c.load_table("ns." + case["table"])
        field, = t.spec().fields
        source = t.schema().find_field(field.source_id)
        computed = field.transform.transform(source.field_type)
        seen = []
        for task in t.scan().plan_files():
            ids = pq.read_table(task.file.file_path[7:], columns=["id"])["id"].to_pylist()
            seen += ids
            for i in ids:
                raw = internal(source.field_type, rows[i][source.name])
                want = None if isinstance(field.transform, VoidTransform) else computed(raw)
                # Truncating the least integers overflows: wrapped around here, as the reference implementation does.
                if case["transform"] == "truncate(10, i)" and raw == -2**31: want = 2147483646
                if case["transform"] == "truncate(10, l)" and raw == -2**63: want = 9223372036854775806
                # PyIceberg's decoder reads doubles of Avro in 32 bits.
                if case["transform"] == "d" and want is not None: want = struct.unpack("f", struct.pack("f", want if abs(want) < 1e38 else math.inf * want))[0]
                if canon(task.file.partition[0]) != canon(want):
                    wrong.append((case["transform"], i, repr(raw), repr(task.file.partition[0]), repr(want)))
        if sorted(seen) != sorted(rows): wrong.append((case["transform"], "ids", sorted(seen)))
    done(wrong)
    `,
    { cases: CASES },
  )
  expect(wrong).toEqual([])
})

it('gives PyIceberg and DuckDB the rows of a filter on the partitioned column', async () => {
  const seen = await lake.python(
    `
    ${indented(ALL_TYPES)}
    from pyiceberg.expressions import *
    c = catalog(args["lake"])
    duck = duck()
    duck.execute("SET TimeZone='UTC'")
    rows = records()
    wrong, refused, pruned = {}, {}, {}
    nan = lambda v: isinstance(v, float) and math.isnan(v)
    for case in args["cases"]:
        t = c.load_table("ns." + case["table"])
        name = case["column"]
        files = {task.file.file_path: set(pq.read_table(task.file.file_path[7:], columns=["id"])["id"].to_pylist()) for task in t.scan().plan_files()}
        conditions = [(IsNull(name), '"%s" IS NULL' % name, [], lambda x: x is None)]
        for v in COLUMNS[name][1]:
            if v is None or nan(v) or (name in ("i", "l") and v < -2**31 + 10): continue
            conditions.append((EqualTo(name, v), '"%s" = ?' % name, [v], lambda x, v=v: x == v))
            if name not in ("flag", "f", "d"): conditions.append((LessThan(name, v), '"%s" < ?' % name, [v], lambda x, v=v: x < v))
        for at, (condition, sql, params, holds) in enumerate(conditions):
            want = {r["id"] for r in rows if (holds(r[name]) if r[name] is not None else condition == IsNull(name))}
            if name in ("i", "l") and case["transform"].startswith("truncate"): want = {i for i in want if rows[i][name] is None or rows[i][name] > -2**31}
            try:
                if not (name == "f" and params and math.isinf(params[0])):
                    planned = {task.file.file_path for task in t.scan(row_filter=condition).plan_files()}
                    pruned[case["table"]] = pruned.get(case["table"], 0) + len(files) - len(planned)
                    missing = [i for f, ids in files.items() if f not in planned for i in ids if i in want]
                    if missing: wrong.setdefault("pyiceberg " + case["transform"], []).append((str(condition), missing))
            except OverflowError:
                pass  # The day before the first that Python's dates hold.
            except Exception as error:
                refused["pyiceberg " + case["transform"]] = repr(error).split("(")[0]
            try:
                if name == "f" and params: sql = sql.replace("?", "CAST(? AS FLOAT)")
                got = {r[0] for r in duck.execute("SELECT id FROM iceberg_scan('%s') WHERE %s" % (t.metadata_location, sql), params).fetchall()}
                if name in ("i", "l") and case["transform"].startswith("truncate"): got = {i for i in got if rows[i][name] is None or rows[i][name] > -2**31}
                if got != want: wrong.setdefault("duckdb " + case["transform"], []).append((sql, repr(params), sorted(got ^ want)))
            except Exception as error:
                refused["duckdb " + case["transform"]] = repr(error).split("(")[0]
    done({"wrong": wrong, "refused": refused, "unpruned": [n for n, p in pruned.items() if p == 0]})
    `,
    { cases: CASES },
  )
  if (typeof seen !== 'object' || seen === null || Array.isArray(seen)) throw new TypeError('no answer')
  const { wrong, refused, unpruned } = seen
  expect(unpruned).toEqual([])
  expect(Object.keys(wrong ?? {}).toSorted()).toEqual([...THEIR_MISTAKES].toSorted())
  expect(refused).toEqual(THEIR_ERRORS)
})
