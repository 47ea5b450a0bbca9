/** Options of `icebox import` as commander gives them. */
export interface ImportFlags {
  readonly format?: 'csv' | 'ndjson' | 'json' | 'parquet' | 'arrow'
  readonly create?: boolean
  readonly append?: boolean
  readonly replace?: boolean
  readonly partitionBy?: string
  readonly sortBy?: string
  readonly schema?: string
  readonly onError?: 'abort' | 'reject'
  readonly newColumns?: 'add' | 'refuse'
  readonly key?: string
  readonly preserveOrder?: boolean
  readonly dryRun?: boolean
  readonly delimiter?: string
  readonly quote?: string
  readonly escape?: string
  /** False with `--no-header`, true by `--header`, undefined: found out. */
  readonly header?: boolean
  readonly encoding?: string
  readonly dateFormat?: string
  readonly timestampFormat?: string
  readonly nullText?: string
}
