import type { OutputFormat } from '../output/writer.ts'

/** Options of `icebox sql` as commander gives them. */
export interface SqlFlags {
  readonly file?: string
  readonly format?: OutputFormat
  readonly output?: string
  readonly maxRows?: string
}
