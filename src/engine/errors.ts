import {
  didYouMean,
  type ErrorCode,
  formatBytes,
  IceboxError,
  messageOf,
  nearestNames,
  parseSize,
  sqlName,
} from '../base/index.ts'

/** What the engine knows when a statement fails. */
export interface FailureScene {
  readonly signal?: AbortSignal | undefined
  readonly memoryLimitBytes: number
  /** Results of other statements that are being read: they hold memory of the engine until then. */
  readonly otherResults?: number
}

/**
 * The error of ours for what DuckDB threw. DuckDB's errors arrive as text: `Parser Error: syntax error at or near "x"`,
 * then for statements the line and a caret under the place.
 */
export function engineError(error: unknown, scene: FailureScene): IceboxError {
  if (error instanceof IceboxError) return error
  const text = messageOf(error)
  const { signal } = scene
  if (signal?.aborted === true && ENDED.test(text)) {
    const reason: unknown = signal.reason
    return reason instanceof IceboxError ? reason : new IceboxError('cancelled', { message: 'cancelled', cause: error })
  }
  if (NO_MEMORY.test(text)) return outOfMemory(text, error, scene)
  const match =
    /^(?:Error: )?(?:TransactionContext Error: |Failed to \w+(?: \w+)*: )?([A-Z][\w -]*?) Error: ([\s\S]*)$/.exec(text)
  const kind = match?.[1] ?? ''
  const detail = (match?.[2] ?? text).trim()
  return CONVERTERS[kind]?.(detail, error, scene) ?? new IceboxError('engine/failed', { message: text, cause: error })
}

/** An allocation that the operating system refused: of DuckDB's own classes, and of C++. */
const NO_MEMORY = /bad[_ ]alloc/i
/** How a statement ends that was told to: by its interrupt, or by an allocation that was refused meanwhile. */
const ENDED = /interrupt|bad[_ ]alloc/i

type Converter = (detail: string, cause: unknown, scene: FailureScene) => IceboxError

const simple =
  (code: ErrorCode, remedy?: string): Converter =>
  (detail, cause) =>
    new IceboxError(code, {
      message: detail,
      cause,
      ...(remedy === undefined ? {} : { remedy }),
      context: place(detail),
    })

const typeError = simple('sql/type', 'cast the value, or use TRY_CAST to get NULL where it does not fit')

/** A function refused its argument. */
const refusedInput = simple(
  'sql/type',
  'change what is given to the function; where it may fail for some rows, TRY(…) gives NULL for them',
)

const CONVERTERS: Readonly<Record<string, Converter>> = {
  Parser: simple('sql/syntax'),
  Syntax: simple('sql/syntax'),
  Catalog: catalogError,
  Binder: binderError,
  Conversion: typeError,
  'Invalid Type': typeError,
  'Mismatch Type': typeError,
  'Out of Range': typeError,
  'Invalid Input': invalidInput,
  Invalid: invalid,
  Decimal: typeError,
  'Divide by Zero': typeError,
  'Out of Memory': outOfMemory,
  IO: ioError,
  'Could not set lock on file': ioError,
  INTERRUPT: (_detail, cause) => new IceboxError('cancelled', { message: 'the statement was interrupted', cause }),
  Interrupt: (_detail, cause) => new IceboxError('cancelled', { message: 'the statement was interrupted', cause }),
  Permission: simple('sql/unsupported', 'ask for tables of the lakehouse only'),
  'Not implemented': simple('sql/unsupported'),
}

/** What DuckDB 1.5.5 says of Parquet whose bytes are not those that were written: footers, page headers, pages. */
const DAMAGED = new RegExp(
  [
    'no magic bytes',
    'too small to be a parquet',
    'footer length',
    'TProtocolException',
    'thrift',
    'invalid TType',
    "don't know what type",
    '(Snappy|ZSTD|LZ4|Brotli) decompression failure',
    'decompress GZIP block',
    'invalid/unsupported GZIP stream',
    'page header',
    'Page sizes? (must be|mismatch)',
    'Out of buffer',
    'Payload value bigger than allowed',
    'likely corrupted',
    'Varint-decoding',
    'Prefetch registered for bytes outside file',
  ].join('|'),
  'i',
)

/** DuckDB takes a damaged Parquet file for an input of the wrong kind. */
function invalidInput(detail: string, cause: unknown, scene: FailureScene): IceboxError {
  if (DAMAGED.test(detail)) return damaged(detail, cause)
  if (/Need at least one non-root column/.test(detail)) {
    const [, file = 'a Parquet file'] = /Failed to read Parquet file '(.+?)':/.exec(detail) ?? []
    return new IceboxError('source/empty', {
      message: `${file} has no columns`,
      remedy: 'check that the right file was named: without columns it has no rows to read',
      context: { file },
      cause,
    })
  }
  return refusedInput(detail, cause, scene)
}

