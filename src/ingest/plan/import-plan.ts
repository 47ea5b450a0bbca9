import { formatBytes, formatCount } from '../../base/index.ts'
import { type MemoryPlan, memoryPlanText } from '../../memory/index.ts'
import type { TextDivision } from '../divide/record-divider.ts'
import type { Compression, SourceFormat } from '../source/format.ts'
import type { JsonDocuments } from '../source/json-documents.ts'
import type { Spooled } from '../source/standard-input.ts'
import type { NestedField, PartitionSpec, SortOrder } from '../../iceberg/index.ts'
import type { ColumnMapping, SourceDescription } from '../read/description.ts'
import type { WriteStrategy } from '../write/strategy.ts'
import type { PlannedColumn, SchemaChange } from './columns.ts'

/** Everything that an import will do, decided before it starts: data, printed by `--dry-run`, followed by `executeImport`. */
export interface ImportPlan {
  readonly table: string
  readonly mode: 'create' | 'append' | 'replace'
  /** `skip`: the key was imported before. */
  readonly action: 'create' | 'append' | 'replace' | 'skip'
  readonly format: SourceFormat
  readonly files: readonly { readonly path: string; readonly sizeBytes: number; readonly compression: Compression }[]
  readonly columns: readonly PlannedColumn[]
  /** As people write it: `month(ts)`; empty for none. */
  readonly partitionBy: readonly string[]
  readonly sortBy: readonly string[]
  readonly onError: 'abort' | 'reject'
  readonly preserveOrder: boolean
  readonly estimate: {
    readonly rows: number | undefined
    /** All of them were counted. */
    readonly areRowsCounted: boolean
    readonly partitions: number | undefined
    readonly sourceBytes: number
    readonly tableBytes: number
    readonly dataFiles: number
    /** Of the engine, while it writes: what the plan of memory wants, at most the engine's limit. */
    readonly memoryBytes: number
    readonly diskBytes: number
    readonly rowWidthBytes: number
  }
  readonly strategy: WriteStrategy
  /** What it takes of the engine; undefined where nothing is done. */
  readonly memory: MemoryPlan | undefined
  readonly key: string | undefined
  /** What was decided about the data, a sentence each. */
  readonly notes: readonly string[]
  /** How execution reads and writes; everything above follows from it. */
  readonly details: {
    readonly source: SourceDescription
    readonly mapping: readonly ColumnMapping[]
    readonly fields: readonly NestedField[]
    readonly changes: readonly SchemaChange[]
    /** Source ids are those of `fields`; of a table that is made. */
    readonly spec: PartitionSpec | undefined
    readonly sortOrder: SortOrder | undefined
    /** How the text is divided where the strategy says so. */
    readonly division: TextDivision | undefined
    readonly fingerprint: string
    readonly sampledRows: number
    /** Standard input as a file, removed after the import; with a `pipe`, the beginning of it. */
    readonly spooled: Spooled | undefined
    /** JSON documents as lines, which are what `source` names; removed after the import. */
    readonly documents: JsonDocuments | undefined
  }
}

/** The plan for people, some 20 lines. */
export function describePlan(plan: ImportPlan): string {
  const lines: string[] = []
  const verb = { create: 'creates', append: 'appends to', replace: 'replaces the rows of', skip: 'skips' }[plan.action]
  const { estimate } = plan
  lines.push(
    `${verb} ${plan.table} from ${plan.files.length} ${plan.format} file${plan.files.length === 1 ? '' : 's'}, ${formatBytes(estimate.sourceBytes)}`,
  )
  const width = Math.max(0, ...plan.columns.map((column) => column.name.length))
  const typeWidth = Math.max(0, ...plan.columns.map((column) => column.type.length))
  for (const column of plan.columns)
    lines.push(`  ${column.name.padEnd(width)}  ${column.type.padEnd(Math.min(typeWidth, 40))}  ${column.why}`)
  if (plan.partitionBy.length > 0) {
    lines.push(
      `partitioned by ${plan.partitionBy.join(', ')}${estimate.partitions === undefined ? '' : `, about ${estimate.partitions} partitions`}; ${shownStrategy(plan.strategy)}`,
    )
  }
  if (plan.sortBy.length > 0) lines.push(`sorted within files by ${plan.sortBy.join(', ')}`)
  const rows =
    estimate.rows === undefined ? 'an unknown number of rows' : shownRows(estimate.rows, estimate.areRowsCounted)
  lines.push(
    `${rows}, ${estimate.dataFiles} data file${estimate.dataFiles === 1 ? '' : 's'} of together ${formatBytes(estimate.tableBytes)}; needs ${formatBytes(estimate.memoryBytes)} of memory and ${formatBytes(estimate.diskBytes)} on disk`,
    ...(plan.memory === undefined ? [] : memoryPlanText(plan.memory)),
  )
  for (const note of plan.notes) lines.push(`note: ${note}`)
  return lines.join('\n')
}

function shownStrategy(strategy: WriteStrategy): string {
  switch (strategy.kind) {
    case 'plain':
      return 'written at once'
    case 'direct':
      return 'all partitions written at once'
    case 'divided':
      return 'text divided by partition on disk, then written part by part'
    case 'staged':
      return `rows staged in ${strategy.buckets} buckets, then written bucket by bucket`
  }
}

function shownRows(rows: number, areCounted: boolean): string {
  return areCounted ? `${formatCount(rows)} row${rows === 1 ? '' : 's'}` : `about ${formatCount(rows)} rows`
}
