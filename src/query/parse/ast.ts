import type { NestedField, Schema } from '../../iceberg/index.ts'
import type { Type } from '../../iceberg/index.ts'
import type { StatementText } from '../text/statements.ts'
import type { TableName } from './cursor.ts'
import type { PartitionTerm, SortTerm } from './layout.ts'
import type { ValuesList } from './values-list.ts'

export type ColumnPath = readonly string[]

export interface CreateTable {
  readonly kind: 'create table'
  readonly table: TableName
  readonly mode: 'create' | 'if not exists' | 'or replace'
  /** Undefined: the columns of the query. */
  readonly schema: Schema | undefined
  readonly partitions: readonly PartitionTerm[]
  readonly sort: readonly SortTerm[]
  readonly properties: Readonly<Record<string, string>>
  readonly location: string | undefined
  readonly query: StatementText | undefined
}

export interface Insert {
  readonly kind: 'insert'
  readonly table: TableName
  readonly mode: 'append' | 'overwrite'
  readonly columns: readonly string[] | undefined
  readonly byName: boolean
  readonly query: StatementText
  /** Where the query is a list of rows. */
  readonly values: ValuesList | undefined
}

export interface Delete {
  readonly kind: 'delete' | 'truncate'
  readonly table: TableName
  /** `SELECT * FROM t AS a WHERE …`: what the statement says of the rows, as a query. */
  readonly rows: StatementText | undefined
}

export type ColumnPosition = 'first' | { readonly before: string } | { readonly after: string }

export type TableChange =
  | {
      readonly change: 'add column'
      readonly path: ColumnPath
      readonly field: NestedField
      readonly place: ColumnPosition | undefined
      readonly default: string | undefined
      readonly ifNotExists: boolean
    }
  | { readonly change: 'drop column'; readonly path: ColumnPath; readonly ifExists: boolean }
  | { readonly change: 'rename column'; readonly path: ColumnPath; readonly name: string }
  | { readonly change: 'move column'; readonly path: ColumnPath; readonly place: ColumnPosition }
  | { readonly change: 'set type'; readonly path: ColumnPath; readonly type: Type }
  | { readonly change: 'set not null' | 'drop not null'; readonly path: ColumnPath }
  | { readonly change: 'set comment'; readonly path: ColumnPath; readonly doc: string }
  | { readonly change: 'add partition'; readonly term: PartitionTerm }
  | { readonly change: 'drop partition'; readonly term: PartitionTerm }
  | { readonly change: 'replace partition'; readonly old: PartitionTerm; readonly term: PartitionTerm }
  | { readonly change: 'set partitions'; readonly terms: readonly PartitionTerm[] }
  | { readonly change: 'set sort'; readonly terms: readonly SortTerm[] }
  | { readonly change: 'set properties'; readonly properties: Readonly<Record<string, string>> }
  | { readonly change: 'unset properties'; readonly keys: readonly string[] }

export interface AlterTable {
  readonly kind: 'alter table'
  readonly table: TableName
  readonly ifExists: boolean
  /** `start`: where it stands in the statement. */
  readonly changes: readonly (TableChange & { readonly start: number })[]
}

export type Statement =
  | { readonly kind: 'query'; readonly query: StatementText }
  | { readonly kind: 'explain'; readonly isAnalyze: boolean; readonly prefix: string; readonly query: StatementText }
  | CreateTable
  | Insert
  | Delete
  | AlterTable
  | { readonly kind: 'rename table'; readonly table: TableName; readonly to: TableName; readonly ifExists: boolean }
  | { readonly kind: 'drop table'; readonly table: TableName; readonly ifExists: boolean; readonly purge: boolean }
  | {
      readonly kind: 'create schema'
      readonly namespace: readonly string[]
      readonly ifNotExists: boolean
      readonly properties: Readonly<Record<string, string>>
    }
  | { readonly kind: 'drop schema'; readonly namespace: readonly string[]; readonly ifExists: boolean }
  | { readonly kind: 'describe'; readonly table: TableName; readonly query: StatementText }
  | { readonly kind: 'show schemas' | 'show all tables'; readonly like: string | undefined }
  | {
      readonly kind: 'show tables'
      readonly namespace: readonly string[] | undefined
      readonly like: string | undefined
    }
  | { readonly kind: 'show create table'; readonly table: TableName }
  | { readonly kind: 'show setting'; readonly name: string; readonly table: TableName }
  | { readonly kind: 'set'; readonly name: string; readonly value: string | undefined }
  | { readonly kind: 'use'; readonly namespace: readonly string[] }
