import {
  aBoolean,
  aFunction,
  anObject,
  aSignal,
  aText,
  halfPairAt,
  IceboxError,
  nearestNames,
  oneOf,
  type OptionRules,
  options,
  texts,
} from '../base/index.ts'
import type { ImportOptions, RunSqlOptions } from './api.ts'

export interface OpenOptions {
  /** `512MB` or `auto`: overrides performance.memory.max_usage. */
  readonly memory?: string | undefined
  /** Overrides of the configuration, as `--set` takes them: `['query.timeout=5s']`. */
  readonly set?: readonly string[] | undefined
  /** Where the engine runs: in this process (default), or in one of its own. ICEBOX_ENGINE=child says the same. */
  readonly engine?: 'own' | 'child' | undefined
  /** Bills of operations tell memory over time, garbage collection, and what would help. */
  readonly profile?: boolean | undefined
  /** Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv | undefined
  /** Default: the working folder. */
  readonly cwd?: string | undefined
}

export interface AppenderOptions {
  /** What `append` waits for: `durable` (default), on disk and committed soon; `committed`, in the table. */
  readonly ack?: 'durable' | 'committed' | undefined
  /**
   * Makes the whole appender repeatable: its calls of `append` are numbered under this key, one after the other, so that a
   * program that starts again and makes the same calls adds what is missing. A call that fails has taken its number, too;
   * the same rows again are the same call.
   */
  readonly key?: string | undefined
}

export interface AppendOptions {
  /** The same key twice is one append, also after a restart, as long as a snapshot of the table holds the first. */
  readonly key?: string | undefined
  readonly ack?: 'durable' | 'committed' | undefined
  readonly signal?: AbortSignal | undefined
}

const ENGINES = ['own', 'child'] as const
const FORMATS = ['csv', 'ndjson', 'json', 'parquet', 'arrow']

export const OPEN_OPTIONS: OptionRules<OpenOptions> = {
  memory: { ...aText, allowed: "a size as text: '512MB', '1GiB' or 'auto'" },
  set: { ...texts, allowed: "an array of texts: ['query.timeout=5s']" },
  engine: oneOf(...ENGINES),
  profile: aBoolean,
  env: anObject,
  cwd: aText,
}

export const IMPORT_OPTIONS: OptionRules<ImportOptions> = {
  table: { ...aText, allowed: "a table's name: 'sales.orders'" },
  source: {
    allowed: 'a path, a glob or a folder as text, or an array of them',
    takes: (value) => aText.takes(value) || texts.takes(value),
  },
  format: oneOf(...FORMATS),
  mode: oneOf('create', 'append', 'replace'),
  partitionBy: aText,
  sortBy: aText,
  schemaFile: aText,
  onError: oneOf('abort', 'reject'),
  newColumns: oneOf('add', 'refuse'),
  key: aText,
  preserveOrder: aBoolean,
  csv: options<NonNullable<ImportOptions['csv']>>({
    delimiter: aText,
    quote: aText,
    escape: aText,
    header: aBoolean,
    encoding: aText,
    dateFormat: aText,
    timestampFormat: aText,
    nullText: aText,
  }),
  signal: aSignal,
  onProgress: aFunction,
}

export const RUN_OPTIONS: OptionRules<RunSqlOptions> = {
  signal: aSignal,
  onProgress: aFunction,
  parquetFile: aText,
}

const ACK = oneOf('durable', 'committed')
/** Room for a number after it: keys of appends have 512 characters at most. */
const MOST_PREFIX_CHARACTERS = 490

export const APPENDER_OPTIONS: OptionRules<AppenderOptions> = {
  ack: ACK,
  key: {
    allowed: `a text of 1 to ${MOST_PREFIX_CHARACTERS} characters, surrogate pairs whole`,
    takes: (value) =>
      typeof value === 'string' && value !== '' && value.length <= MOST_PREFIX_CHARACTERS && halfPairAt(value) < 0,
  },
}

export const APPEND_OPTIONS: OptionRules<AppendOptions> = { key: aText, ack: ACK, signal: aSignal }

export const DROP_OPTIONS: OptionRules<{ readonly purge?: boolean | undefined }> = { purge: aBoolean }

/** Where the engine runs: the option, else ICEBOX_ENGINE, else here. Throws `config/invalid-value`. */
export function engineOf(option: OpenOptions['engine'], env: NodeJS.ProcessEnv): 'own' | 'child' {
  const said = env['ICEBOX_ENGINE'] ?? ''
  const named = ENGINES.find((engine) => engine === said)
  if (named === undefined && said !== '') {
    const [near] = nearestNames(said, ENGINES)
    throw new IceboxError('config/invalid-value', {
      message: `ICEBOX_ENGINE is '${said}'`,
      remedy: near === undefined ? 'write own or child' : `did you mean ${near}?`,
      context: { variable: 'ICEBOX_ENGINE', value: said },
    })
  }
  return option ?? named ?? 'own'
}
