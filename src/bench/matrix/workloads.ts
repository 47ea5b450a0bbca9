import type { DataSetName } from './data-sets.ts'

/** What one cell of the matrix does. */
export type Work =
  /** `icebox import` of the data set's file into a new table. */
  | {
      readonly kind: 'import'
      readonly from: 'file' | 'pipe'
      readonly partitionBy?: string
      /** The same partitions in DuckDB's SQL, for raw DuckDB. */
      readonly rawPartitionBy?: string
    }
  /** `icebox sql` with one row as the answer, whose first value is checked. */
  | { readonly kind: 'query'; readonly sql: string }
  /** `icebox sql --output FILE.parquet`. */
  | { readonly kind: 'export'; readonly sql: string }
  /** `icebox sql --format arrow` into a pipe that is read and dropped. */
  | { readonly kind: 'stream'; readonly sql: string }
  /** A program with the library: an import, and sixteen loops of small queries beside it. */
  | { readonly kind: 'concurrent' }

export interface Workload {
  readonly name: string
  readonly about: string
  readonly data: DataSetName
  readonly work: Work
}

/** The rows of the matrix (issue "The memory contract"; shapes as in design/memory.md, section 5). */
export const WORKLOADS: readonly Workload[] = [
  {
    name: 'import',
    about: 'CSV of 12M rows x 16 into a table',
    data: 'lineitem',
    work: { kind: 'import', from: 'file' },
  },
  {
    name: 'import-84',
    about: 'the same into 84 partitions, by month',
    data: 'lineitem',
    work: {
      kind: 'import',
      from: 'file',
      partitionBy: 'month(l_shipdate)',
      rawPartitionBy: "date_trunc('month', l_shipdate)",
    },
  },
  {
    name: 'import-1000',
    about: 'the same into 1,000 partitions, by bucket',
    data: 'lineitem',
    work: {
      kind: 'import',
      from: 'file',
      partitionBy: 'bucket(1000, l_orderkey)',
      rawPartitionBy: 'l_orderkey % 1000',
    },
  },
  {
    name: 'import-10000',
    about: 'the same into 10,000 partitions, by bucket',
    data: 'lineitem',
    work: {
      kind: 'import',
      from: 'file',
      partitionBy: 'bucket(10000, l_orderkey)',
      rawPartitionBy: 'l_orderkey % 10000',
    },
  },
  {
    name: 'group-by',
    about: 'group by of 20M rows by 20M text keys',
    data: 'fact',
    work: {
      kind: 'query',
      sql: 'select count(*), max(n), max(s) from (select key, count(*) as n, sum(amount) as s from bench.fact group by key)',
    },
  },
  {
    name: 'join',
    about: 'join of 20M rows with 5M',
    data: 'fact',
    work: {
      kind: 'query',
      sql: 'select count(*), sum(f.amount), max(d.name) from bench.fact f join bench.dimension d on f.dim_id = d.id',
    },
  },
  {
    name: 'sort',
    about: 'sort of 10M texts of 193 bytes into a Parquet file',
    data: 'strings',
    work: { kind: 'export', sql: 'from bench.strings order by text' },
  },
  {
    name: 'window',
    about: 'row_number over 5M groups of 20M rows',
    data: 'fact',
    work: {
      kind: 'query',
      sql: 'select count(*), max(n), sum(id) from (select id, row_number() over (partition by group_id order by amount) as n from bench.fact)',
    },
  },
  {
    name: 'columns-200',
    about: 'Parquet of 1M rows x 201 columns into a table',
    data: 'wide',
    work: { kind: 'import', from: 'file' },
  },
  {
    name: 'stream-out',
    about: '20M rows x 7 as Arrow into a pipe',
    data: 'fact',
    work: { kind: 'stream', sql: 'from bench.fact' },
  },
  {
    name: 'stream-in',
    about: 'CSV of 12M rows from a pipe into a table',
    data: 'lineitem',
    work: { kind: 'import', from: 'pipe' },
  },
  {
    name: 'concurrent',
    about: '16 loops of small queries beside the import',
    data: 'lineitem',
    work: { kind: 'concurrent' },
  },
]
