import { stat } from 'node:fs/promises'
import { type JsonArray, jsonArray } from '../../ingest/index.ts'
import type { FileRead } from './file-reads.ts'

/** With one of these a call is left as it is: it says the same, or its answer could change. */
const ABOUT_FORMAT = ['format', 'auto_detect', 'ignore_errors']

/** Packed or not, it holds at most some MB of JSON. */
const SMALL_FILE_BYTES = 65_536

/**
 * The format of a read of JSON files of which each is one array: to find it out DuckDB 1.5.5 parses 32 MB of it at once,
 * beside its limit (46 MB of objects: 235 MB, and 1.4 s; told of the format it takes 38 MB and 0.3 s, with the same answer).
 * Small arrays, and anything else, are left to it: undefined.
 */
export async function jsonSettings(
  { reader, named }: FileRead,
  files: readonly string[] | undefined,
): Promise<string | undefined> {
  if (files === undefined || named.some(({ name }) => ABOUT_FORMAT.includes(name))) return undefined
  if (!(await isAnyLarge(files))) return undefined
  const arrays: JsonArray[] = []
  for (const file of files) {
    const array = await jsonArray(file)
    if (array === undefined || array.ofObjects !== (arrays[0] ?? array).ofObjects) return undefined
    arrays.push(array)
  }
  const [first] = arrays
  if (first === undefined || !arrays.some(({ isLong }) => isLong)) return undefined
  const isTold = reader === 'json objects' || named.some(({ name }) => name === 'records')
  return `format = 'array'${isTold ? '' : `, records = ${first.ofObjects}`}`
}

/** Patterns may name very many small files, which are not read for this. */
async function isAnyLarge(files: readonly string[]): Promise<boolean> {
  for (const file of files) {
    const found = await stat(file).catch(() => undefined)
    if (found !== undefined && found.isFile() && found.size > SMALL_FILE_BYTES) return true
  }
  return false
}
