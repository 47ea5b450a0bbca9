/**
 * Every code that a person or a program can meet, with what it means.
 * docs/reference/errors.md is this table; a test compares the two.
 */
export const ERROR_CODES = {
  'internal/unreachable': 'A state that cannot be; a bug of Icebox.',
  'usage/invalid': 'A command or a call was given an argument that it does not take.',
  'environment/unfit': 'The machine lacks something that Icebox needs; icebox doctor says what.',
  cancelled: 'The caller cancelled the operation (Ctrl-C, an aborted signal); nothing was changed.',

  'config/unknown-key': 'A key of the configuration that does not exist.',
  'config/invalid-value': 'A value of the configuration that its key does not allow.',
  'config/unreadable': 'The configuration file cannot be read or is not YAML.',

  'lake/not-found': 'No lakehouse folder here or above.',
  'lake/exists': 'A lakehouse is there already.',
  'lake/moved': 'The folder of the lakehouse was moved; its metadata names the old place.',

  'memory/refused': 'The operation needs more memory than the budget has left.',
  'memory/budget-too-small': 'The budget is below what the operation needs at least.',
  'memory/budget-too-large': 'The budget is above what the container or the limits of the process allow.',
  'memory/exhausted': 'The operation ran out of its memory while running.',

  'storage/not-found': 'No object at that location.',
  'storage/exists': 'An object is there already and is not overwritten.',
  'storage/denied': 'The file system refused access (permissions, a read-only folder).',
  'storage/full': 'No space left on the device.',
  'storage/short-read': 'The object ended before the asked range.',
  'storage/io': 'The storage failed.',
  'storage/unsupported': 'A location that no storage of this build serves.',
  'storage/spill-on-memory': 'The spill folder lies on a file system that is memory (tmpfs).',

  'iceberg/invalid-metadata': 'Table metadata that breaks the specification, is truncated or cannot be parsed.',
  'iceberg/invalid-manifest': 'A manifest or manifest list that cannot be read.',
  'iceberg/invalid-deletes': 'A delete file or deletion vector that cannot be read.',
  'iceberg/unsupported': 'Something of the format that this build does not do.',
  'iceberg/invalid-change': 'A change of schema, partitioning or references that the format does not allow.',
  'iceberg/unknown-snapshot': 'No snapshot, branch, tag or time like that in the table.',

  'catalog/unreadable': 'The catalog database cannot be opened, is damaged or is of another version.',
  'catalog/locked': 'Another process holds the catalog database longer than the wait.',
  'catalog/commit-conflict': 'Another writer committed first; the change was not applied.',
  'catalog/commit-unknown': 'The answer of a commit was lost; whether it was applied could not be found out.',
  'namespace/not-found': 'No namespace of that name.',
  'namespace/exists': 'The namespace exists.',
  'namespace/not-empty': 'The namespace still has tables.',
  'table/not-found': 'No table of that name.',
  'table/exists': 'The table exists.',
  'table/conflict': 'Another writer changed the table in a way that this change cannot follow.',
  'table/gone': 'The table was dropped or renamed by another writer meanwhile.',
  'name/invalid': 'A name that cannot be a namespace, table or column.',

  'engine/failed': 'DuckDB refused or failed.',
  'engine/out-of-disk': 'The spill folder is full or over its limit.',
  'engine/crashed': "The engine's process died while the statement ran.",
  'engine/unavailable': 'The native library could not be loaded.',

  'source/not-found': 'No file matches the source.',
  'source/empty': 'The source holds no rows or no columns.',
  'source/unreadable': 'The source cannot be read.',
  'source/truncated': 'The source ends in the middle (compressed data, Parquet, Arrow).',
  'source/encoding': 'The source is not text in the expected encoding, or holds NUL bytes.',
  'source/format': 'The source is not of the format that was expected.',
  'source/row': 'A row that cannot be taken: place, value and rule are named.',
  'source/line-too-long': 'A line longer than ingest.max_line_size.',
  'source/ambiguous': 'A source that reads in two ways; say which.',
  'source/columns': 'Column names that cannot be taken (empty, duplicate, differing by case).',
  'schema/mismatch': 'The columns or types of the source do not fit the table.',
  'schema/unsupported-type': 'A type that has no partner in Iceberg.',
  'ingest/duplicate-key': 'The same key was used with another source, or for other rows.',
  'stream/uncommitted':
    'Appended rows are safe on disk, but their commit failed; it is tried again, and by the next process at the latest.',
  'stream/damaged': 'A file of the spool does not hold what was written to it.',
  'ingest/partition': 'A partition or sort expression that cannot be understood or applied.',

  'sql/syntax': 'SQL that cannot be parsed; the place is marked.',
  'sql/unknown-table': 'A table that the statement names does not exist.',
  'sql/unknown-column': 'A column that the statement names does not exist.',
  'sql/type': 'Types that do not fit, or a value that cannot be converted.',
  'sql/unsupported': 'A statement or clause that Icebox does not do; the message says what to use instead.',
  'sql/timeout': 'The statement ran longer than query.timeout.',
  'sql/value-too-large': 'A single value larger than query.max_value_size.',

  'bench/failed': 'A program that a benchmark runs did not do its work.',
  'bench/missed': 'A benchmark measured a value that misses its goal.',
} as const satisfies Record<string, string>

export type ErrorCode = keyof typeof ERROR_CODES
