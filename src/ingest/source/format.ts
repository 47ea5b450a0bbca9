import { IceboxError } from '../../base/index.ts'

export const SOURCE_FORMATS = ['csv', 'ndjson', 'json', 'parquet', 'arrow'] as const
export type SourceFormat = (typeof SOURCE_FORMATS)[number]
export type Compression = 'none' | 'gzip' | 'zstd'

const FORMAT_BY_EXTENSION: Readonly<Record<string, SourceFormat>> = {
  csv: 'csv',
  tsv: 'csv',
  tab: 'csv',
  psv: 'csv',
  txt: 'csv',
  tbl: 'csv',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  json: 'json',
  parquet: 'parquet',
  pq: 'parquet',
  parq: 'parquet',
  arrow: 'arrow',
  arrows: 'arrow',
  ipc: 'arrow',
  feather: 'arrow',
}

/** The format that a name claims: its last extension, or the one before `.gz` and `.zst`. */
export function formatOfName(path: string): SourceFormat | undefined {
  const name = path
    .slice(path.lastIndexOf('/') + 1)
    .toLowerCase()
    .replace(/\.(gz|gzip|zst|zstd)$/, '')
  const dot = name.lastIndexOf('.')
  return dot < 0 ? undefined : FORMAT_BY_EXTENSION[name.slice(dot + 1)]
}

/** What the first bytes of a file are, whatever its name says. */
export function compressionOf(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return 'zstd'
  return 'none'
}

/** The binary format of the first bytes, if they are one. */
export function binaryFormatOf(head: Uint8Array): SourceFormat | undefined {
  const text = Buffer.from(head.subarray(0, 6)).toString('latin1')
  if (text.startsWith('PAR1')) return 'parquet'
  if (text === 'ARROW1') return 'arrow'
  // An Arrow stream starts with the continuation marker and the length of its schema message.
  if (head.length >= 8 && head[0] === 0xff && head[1] === 0xff && head[2] === 0xff && head[3] === 0xff) return 'arrow'
  return undefined
}

export interface FormatQuestion {
  readonly path: string
  /** The first bytes, decompressed if the file is compressed; a few kilobytes are enough. */
  readonly head: Uint8Array
  /** `--format` */
  readonly asked: SourceFormat | undefined
}

/**
 * The format of a file: what was asked, else its name, else its first bytes. Rejects `source/format` where what is asked
 * or claimed and what is there contradict each other.
 */
export function detectFormat(question: FormatQuestion): SourceFormat {
  const { path, head, asked } = question
  const binary = binaryFormatOf(head)
  const claimed = asked ?? formatOfName(path)
  if (binary !== undefined) {
    if (claimed !== undefined && claimed !== binary) throw contradiction(path, claimed, binary)
    return binary
  }
  if (claimed === 'parquet' || claimed === 'arrow')
    throw contradiction(path, claimed, 'no such file: its first bytes are not those of the format')
  const text = Buffer.from(head)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart()
  if (claimed === 'json' || claimed === 'ndjson') return jsonKind(text, asked, claimed)
  if (claimed !== undefined) return claimed
  if (text.startsWith('{') || text.startsWith('[{')) return jsonKind(text, undefined, 'json')
  return 'csv'
}

/** `.json` is used for arrays and for a document a line alike; the text decides. */
function jsonKind(text: string, asked: SourceFormat | undefined, claimed: 'json' | 'ndjson'): 'json' | 'ndjson' {
  if (asked === 'json' || asked === 'ndjson') return asked
  if (text.startsWith('[')) return claimed === 'ndjson' ? 'ndjson' : 'json'
  if (claimed === 'ndjson') return 'ndjson'
  const firstLine = text.slice(0, text.indexOf('\n') < 0 ? text.length : text.indexOf('\n'))
  const secondLine = text.slice(firstLine.length + 1).trimStart()
  return isWholeObject(firstLine) && (secondLine === '' || secondLine.startsWith('{')) ? 'ndjson' : 'json'
}

function isWholeObject(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object'
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

function contradiction(path: string, claimed: SourceFormat, found: string): IceboxError {
  return new IceboxError('source/format', {
    message: `${path} should be ${claimed}, but it is ${found}`,
    remedy: 'name the right format with --format, or rename the file',
    context: { file: path, expected: claimed, found },
  })
}
