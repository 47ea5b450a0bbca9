import { isIceboxError } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import { textLines } from '../source/text-lines.ts'
import { badRows, BROKEN_ROW, FAULTY_ROW } from './bad-values.ts'
import type { JsonDescription } from './description.ts'
import { faultOf } from './json-faults.ts'
import { FAULT_MARK, jsonTexts } from './json-select.ts'
import type { SelectOptions } from './source-select.ts'

/** The lines of rows by their number among those that are not blank, asked for in order. */
export interface LineNumbers extends AsyncDisposable {
  lineOf(ordinal: number): Promise<number>
}

/** The engine's own count of lines is another: to it CRLF is two line ends. */
export function lineNumbers(
  path: string,
  description: Pick<JsonDescription, 'compression'>,
  signal: AbortSignal | undefined,
): LineNumbers {
  const lines = textLines(path, description.compression, signal)
  let count = 0
  let number = 0
  return {
    lineOf: async (ordinal) => {
      // Node 20 has no zstd: there blank lines are not counted.
      if (description.compression === 'zstd') return ordinal
      while (count < ordinal) {
        const line = await lines.next()
        if (line.done === true) break
        number = line.value.number
        if (!/^ *$/.test(line.value.text)) count++
      }
      return number
    },
    [Symbol.asyncDispose]: async () => {
      await lines.return(undefined)
    },
  }
}

interface LinesScene {
  readonly session: EngineSession
  readonly read?: SelectOptions
  readonly signal?: AbortSignal
}

/** A line of NDJSON that is not taken. */
interface BadLine {
  readonly file: string
  readonly line: number
  /** What is wrong with it; empty where it is no JSON. */
  readonly fault: string
}

/** The first line of NDJSON that is no JSON, in the order of the files. */
export function firstBrokenLine(description: JsonDescription, scene: LinesScene): Promise<BadLine | undefined> {
  return firstLine(description, `CASE WHEN NOT json_valid(json) THEN '${BROKEN_ROW}' END`, scene)
}

/** The first line of NDJSON with a fault ({@link faultOf}), in the order of the files. */
export function firstFaultyLine(description: JsonDescription, scene: LinesScene): Promise<BadLine | undefined> {
  const bad = `CASE WHEN json_valid(json) THEN '${FAULTY_ROW}' || ${faultOf(description.shape, 'json')} END`
  return firstLine(description, bad, scene)
}

/** The fault that an import failed by. Other errors may quote the SELECT, mark and all, below their first line. */
export function faultIn(error: unknown): string | undefined {
  const text = isIceboxError(error) ? error.message : ''
  const at = text.indexOf(FAULT_MARK)
  return at < 0 || text.slice(0, at).includes('\n') ? undefined : text.slice(at + FAULT_MARK.length)
}

/** `bad`: SQL of a verdict on the text `json`. */
async function firstLine(description: JsonDescription, bad: string, scene: LinesScene): Promise<BadLine | undefined> {
  for (const file of description.paths) {
    const texts = jsonTexts({ ...description, paths: [file] }, scene.read)
    const rows = `SELECT json IS NOT NULL AS counts, ${bad} AS bad, NULL AS raw FROM ${texts}`
    const first = await badRows(scene.session, rows, 1, scene.signal).next()
    if (first.done === true) continue
    await using numbers = lineNumbers(file, description, scene.signal)
    return { file, line: await numbers.lineOf(first.value.ordinal), fault: first.value.value ?? '' }
  }
  return undefined
}
