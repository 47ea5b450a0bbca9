import { relative } from 'node:path'
import { quotedForShell } from '../../base/index.ts'
import { documentText } from '../output/json-value.ts'
import type { CommandContext } from '../context.ts'

/** `icebox init [DIR]` */
export async function initCommand(context: CommandContext, directory: string): Promise<void> {
  const target = directory === '.' && context.globals.directory !== undefined ? context.globals.directory : directory
  const made = await context.door.init(target, context.globals, context.io)
  if (context.globals.json) {
    await context.io.stdout.write(`${documentText({ directory: made })}\n`)
    return
  }
  await context.say(`made a lakehouse in ${made}`)
  const there = shorter(relative(context.io.cwd, made), made)
  await context.next(
    `${there === '' ? '' : `cd ${quotedForShell(there)} && `}icebox import sales.orders orders.csv`,
    'a file becomes a table',
  )
}

/** A path that climbs far is clearer as an absolute one. */
function shorter(relativePath: string, absolutePath: string): string {
  return relativePath.startsWith('..') && relativePath.length >= absolutePath.length ? absolutePath : relativePath
}
