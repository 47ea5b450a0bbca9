import { formatBytes, formatCount, IceboxError, isIceboxError } from '../../base/index.ts'
import type { QueryServices, StatementOptions } from '../port.ts'
import type { StatementText } from '../text/statements.ts'
import type { TokenRoom, Tokens } from '../text/tokens.ts'
import { parameterBytes, type ParameterBytes } from './parameter-room.ts'

/**
 * What DuckDB's parser and planner take for each constant, name and keyword, outside its limit (1.5.5; 50,000 to 600,000
 * of them in IN, VALUES and lists; docs/decisions/0029-files-and-literals-in-sql.md).
 */
const WORD_BYTES = 750
const STRING_BYTES = 1150
/** Copies of the text: ours, the engine's, the parser's. */
const TEXT_COPIES = 3
/** Statements of fewer tokens take less than the plan of the engine leaves for its statements anyway. */
const FEW_TOKENS = 20_000
/** Parameters that take less fit beside any statement. */
const SMALL_VALUES_BYTES = 4_000_000
/** Texts below this are not worth a reservation. */
const SMALL_TEXT_BYTES = 256_000

/** What DuckDB takes to parse and plan a statement, beside its limit. */
export function plannerBytes(tokens: Tokens, textBytes: number): number {
  let bytes = textBytes * TEXT_COPIES
  for (const at of tokens.of('number', 'word', 'quoted', 'parameter', 'string'))
    bytes += tokens.kindAt(at) === 'string' ? STRING_BYTES : WORD_BYTES
  return bytes
}

export interface ScriptRoom extends Disposable {
  readonly grow: TokenRoom
}

/**
 * Room for a script and its tokens, until it is disposed; undefined for one that is small. `grow` throws `memory/refused`
 * where the tokens have none.
 */
export async function scriptRoom(
  script: string,
  { room }: Pick<QueryServices, 'room'>,
  { signal }: StatementOptions,
): Promise<ScriptRoom | undefined> {
  if (script.length < SMALL_TEXT_BYTES) return undefined
  const held = await room(script.length, signal)
  return {
    grow: (bytes) => held.resize(script.length + bytes),
    [Symbol.dispose]: () => held.release(),
  }
}

/**
 * Room for what DuckDB takes to parse and plan a statement and to bind its parameters, until it is disposed; undefined for one
 * of usual length with small ones. Rejects `memory/refused` with the bytes, and `cancelled`.
 */
export async function planRoom(
  statement: StatementText,
  { planning }: Pick<QueryServices, 'planning'>,
  { signal, parameters }: StatementOptions,
): Promise<AsyncDisposable | undefined> {
  const { sql, tokens } = statement
  const textBytes = tokens.length < FEW_TOKENS ? 0 : plannerBytes(tokens, sql.length)
  const bound = parameterBytes(statement, parameters ?? [])
  const valueBytes = bound.neededBytes < SMALL_VALUES_BYTES ? 0 : bound.neededBytes
  if (textBytes + valueBytes === 0) return undefined
  try {
    return await planning({ bytes: textBytes + valueBytes, sentBytes: valueBytes === 0 ? 0 : bound.givenBytes }, signal)
  } catch (error) {
    if (!isIceboxError(error, 'memory/refused')) throw error
    throw valueBytes > textBytes ? tooLargeValues(bound, error) : tooLongText(statement, textBytes, error)
  }
}

function tooLongText({ sql, tokens }: StatementText, neededBytes: number, cause: IceboxError): IceboxError {
  return new IceboxError('memory/refused', {
    message: `the statement of ${formatBytes(sql.length)} and ${formatCount(tokens.length)} words, values and signs takes about ${formatBytes(neededBytes)} to parse and plan: ${cause.message}`,
    remedy:
      'import the values as a file and join with them or insert from it, bind them as one JSON text (unnest(from_json($1, \'["BIGINT"]\'))), write several statements, or raise performance.memory.max_usage',
    context: { ...cause.context, neededBytes, tokens: tokens.length, textBytes: sql.length },
    cause,
  })
}

function tooLargeValues({ givenBytes, neededBytes }: ParameterBytes, cause: IceboxError): IceboxError {
  return new IceboxError('memory/refused', {
    message: `the parameters of ${formatBytes(givenBytes)} take about ${formatBytes(neededBytes)} where they are bound and used: ${cause.message}`,
    remedy:
      'append the values to a table (lake.appender) or import them as a file and query that, bind them in several statements, or raise performance.memory.max_usage',
    context: { ...cause.context, neededBytes, parameterBytes: givenBytes },
    cause,
  })
}