/** Errors without a kind of their own. */
function invalid(detail: string, cause: unknown): IceboxError {
  return DAMAGED.test(detail) ? damaged(detail, cause) : new IceboxError('engine/failed', { message: detail, cause })
}

/** DuckDB names the file in most cases, not in those of the reader of its headers. */
function damaged(detail: string, cause: unknown): IceboxError {
  const [, file] = /(?:Failed to read|at end of) file ["'](.+?)["']/.exec(detail) ?? []
  return new IceboxError('storage/io', {
    message: `a Parquet file is damaged: ${detail.split('\n')[0] ?? ''}`,
    remedy: 'get the file again, or restore it from a copy',
    context: file === undefined ? {} : { file },
    cause,
  })
}

/** `LINE 2: … ` of the message: the line of the statement and the caret's column. */
function place(detail: string): Record<string, number> {
  const match = /\nLINE (\d+): (.*)\n( *)\^/.exec(detail)
  if (match === null) return {}
  const prefix = `LINE ${match[1]}: `.length
  return { line: Number(match[1]), column: Math.max(1, (match[3] ?? '').length - prefix + 1) }
}

/** `Table with name nope does not exist!`, `Scalar Function with name nosuch does not exist!` and their kin. */
function catalogError(detail: string, cause: unknown): IceboxError {
  const [, what, name] = /^(.*?) with name "?(\S+?)"? does not exist/.exec(detail) ?? []
  const candidates = nearOf(name, candidatesOf(detail))
  const meant = didYouMean(candidates)
  const context = { ...place(detail), ...(name === undefined ? {} : { name }), candidates }
  if (what === 'Table' || what === 'View' || what === 'Schema') {
    const remedy = meant ?? 'list what is there with SHOW TABLES'
    return new IceboxError('sql/unknown-table', { message: detail, remedy, context, cause })
  }
  if (what === 'Type') return new IceboxError('sql/type', { message: detail, remedy: meant ?? TYPES, context, cause })
  if (name !== undefined) {
    const remedy = meant ?? 'see the functions of DuckDB'
    return new IceboxError('sql/unsupported', { message: detail, remedy, context, cause })
  }
  return new IceboxError('engine/failed', { message: detail, context, cause })
}

const TYPES = 'use a type such as INTEGER, BIGINT, DECIMAL(18,2), VARCHAR, DATE or TIMESTAMP'

function binderError(detail: string, cause: unknown): IceboxError {
  const column =
    /^Referenced column "(.*?)" (?:not found|was not found)/.exec(detail)?.[1] ??
    /does not have a column named "(.*?)"/.exec(detail)?.[1] ??
    /^Could not find key "(.*?)" in struct/.exec(detail)?.[1]
  if (column !== undefined) {
    const candidates = nearOf(column, candidatesOf(detail))
    return new IceboxError('sql/unknown-column', {
      message: detail,
      remedy:
        didYouMean(candidates.map((one) => one.split('.').map(sqlName).join('.'))) ?? 'list the columns with DESCRIBE',
      context: { ...place(detail), column, candidates },
      cause,
    })
  }
  if (/^Referenced table "|^Catalog "/.test(detail)) {
    return new IceboxError('sql/unknown-table', {
      message: detail,
      context: { ...place(detail), candidates: candidatesOf(detail) },
      cause,
    })
  }
  return simple('sql/type')(detail, cause, { memoryLimitBytes: 0 })
}

/** DuckDB proposes what there is, like it or not: `id` for `zzz`, and from_json for quxfoo. */
function nearOf(wanted: string | undefined, candidates: readonly string[]): readonly string[] {
  if (wanted === undefined) return candidates
  const lastPart = (name: string): string => name.split('.').at(-1) ?? name
  const near = new Set(nearestNames(lastPart(wanted), new Set(candidates.map(lastPart))))
  return candidates.filter((name) => near.has(lastPart(name)))
}

/** What DuckDB proposes: `Candidate bindings: "a", "b"`, `Did you mean "sales.orders"?`. */
function candidatesOf(detail: string): string[] {
  const line =
    /(?:Candidate bindings|Candidate tables|Candidate Entries|Did you mean)[^"\n]*(.*)/i.exec(detail)?.[1] ?? ''
  return [...line.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? '')
}

/** `failed to allocate data of size 16.0 MiB (120.3 MiB/128.0 MiB used)` and its kin. */
function outOfMemory(detail: string, cause: unknown, scene: FailureScene): IceboxError {
  const asked = sizeOf(/(?:of size|pin block of size|block of) ([\d.]+ ?\w+)/.exec(detail)?.[1])
  const used = /\(([\d.]+ ?\w+)\/([\d.]+ ?\w+) used\)/.exec(detail)
  const heldBytes = sizeOf(used?.[1])
  const limitBytes = sizeOf(used?.[2]) ?? scene.memoryLimitBytes
  if (detail.includes('max_temp_directory_size')) return spillFull(detail, cause)
  const { otherResults = 0 } = scene
  const limit = `the engine's limit of ${formatBytes(limitBytes)}`
  const inUse =
    heldBytes === undefined ? `more than ${limit} is needed` : `${formatBytes(heldBytes)} of ${limit} are in use`
  const others = `${otherResults} ${otherResults === 1 ? 'result' : 'results'} of other statements that ${otherResults === 1 ? 'is' : 'are'} not read to the end`
  return new IceboxError('memory/exhausted', {
    message: `the statement ran out of memory: ${asked === undefined ? '' : `it asked for ${formatBytes(asked)}, and `}${inUse}${otherResults === 0 ? '' : `, with ${others}`}`,
    remedy: `${otherResults === 0 ? '' : 'read or close the other results first, '}raise performance.memory.max_usage, or let the statement hold less: fewer columns, a filter, a LIMIT`,
    context: {
      ...(otherResults === 0 ? {} : { otherResults }),
      ...(asked === undefined ? {} : { askedBytes: asked }),
      ...(heldBytes === undefined ? {} : { heldBytes }),
      limitBytes,
      detail: detail.split('\n')[0] ?? '',
    },
    cause,
  })
}

function sizeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  return parseSize(text.replace(/bytes?/i, 'B'))
}

function spillFull(detail: string, cause: unknown): IceboxError {
  return new IceboxError('engine/out-of-disk', {
    message: `the statement needs more room to spill than it may take: ${detail.split('\n')[0] ?? ''}`,
    remedy: 'raise performance.memory.max_spill, free space on that disk, or set performance.memory.spill_directory',
    cause,
  })
}

/** A file of the statement's own, not one of the engine's spill folder. */
function targetError(code: 'storage/full' | 'storage/denied', detail: string, cause: unknown): IceboxError {
  return new IceboxError(code, {
    message: detail.split('\n')[0] ?? '',
    remedy:
      code === 'storage/full' ? 'free space on that device' : 'give this user the right to that file and its folder',
    cause,
  })
}

/** Bytes that a file's own metadata promises are not there. */
function cutShort(detail: string, cause: unknown): IceboxError {
  const [, file] = /from file "(.+?)"/.exec(detail) ?? []
  return new IceboxError('storage/short-read', {
    message: `a file is cut short or damaged: ${detail.split('\n')[0] ?? ''}`,
    remedy: 'get the file again, or restore it from a copy',
    context: file === undefined ? {} : { file },
    cause,
  })
}

function ioError(detail: string, cause: unknown): IceboxError {
  // The files that DuckDB spills to have its name; any other is one that the statement writes.
  if (/No space left on device|Disk quota exceeded/i.test(detail)) {
    return /duckdb_temp/.test(detail) ? spillFull(detail, cause) : targetError('storage/full', detail, cause)
  }
  if (/Permission denied|Read-only file system/i.test(detail)) return targetError('storage/denied', detail, cause)
  if (/duckdb_temp/.test(detail)) {
    return new IceboxError('storage/io', {
      message: `the spill folder failed while the statement used it: ${detail.split('\n')[0] ?? ''}`,
      remedy: 'leave the spill folder alone while Icebox runs, then run the statement again',
      cause,
      retryable: true,
    })
  }
  if (/Could not read (enough bytes )?from file/.test(detail)) return cutShort(detail, cause)
  if (/not a GZIP stream/i.test(detail)) {
    return new IceboxError('source/format', {
      message: 'a file is not gzip, or has other bytes behind the end of its gzip data',
      remedy: 'get the file again, or mend it: gunzip -c FILE | gzip > NEW (gzip -t FILE tells whether it is sound)',
      cause,
    })
  }
  if (/No files found that match/i.test(detail)) return new IceboxError('source/not-found', { message: detail, cause })
  return new IceboxError('engine/failed', { message: `IO: ${detail}`, cause })
}
