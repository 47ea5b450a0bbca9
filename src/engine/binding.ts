import type duckdb from '@duckdb/node-bindings'
import { IceboxError, messageOf } from '../base/index.ts'

/** DuckDB's C API as the native binding gives it. */
export type Binding = typeof duckdb
export type Appender = duckdb.Appender
export type Connection = duckdb.Connection
export type Database = duckdb.Database
export type DataChunk = duckdb.DataChunk
export type LogicalType = duckdb.LogicalType
export type PreparedStatement = duckdb.PreparedStatement
export type Result = duckdb.Result
export type Vector = duckdb.Vector

/**
 * Loads the native library. The low binding is loaded and not the object layer above it: 27 ms and 13 MiB against
 * 90 ms and 24 MiB (docs/decisions/0002-allocator-purge.md). Call it only after the environment is set.
 * Rejects `engine/unavailable`.
 */
export async function loadBinding(): Promise<Binding> {
  try {
    const binding = (await import('@duckdb/node-bindings')).default
    loaded = true
    return binding
  } catch (error) {
    throw new IceboxError('engine/unavailable', {
      message: `the engine's native library cannot be loaded on ${process.platform}-${process.arch}: ${messageOf(error)}`,
      remedy: 'install icebox-lakehouse again with optional dependencies on this platform',
      cause: error,
    })
  }
}

let loaded = false

/** Whether the library is in the memory of this process, from its first engine on. */
export function isEngineLoaded(): boolean {
  return loaded
}

/** `duckdb_type` of the C API (duckdb.h). */
export const TYPE = {
  BOOLEAN: 1,
  TINYINT: 2,
  SMALLINT: 3,
  INTEGER: 4,
  BIGINT: 5,
  UTINYINT: 6,
  USMALLINT: 7,
  UINTEGER: 8,
  UBIGINT: 9,
  FLOAT: 10,
  DOUBLE: 11,
  TIMESTAMP: 12,
  DATE: 13,
  TIME: 14,
  INTERVAL: 15,
  HUGEINT: 16,
  VARCHAR: 17,
  BLOB: 18,
  DECIMAL: 19,
  TIMESTAMP_S: 20,
  TIMESTAMP_MS: 21,
  TIMESTAMP_NS: 22,
  ENUM: 23,
  LIST: 24,
  STRUCT: 25,
  MAP: 26,
  UUID: 27,
  UNION: 28,
  BIT: 29,
  TIME_TZ: 30,
  TIMESTAMP_TZ: 31,
  UHUGEINT: 32,
  ARRAY: 33,
  BIGNUM: 35,
  SQLNULL: 36,
  TIME_NS: 39,
  GEOMETRY: 40,
  VARIANT: 41,
} as const

/** `duckdb_statement_type`, by number. */
export const STATEMENT_KINDS: readonly string[] = [
  'INVALID',
  'SELECT',
  'INSERT',
  'UPDATE',
  'EXPLAIN',
  'DELETE',
  'PREPARE',
  'CREATE',
  'EXECUTE',
  'ALTER',
  'TRANSACTION',
  'COPY',
  'ANALYZE',
  'VARIABLE_SET',
  'CREATE_FUNC',
  'DROP',
  'EXPORT',
  'PRAGMA',
  'VACUUM',
  'CALL',
  'SET',
  'LOAD',
  'RELATION',
  'EXTENSION',
  'LOGICAL_PLAN',
  'ATTACH',
  'DETACH',
  'MULTI',
  'COPY_DATABASE',
  'UPDATE_EXTENSIONS',
  'MERGE_INTO',
]
