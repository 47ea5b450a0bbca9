import type { CommandContext } from '../context.ts'

/** The options of every command as commander gives them. */
export interface RawGlobals {
  readonly directory?: string
  readonly memory?: string
  readonly set?: readonly string[]
  readonly json?: boolean
  readonly quiet?: boolean
  readonly profile?: boolean
}

/** Runs a command's own function; each action imports its module only then. */
export type Runner = (run: (context: CommandContext) => Promise<void>) => Promise<void>
