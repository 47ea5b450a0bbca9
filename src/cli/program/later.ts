import type { Command } from 'commander'
import { IceboxError, nearestNames, ownPackage } from '../../base/index.ts'

/** Commands of later versions: asked for by name, they say so; help does not list them. */
const LATER: Readonly<Record<string, string>> = {
  maintain: 'compaction, expiry and orphan removal',
  serve: 'the HTTP, Postgres and REST catalog server',
  top: 'the live view',
  tune: 'tuning',
}

/** {@link refuseUnknown} for the commands of the program itself. */
export function refuseLaterCommands(program: Command): void {
  refuseUnknown(program, LATER)
}

/** Names a subcommand that is not there yet, or refuses an unknown one with the nearest name. */
export function refuseUnknown(parent: Command, later: Readonly<Record<string, string>>): void {
  parent.on('command:*', (operands: string[]) => {
    const name = operands[0] ?? ''
    const called = parent.parent === null ? parent.name() : `${parent.parent.name()} ${parent.name()}`
    const what = later[name]
    if (what !== undefined) {
      throw new IceboxError('usage/invalid', {
        message: `'${called} ${name}' is not in version ${ownPackage().version}: ${what} comes with a later version`,
        remedy: `${called} --help lists what this version does`,
        context: { command: name },
      })
    }
    const names = parent.commands.map((command) => command.name())
    const near = nearestNames(name, names)
    throw new IceboxError('usage/invalid', {
      message: `unknown command '${name}'`,
      remedy:
        near.length > 0
          ? `did you mean ${near.map((known) => `'${called} ${known}'`).join(' or ')}?`
          : `the commands are ${names.join(', ')}`,
      context: { command: name },
    })
  })
}
