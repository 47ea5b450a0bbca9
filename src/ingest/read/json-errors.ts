import { type ErrorContext, formatBytes, IceboxError } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import { typeToString } from '../../iceberg/index.ts'
import { CHECK_MARK } from '../inspect/checked-cast.ts'
import { badRows, type BadValue, mayBeOfSource, SHOWN_LINE_CHARACTERS, quotedOrNull } from './bad-values.ts'
import { badValueError } from './csv-errors.ts'
import { isBlankLine, ndjsonLines } from './json-select.ts'
import type { SelectOptions } from './source-select.ts'
import type { ColumnMapping, JsonDescription } from './description.ts'
import { fieldTwice, NO_OBJECT } from './json-faults.ts'
import { faultIn, firstBrokenLine, firstFaultyLine, lineNumbers } from './json-lines.ts'
import { judgedColumns, jsonVerdict } from './json-misfits.ts'
import { explainGzipError } from './gzip-errors.ts'
import { DEFAULT_MAX_LINE_BYTES } from './line-sizes.ts'

interface Scene {
  readonly session: EngineSession
  /** How the source was read when it failed. */
  readonly read?: SelectOptions
  readonly signal?: AbortSignal
}

/** What DuckDB said of a JSON file as an error of ours, with file, line, column, value and expected type. */
export async function explainJsonError(
  error: unknown,
  description: JsonDescription,
  mapping: readonly ColumnMapping[],
  scene: Scene,
): Promise<unknown> {
  const packed = await explainGzipError(error, description.paths, description.compression, scene.signal)
  if (packed !== undefined) return packed
  if (!mayBeOfSource(error)) return error
  const text = error.message
  if (faultIn(error) !== undefined) return faultError(error, await firstFaultyLine(description, scene))
  // Of text that is no JSON the engine does not name the place.
  const isMalformed = /Malformed JSON/.test(text)
  const broken = isMalformed ? await firstBrokenLine(description, scene) : undefined
  const file = broken?.file ?? /^ {2}file = (.+)$/m.exec(text)?.[1] ?? description.paths[0] ?? ''
  const number = broken?.line ?? Number(/CSV Error on Line: (\d+)/.exec(text)?.[1] ?? Number.NaN)
  const context = Number.isNaN(number) ? { file } : { file, line: number }
  const where = Number.isNaN(number) ? file : `${file}, line ${number}`
  const limit = exceededLimit(text, description)
  if (limit !== undefined) {
    return new IceboxError('source/line-too-long', {
      message: `${where}: an object is longer than ${formatBytes(limit)}`,
      remedy: 'raise ingest.max_line_size, or check that every object ends',
      context: { ...context, limitBytes: limit },
      cause: error,
    })
  }
  if (isMalformed) {
    const said = /of input: (.*?)\.?\s+Input: /s.exec(text)?.[1] ?? text.split(': ').at(-1)
    const why = said?.split('\n')[0]?.trim() ?? ''
    return new IceboxError('source/row', {
      message: `${where} is not JSON (byte ${/at byte (\d+)/.exec(text)?.[1] ?? '?'}: ${why})`,
      remedy:
        description.format === 'ndjson'
          ? 'mend the line, or set bad lines aside with --on-error reject'
          : 'get the file again, or mend it',
      context: { ...context, why },
      cause: error,
    })
  }
  if (/Invalid unicode|invalid UTF-8/i.test(text)) {
    return new IceboxError('source/encoding', {
      message: `${where}: the text is not UTF-8`,
      remedy: 'convert the file to UTF-8',
      context,
      cause: error,
    })
  }
  if (
    mapping.length > 0 &&
    (text.includes(CHECK_MARK) ||
      error.code === 'sql/type' ||
      error.code === 'schema/mismatch' ||
      /could not convert|could not parse|out of range/i.test(text))
  ) {
    for (const path of description.paths) {
      const bad = await firstBadValue({ ...description, paths: [path] }, mapping, scene)
      if (bad !== undefined)
        return description.format === 'ndjson' ? badValueError(bad, error) : badObjectError(bad, error)
    }
    const nested = new RegExp(`${CHECK_MARK} (.+?): (.*)`).exec(text)
    if (nested !== null) {
      const column = mapping.find((some) => some.source === nested[1])
      const type = column === undefined ? 'its type' : typeToString(column.type)
      return new IceboxError('source/row', {
        message: `${description.paths.join(', ')}, column '${nested[1]}': '${nested[2]}' does not fit into ${type}`,
        remedy: 'mend the object, or declare another type with --schema',
        context: { file: description.paths[0] ?? '', column: nested[1] ?? '', value: nested[2] ?? '' },
        cause: error,
      })
    }
  }
  return error
}

