import type { KeySpec } from './key-types.ts'

const MONITORING = 'monitoring'
const CPU = 'CPU and I/O tuning'

/** What `performance.memory.max_usage` is called as a flag; people write it as a key and as a variable. */
export const MEMORY_FLAG = 'memory'

/** Every key of icebox.yaml, in the order of the file. docs/reference/configuration.md is this table; a test compares the two. */
const KEYS = {
  'performance.memory.max_usage': {
    type: 'size',
    default: '1GB',
    words: ['auto'],
    min: 1,
    effect:
      'The memory budget of the whole process tree: every import and query stays below it or is refused. auto is 80% of the limit of the container or of the process, or half of the memory of the machine. A budget above such a limit is refused.',
  },
  'performance.memory.pool_size': {
    type: 'size',
    default: '100MB',
    effect:
      'Bytes of buffers kept for reuse while there is work, at most a tenth of the budget; trimmed under pressure and after 30 s without work.',
  },
  'performance.memory.defrag_threshold': {
    type: 'fraction',
    default: '0.3',
    max: 1,
    effect: 'Share of pooled bytes that are holes, above which the pool is compacted.',
  },
  'performance.memory.gc_threshold': {
    type: 'fraction',
    default: '0.8',
    max: 1,
    effect:
      'Share of the budget above which memory is given back: free pages of the engine, caches, buffers kept for reuse, garbage.',
  },
  'performance.memory.monitoring.enabled': {
    type: 'boolean',
    default: 'true',
    effect:
      'Whether memory use is watched all the time and acted on; false: only what operations reserve counts against the budget.',
  },
  'performance.memory.monitoring.interval': {
    type: 'duration',
    default: '1s',
    min: 10,
    effect: 'Time between two looks at memory use; near the thresholds looks come faster, down to 20 ms.',
  },
  'performance.memory.monitoring.alert_threshold': {
    type: 'fraction',
    default: '0.9',
    max: 1,
    effect:
      'Share of the budget at which the governor raises its alert, at once, counted in the bill (not the rule on collected history, which is performance.metrics.alerting.memory_usage).',
  },
  'performance.memory.spill_directory': {
    type: 'path',
    default: 'auto',
    words: ['auto'],
    effect:
      'Folder for data that does not fit the budget while an operation runs; must not lie on a file system that is memory. auto is .icebox/spill of the lakehouse.',
  },
  'performance.memory.max_spill': {
    type: 'size',
    default: 'auto',
    words: ['auto'],
    effect: 'Bytes that operations may spill in all; beyond it they fail. auto is 90% of the space free at the start.',
  },
  'performance.cpu.threads': {
    type: 'count',
    default: 'auto',
    words: ['auto'],
    min: 1,
    max: 1024,
    effect:
      'Threads that work on one operation. auto is the cores that this process may use, fewer where the budget is small.',
  },
  'performance.cpu.affinity': {
    type: 'cpus',
    default: 'none',
    words: ['none'],
    effect: 'CPUs that Icebox keeps to. none leaves it to the operating system.',
    part: CPU,
  },
  'performance.streaming.chunk_size': {
    type: 'count',
    default: '10000',
    min: 1,
    max: 10_000_000,
    effect: 'Rows of an Arrow batch at most, out of a result and into a stream.',
  },
  'performance.streaming.buffer_size': {
    type: 'size',
    default: '1MB',
    min: 1024,
    effect: 'Bytes of an Arrow batch at most, unless a single row is larger.',
  },
  'performance.streaming.max_concurrent': {
    type: 'count',
    default: '4',
    min: 1,
    max: 10_000,
    effect:
      'Streams that are committed at once, one for each 250 MB of the budget at most; the rows of further ones wait on disk.',
  },
  'performance.streaming.backpressure.enabled': {
    type: 'boolean',
    default: 'true',
    effect: 'Whether sources are paused while memory is short, instead of being refused.',
  },
  'performance.streaming.backpressure.threshold': {
    type: 'fraction',
    default: '0.8',
    max: 1,
    effect:
      'Share of the budget above which sources pause; may equal gc_threshold: sources pause first, caches go next.',
  },
  'performance.streaming.commit_size': {
    type: 'size',
    default: '128MB',
    min: 1024,
    effect: 'Bytes of gathered input after which a stream is committed.',
  },
  'performance.streaming.commit_interval': {
    type: 'duration',
    default: '1m',
    min: 1,
    effect: 'Time after which a stream is committed even if commit_size is not reached.',
  },
  'performance.metrics.collection_interval': {
    type: 'duration',
    default: '5s',
    min: 100,
    effect: 'Time between two rows of the collected history.',
    part: MONITORING,
  },
  'performance.metrics.retention_period': {
    type: 'duration',
    default: '24h',
    min: 1000,
    effect: 'How long the collected history is kept.',
    part: MONITORING,
  },
  'performance.metrics.alerting.memory_usage': {
    type: 'fraction',
    default: '0.9',
    max: 1,
    effect: 'Share of the budget above which the collected history raises an alert.',
    part: MONITORING,
  },
  'performance.metrics.alerting.cpu_usage': {
    type: 'fraction',
    default: '0.8',
    max: 1,
    effect: 'Share of the cores above which the collected history raises an alert.',
    part: MONITORING,
  },
  'performance.metrics.alerting.io_wait': {
    type: 'fraction',
    default: '0.1',
    max: 1,
    effect: 'Share of time waiting for the disk above which the collected history raises an alert.',
    part: MONITORING,
  },
  'storage.target_file_size': {
    type: 'size',
    default: '128MB',
    min: 1024,
    effect: 'Size that data files are written towards.',
  },
  'ingest.sample_rows': {
    type: 'count',
    default: '20480',
    min: 1,
    max: 100_000_000,
    effect: 'Rows that the types of a source are inferred from.',
  },
  'ingest.max_line_size': {
    type: 'size',
    default: '64MB',
    min: 1,
    effect: 'Longest line of CSV or NDJSON, longest object of a JSON document; a longer one is refused with its place.',
  },
  'query.max_value_size': {
    type: 'size',
    default: '64MB',
    min: 1,
    effect: 'Largest single value in a result; a larger one ends the query with an error.',
  },
  'query.timeout': {
    type: 'duration',
    default: 'none',
    words: ['none'],
    min: 1,
    effect: 'Time after which a statement is cancelled.',
  },
} as const satisfies Readonly<Record<string, KeySpec>>

export type KeyName = keyof typeof KEYS

type TypedValue<S extends KeySpec> = S['type'] extends 'size' | 'duration' | 'fraction' | 'count'
  ? number
  : S['type'] extends 'boolean'
    ? boolean
    : string
type Words<S> = S extends { readonly words: readonly (infer W extends string)[] } ? W : never

/** The values by key: sizes in bytes, durations in milliseconds, fractions from 0 to 1, and the words as they are. */
export type ConfigurationValues = { readonly [K in KeyName]: TypedValue<(typeof KEYS)[K]> | Words<(typeof KEYS)[K]> }

/** The names, in the order of the file. */
export const KEY_NAMES: readonly KeyName[] = Object.keys(KEYS).filter(isKeyName)

/** Whether there is a key of that name. */
export function isKeyName(name: string): name is KeyName {
  return Object.hasOwn(KEYS, name)
}

/** The description of a key. */
export function specOf(key: KeyName): KeySpec {
  return KEYS[key]
}
