/**
 * Python: rows of every type that both sides write, `parts()` as Arrow tables with nulls everywhere, and `canon`, which makes
 * two values comparable (NaN with NaN; -0.0 apart from 0.0; time zones as instants).
 */
export const ALL_TYPES = `
import math, uuid, struct, pyarrow as pa, pyarrow.parquet as pq
from decimal import Decimal as D, Context
from datetime import date, time, datetime, timedelta, timezone
UTC = timezone.utc
ts = [datetime(1970, 1, 1), datetime(1969, 12, 31, 23, 59, 59, 999999), datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999),
      datetime(2024, 2, 29, 12, 34, 56, 123456), datetime(1583, 3, 4, 5, 6, 7), None]
COLUMNS = {
  "flag": (pa.bool_(), [True, False, None]),
  "i": (pa.int32(), [0, 1, -1, 2147483647, -2147483648, 34, None]),
  "l": (pa.int64(), [0, -1, 9223372036854775807, -9223372036854775808, 9007199254740993, 34, None]),
  "f": (pa.float32(), [0.0, -0.0, 1.5, -1.5, float("nan"), float("inf"), float("-inf"), 3.4028234663852886e38, None]),
  "d": (pa.float64(), [0.0, -0.0, 0.1, -1e308, float("nan"), float("inf"), float("-inf"), 5e-324, None]),
  "dec9": (pa.decimal128(9, 2), [D("0.00"), D("-0.01"), D("9999999.99"), D("-9999999.99"), D("14.20"), None]),
  "dec18": (pa.decimal128(18, 0), [D(0), D(-1), D("999999999999999999"), D("-999999999999999999"), None]),
  "dec38": (pa.decimal128(38, 10), [D("0E-10"), D("-0.0000000001"), D("9999999999999999999999999999.9999999999"), D("-9999999999999999999999999999.9999999999"), D("128.0000000000"), None]),
  "day": (pa.date32(), [date(1970, 1, 1), date(1969, 12, 31), date(1, 1, 1), date(9999, 12, 31), date(2024, 2, 29), None]),
  "tod": (pa.time64("us"), [time(0), time(23, 59, 59, 999999), time(12, 34, 56, 1), None]),
  "ts": (pa.timestamp("us"), ts),
  "tz": (pa.timestamp("us", "UTC"), [t and t.replace(tzinfo=UTC) for t in ts]),
  "s": (pa.string(), ["", "a", "größe 日本 😀😀", "a string longer than sixteen characters", "\\U0010ffff" * 20, "Z" * 15 + "\\U0010ffff" * 3, "it's \\"quoted\\"\\\\\\n", None]),
  "u": (pa.uuid(), [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.UUID("f79c3e09-677c-4bbd-a479-3f349cb785e7"), None]),
  "b": (pa.binary(), [b"", b"\\x00", b"\\xff" * 20, b"\\x00\\x01\\xfe\\xff", "größe".encode(), None]),
  "st": (pa.struct([("x", pa.int32()), ("y", pa.struct([("z", pa.string()), ("w", pa.decimal128(5, 1))]))]),
         [{"x": 1, "y": {"z": "q", "w": D("1.5")}}, {"x": None, "y": None}, {"x": -3, "y": {"z": None, "w": None}}, None]),
  "li": (pa.list_(pa.int64()), [[1, None, 3], [], [-1], None]),
  "ma": (pa.map_(pa.string(), pa.float64()), [[("a", 1.5), ("b", None)], [], [("größe", -0.0)], None]),
  "deep": (pa.list_(pa.struct([("k", pa.string()), ("v", pa.list_(pa.map_(pa.string(), pa.struct([("n", pa.date32())]))))])),
           [[{"k": "a", "v": [[("p", {"n": date(1969, 1, 1)}), ("q", None)], None]}, None], [], None, [{"k": None, "v": []}]]),
}
SIMPLE = [name for name, (type, values) in COLUMNS.items() if not pa.types.is_nested(type)]
ROWS = 64
def records():
    return [dict({"id": i}, **{name: values[(i * 5 + i // len(values)) % len(values)] for name, (type, values) in COLUMNS.items()}) for i in range(ROWS)]
SCHEMA = pa.schema([("id", pa.int64())] + [(name, type) for name, (type, values) in COLUMNS.items()])
def arrow(rows, columns=None):
    names = columns or SCHEMA.names
    return pa.table({n: pa.array([(r[n].bytes if r[n] is not None else None) if n == "u" else r[n] for r in rows], type=pa.binary(16) if n == "u" else SCHEMA.field(n).type) for n in names})
def typed(table):
    if "u" not in table.column_names: return table
    at = table.column_names.index("u")
    return table.set_column(at, "u", pa.ExtensionArray.from_storage(pa.uuid(), table["u"].combine_chunks()))
def canon(v):
    if isinstance(v, float): return "nan" if math.isnan(v) else repr(v)
    if isinstance(v, D): return str(v.normalize(Context(prec=60)) + 0) if v else "0"
    if isinstance(v, datetime): return ((v.astimezone(UTC) if v.tzinfo else v).replace(tzinfo=None) - datetime(1, 1, 1)) // timedelta(microseconds=1)
    if isinstance(v, (date, time)): return v.isoformat()
    if isinstance(v, uuid.UUID): return v.bytes.hex()
    if isinstance(v, (bytes, bytearray, memoryview)): return bytes(v).hex()
    if isinstance(v, dict): return {k: canon(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)): return [canon(x) for x in v]
    return v
def same_rows(got, want, side):
    got, want = ({r["id"]: r for r in rows} for rows in (got, want))
    out = [(side, "ids", sorted(got), sorted(want))] if sorted(got) != sorted(want) else []
    for i in sorted(set(got) & set(want)):
        for name in want[i]:
            if canon(got[i].get(name, "absent")) != canon(want[i][name]): out.append((side, i, name, repr(got[i].get(name, "absent")), repr(want[i][name])))
    return out
def duck_rows(connection, sql, params=()):
    connection.execute("SET TimeZone='UTC'")
    table = connection.execute(sql, list(params)).to_arrow_table()
    return [{k: uuid.UUID(v) if k == "u" and isinstance(v, str) else v for k, v in row.items()} for row in table.to_pylist()]
`

/** A snippet for a script that is indented by four. */
export function indented(snippet: string): string {
  return snippet.replaceAll('\n', '\n    ')
}
