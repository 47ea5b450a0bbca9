import type { Command } from 'commander'
import { IceboxError, nearestNames } from '../../base/index.ts'
import { iceboxVersion } from './version.ts'

/** Commands of later versions: asked for by name, they say so; help does not list them. */
const LATER: Readonly<Record<string, string>> = {
  maintain: 'compaction, expiry and orphan removal',
  serve: 'the HTTP, Postgres and REST catalog server',
  top: 'the live view',
  bench: 'the benchmark suite (in a clone of the repository: npm run bench)',
  tune: 'tuning',
}

/** Names a command that is not there yet, or refuses an unknown one with the nearest name. */
export function refuseLaterCommands(program: Command): void {
  program.on('command:*', (operands: string[]) => {
    const name = operands[0] ?? ''
    const what = LATER[name]
    if (what !== undefined) {
      throw new IceboxError('usage/invalid', {
        message: `'icebox ${name}' is not in version ${iceboxVersion()}: ${what} comes with a later version`,
        remedy: 'icebox --help lists what this version does',
        context: { command: name },
      })
    }
    const names = program.commands.map((command) => command.name())
    const near = nearestNames(name, names)
    throw new IceboxError('usage/invalid', {
      message: `unknown command '${name}'`,
      remedy:
        near.length > 0
          ? `did you mean ${near.map((known) => `'icebox ${known}'`).join(' or ')}?`
          : `the commands are ${names.join(', ')}`,
      context: { command: name },
    })
  })
}