function namedTwice(column: string, where: string, context: ErrorContext, cause: unknown): IceboxError {
  return new IceboxError('source/columns', {
    message: `${where}: an object names '${column}' twice (names that differ only by case count as the same)`,
    remedy: 'give the fields different names',
    context: { ...context, column },
    cause,
  })
}

/** As the engine told it, where the line is not there any more. */
function faultError(error: IceboxError, bad: Awaited<ReturnType<typeof firstFaultyLine>>): IceboxError {
  const fault = bad?.fault ?? faultIn(error) ?? ''
  const context = bad === undefined ? {} : { file: bad.file, line: bad.line }
  const where = bad === undefined ? 'an object' : `${bad.file}, line ${bad.line}`
  const twice = fieldTwice(fault)
  if (twice !== undefined) return namedTwice(twice, where, context, error)
  return new IceboxError('source/row', {
    message: `${where}: ${fault}`,
    remedy:
      fault === NO_OBJECT
        ? 'a row must be an object: {"name": value, …}; or set bad rows aside with --on-error reject'
        : 'mend the object, or declare the column as text with --schema',
    context,
    cause: error,
  })
}

/** As {@link badValueError}, of what cannot be set aside. */
function badObjectError({ file, line, column, value, rule }: BadValue, cause: unknown): IceboxError {
  return new IceboxError('source/row', {
    message: `${file}, line ${line}, column '${column}': ${quotedOrNull(value)} ${rule}`,
    remedy: 'mend the object, or declare another type with --schema',
    context: { file, line, column, value, rule },
    cause,
  })
}

/** The first value of one file that does not fit, found by a second reading: in order and on one thread. */
async function firstBadValue(
  description: JsonDescription,
  mapping: readonly ColumnMapping[],
  scene: Scene,
): Promise<BadValue | undefined> {
  const judged = judgedColumns(description, mapping, 's.')
  if (judged.length === 0) return undefined
  const objects = ndjsonLines(description, mapping, scene.read ?? {})
  const isBlank = isBlankLine('line')
  const judgements = `SELECT line, NOT (${isBlank}) AS counts, CASE WHEN NOT (${isBlank}) THEN ${jsonVerdict(judged)} END AS bad FROM ${objects}`
  const rows = `SELECT counts, bad, CASE WHEN bad IS NOT NULL THEN left(line, ${SHOWN_LINE_CHARACTERS}) END AS raw FROM (${judgements})`
  const first = await badRows(scene.session, rows, 1, scene.signal).next()
  if (first.done === true) return undefined
  const { value, ordinal, raw } = first.value
  const found = judged[first.value.column]
  if (found === undefined) return undefined
  const file = description.paths[0] ?? ''
  await using numbers = lineNumbers(file, description, scene.signal)
  const line = await numbers.lineOf(ordinal)
  return { file, line, column: found.column.source, value, rule: found.ruleOf(value), raw }
}

/** The longest object that the reader would have taken, where that is what it said. */
function exceededLimit(text: string, description: JsonDescription): number | undefined {
  const said = /maximum_object_size.* of (\d+) bytes exceeded|Maximum line size of (\d+)/i.exec(text)
  if (said !== null) return Number(said[1] ?? said[2])
  // What the reader of lines says of one that is longer than its buffer.
  if (/does not support a full read on this file/.test(text))
    return description.maxObjectBytes ?? DEFAULT_MAX_LINE_BYTES
  return undefined
}
