/** The data that workloads run over; made by Icebox's own SQL, the same at every time and place. */
export type DataSetName = 'lineitem' | 'fact' | 'strings' | 'wide'

export interface DataSet {
  /** Rows at scale 1. */
  readonly rows: number
  /** Bytes on disk at scale 1, to ask for space before it is made. */
  readonly sizeBytes: number
  readonly make:
    | { readonly kind: 'file'; readonly file: string; readonly select: (rows: number) => string }
    | { readonly kind: 'tables'; readonly statements: (rows: number) => string }
}

/**
 * `i * P % n` goes through every number below n once, out of order, where P shares no factor with n: P is a prime above
 * every n here.
 */
const PRIME = 2_147_483_647

export const DATA_SETS: Readonly<Record<DataSetName, DataSet>> = {
  lineitem: {
    rows: 12_000_000,
    sizeBytes: 1_700_000_000,
    make: { kind: 'file', file: 'lineitem.csv', select: lineitem },
  },
  fact: { rows: 20_000_000, sizeBytes: 900_000_000, make: { kind: 'tables', statements: factAndDimension } },
  strings: { rows: 10_000_000, sizeBytes: 1_500_000_000, make: { kind: 'tables', statements: wideStrings } },
  wide: {
    rows: 1_000_000,
    sizeBytes: 1_300_000_000,
    make: { kind: 'file', file: 'wide.parquet', select: wideTable },
  },
}

/** Rows at a scale: at least 1,000, so that every workload has something to do. */
export function rowsAt(set: DataSet, scale: number): number {
  return Math.max(1_000, Math.round(set.rows * scale))
}

/** 16 columns with the types and widths of TPC-H's lineitem; ship dates in 84 months (1992-01 to 1998-12). */
function lineitem(rows: number): string {
  return `select
  i // 4 + 1 as l_orderkey,
  i * 48271 % 400000 + 1 as l_partkey,
  i * 16807 % 20000 + 1 as l_suppkey,
  (i % 7 + 1)::integer as l_linenumber,
  (i * 31 % 50 + 1)::decimal(15,2) as l_quantity,
  (i * 7919 % 10000000 / 100)::decimal(15,2) as l_extendedprice,
  (i * 13 % 11 / 100)::decimal(15,2) as l_discount,
  (i * 17 % 9 / 100)::decimal(15,2) as l_tax,
  (['A', 'N', 'R'])[i % 3 + 1] as l_returnflag,
  (['O', 'F'])[i % 2 + 1] as l_linestatus,
  date '1992-01-02' + (i * 7907 % 2526)::integer as l_shipdate,
  date '1992-01-02' + (i * 7907 % 2526 + i % 60)::integer as l_commitdate,
  date '1992-01-02' + (i * 7907 % 2526 + i % 30 + 1)::integer as l_receiptdate,
  (['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[i * 7 % 4 + 1] as l_shipinstruct,
  (['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'])[i * 5 % 7 + 1] as l_shipmode,
  'order ' || substr(md5(i::varchar), 1, 4 + (i % 36)::integer) as l_comment
from range(${rows}) t(i)`
}

/** 7 columns with one text key a row, a quarter as many join keys and groups; and the dimension of those join keys. */
function factAndDimension(rows: number): string {
  const quarter = Math.max(1, Math.floor(rows / 4))
  const shuffled = `i * ${PRIME} % ${rows}`
  return `create schema bench;
create table bench.fact as select
  i as id,
  'k-' || ${shuffled} as key,
  (${shuffled} % ${quarter})::integer as dim_id,
  i * 1103515245 % ${quarter} as group_id,
  (i * 7919 % 10000000) / 100 as amount,
  (i % 50)::integer as quantity,
  date '1992-01-01' + (i % 2556)::integer as day
from range(${rows}) t(i);
create table bench.dimension as select
  i::integer as id, 'name of ' || i as name, 'region ' || i % 25 as region
from range(${quarter}) t(i)`
}

/** One text of 193 bytes a row, in no order. */
function wideStrings(rows: number): string {
  return `create schema bench;
create table bench.strings as select md5(i::varchar) || repeat(md5((i * 31)::varchar), 5) || '.' as text
from range(${rows}) t(i)`
}

const WIDE_COLUMNS = 200
const WIDE_KINDS: readonly ((column: number) => string)[] = [
  (column) => `i * ${7919 + column} % 1000003`,
  (column) => `(i * ${104729 + column} % 1000003) / 100`,
  (column) => `(i * ${1299709 + column} % 100000)::integer`,
  (column) => `'v' || i * ${15485863 + column} % 10007`,
]

/** An id and 200 columns: a quarter each BIGINT, DOUBLE, INTEGER, VARCHAR. */
function wideTable(rows: number): string {
  const columns = Array.from({ length: WIDE_COLUMNS }, (_, column) => {
    const kind = WIDE_KINDS[column % WIDE_KINDS.length]
    return `${kind === undefined ? 'i' : kind(column)} as c${column}`
  })
  return `select i as id, ${columns.join(', ')} from range(${rows}) t(i)`
}
