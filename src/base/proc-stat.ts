import { readFileSync } from 'node:fs'
import { systemCode } from './errors.ts'

/** Where a field stands behind the name in brackets, by its number in proc(5). */
const FIRST_BEHIND_NAME = 3

/**
 * A field of `/proc/<pid>/stat` or that of a thread, by its number in proc(5), from 3 on: the name before it may hold spaces.
 * Undefined where there is no such file: another system than Linux, or the process is gone.
 */
export function readProcStat(file: string): ((number: number) => string | undefined) | undefined {
  const text = textOfProc(() => readFileSync(file, 'latin1'))
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields === undefined ? undefined : (number) => fields[number - FIRST_BEHIND_NAME]
}

/** Null where there is no such file. */
export function textOfProc(read: () => string): string | null {
  try {
    return read()
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    return null
  }
}
