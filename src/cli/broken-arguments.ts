import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { IceboxError } from '../base/index.ts'

/**
 * Rejects `usage/invalid` where an argument was no UTF-8: Node has put U+FFFD for what it could not read, and SQL would write
 * it. Only Linux still has the bytes (`/proc`); elsewhere, and where all is UTF-8, a U+FFFD is what was typed.
 */
export function refuseBrokenArguments(argv: readonly string[], readBytes = ownCommandLine): void {
  const broken = argv.find((argument) => argument.includes('\ufffd'))
  if (broken === undefined) return
  const bytes = readBytes()
  if (bytes === undefined || isUtf8(bytes)) return
  throw new IceboxError('usage/invalid', {
    message: `an argument is not UTF-8: ${broken.length > 100 ? `${broken.slice(0, 100)}…` : broken}`,
    remedy:
      'use a terminal and a locale of UTF-8, or convert the script that calls icebox: iconv -f WINDOWS-1252 -t UTF-8',
  })
}

function ownCommandLine(): Uint8Array | undefined {
  try {
    return readFileSync('/proc/self/cmdline')
  } catch {
    return undefined
  }
}
