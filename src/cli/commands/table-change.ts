import { createInterface } from 'node:readline'
import { resolve } from 'node:path'
import { cancelledError, IceboxError, isIceboxError, quotedForShell } from '../../base/index.ts'
import type { CommandContext } from '../context.ts'
import { countText } from '../output/footer.ts'
import { documentText } from '../output/json-value.ts'
import { visibleText } from '../output/text-width.ts'

/** `icebox table register NS.TABLE METADATA`: a metadata file, or the folder of the table. */
export async function tableRegister(context: CommandContext, table: string, metadata: string): Promise<void> {
  const file = /^[a-z][a-z0-9+.-]+:/i.test(metadata) ? metadata : resolve(context.io.cwd, metadata)
  await using lake = await context.openLake()
  const described = await lake.registerTable(table, file)
  const moved = await movedOf(lake.describeTable(table))
  await say(
    context,
    { table: described.table, metadataLocation: described.metadataLocation, rows: described.rows, moved },
    `registered ${described.table} at ${described.metadataLocation}${moved === null ? '' : `; its folder was moved: its metadata names files at ${described.location}, which are to be relocated before it is read`}`,
  )
  if (moved === null) await context.next(`icebox table show ${quotedForShell(table)}`, 'what is in it')
  else
    await context.next(`icebox table relocate ${quotedForShell(table)}`, 'rewrites its metadata for where it lies now')
}

/** Old root and new root of a table that must be relocated before it can be read. */
async function movedOf(described: Promise<unknown>): Promise<IceboxError['context'] | null> {
  try {
    await described
    return null
  } catch (error) {
    if (isIceboxError(error, 'lake/moved')) return error.context
    throw error
  }
}

/** `icebox table relocate [NS.TABLE...]` */
export async function tableRelocate(context: CommandContext, tables: readonly string[]): Promise<void> {
  await using lake = await context.openLake()
  const moved = await lake.relocate(tables.length === 0 ? undefined : tables)
  if (context.globals.json) {
    await context.io.stdout.write(`${documentText(moved)}\n`)
    return
  }
  for (const one of moved)
    await context.say(`${one.table}: ${one.from} -> ${one.to} (${countText(one.filesRewritten, 'file')} rewritten)`)
  if (moved.length === 0) await context.say('every table is where its metadata says')
  await context.next('icebox table list', 'the tables')
}

/** `icebox table rename FROM TO` */
export async function tableRename(context: CommandContext, from: string, to: string): Promise<void> {
  await using lake = await context.openLake()
  await lake.renameTable(from, to)
  await say(context, { from, table: to }, `renamed ${from} to ${to}`)
  await context.next(`icebox table show ${quotedForShell(to)}`, 'what is in it')
}

/** `icebox table drop NS.TABLE [--purge] [--yes]` */
export async function tableDrop(
  context: CommandContext,
  table: string,
  flags: { readonly purge?: boolean; readonly yes?: boolean },
): Promise<void> {
  const purge = flags.purge === true
  await using lake = await context.openLake()
  const { metadataLocation, location } = await placeOf(lake.describeTable(table))
  const files = location === null ? `the files of ${table}` : `the files of ${table} in ${location}`
  if (purge && flags.yes !== true) await confirmPurge(context, table, files)
  await lake.dropTable(table, { purge })
  await say(
    context,
    { table, purged: purge, metadataLocation },
    purge
      ? `dropped ${table} and deleted its files${location === null ? '' : ` in ${location}`}`
      : `dropped ${table}; its files stay`,
  )
  if (!purge && metadataLocation !== null) {
    await context.next(
      `icebox table register ${quotedForShell(table)} ${quotedForShell(metadataLocation.replace(/^file:\/\//, ''))}`,
      'brings it back',
    )
  } else {
    await context.next('icebox table list', 'what is left')
  }
}

/** A table whose metadata cannot be read can still be dropped; one that is not there cannot. */
async function placeOf(
  described: Promise<{ readonly metadataLocation: string; readonly location: string }>,
): Promise<{ readonly metadataLocation: string | null; readonly location: string | null }> {
  try {
    return await described
  } catch (error) {
    if (isIceboxError(error, 'iceberg/') || isIceboxError(error, 'storage/'))
      return { metadataLocation: null, location: null }
    throw error
  }
}

async function confirmPurge(context: CommandContext, table: string, files: string): Promise<void> {
  const terminal = context.io.editorTerminal
  if (terminal === undefined || context.globals.json) {
    throw new IceboxError('usage/invalid', {
      message: `--purge deletes ${files} and cannot be undone`,
      remedy: 'add --yes to say that you mean it',
      context: { table },
    })
  }
  const answer = await ask(context, terminal, `delete ${visibleText(files)}? This cannot be undone. Type its name: `)
  if (answer !== table) {
    throw new IceboxError('usage/invalid', {
      message: `'${answer}' is not ${table}; nothing was deleted`,
      remedy: 'type the name as it stands, or leave --purge away to keep the files',
      context: { table },
    })
  }
}

/** One line from the terminal; an end of input is an empty one. The line editor sees Ctrl-C as a key and has to pass it on. */
async function ask(context: CommandContext, terminal: NodeJS.WriteStream, question: string): Promise<string> {
  const lines = createInterface({ input: context.io.stdin, output: terminal })
  lines.once('SIGINT', () => context.interrupts.interrupt())
  try {
    return await new Promise<string>((resolve, reject) => {
      context.signal.addEventListener('abort', () => reject(cancelledError(context.signal)), { once: true })
      lines.once('close', () => resolve(''))
      lines.question(question, (answer) => resolve(answer.trim()))
    })
  } finally {
    lines.close()
  }
}

async function say(context: CommandContext, document: object, text: string): Promise<void> {
  if (context.globals.json) await context.io.stdout.write(`${documentText(document)}\n`)
  else await context.say(text)
}
