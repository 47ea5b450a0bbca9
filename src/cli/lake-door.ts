import { resolve } from 'node:path'
import type { CommandLakehouse } from '../lakehouse/api.ts'
import type { GlobalOptions } from './context.ts'
import type { CliIo } from './io.ts'

/** The way from the command line to a lakehouse; tests pass one with a lakehouse of their own. */
export interface LakeDoor {
  open(globals: GlobalOptions, io: CliIo): Promise<CommandLakehouse>
  /** Makes a lakehouse folder and returns its absolute path. */
  init(directory: string, globals: GlobalOptions, io: CliIo): Promise<string>
}

/** The real one. The rooms behind it are loaded when a command needs them: start-up weight is taken from the engine. */
export const lakeDoor: LakeDoor = {
  async open(globals, io) {
    const { Lakehouse } = await import('../lakehouse/index.ts')
    return Lakehouse.open(globals.directory, { ...settingsOf(globals), env: io.env, cwd: io.cwd })
  },
  async init(directory, globals, io) {
    const { Lakehouse } = await import('../lakehouse/index.ts')
    return Lakehouse.init(resolve(io.cwd, directory), settingsOf(globals))
  },
}

function settingsOf(globals: GlobalOptions): { memory?: string; set: readonly string[] } {
  return globals.memory === undefined ? { set: globals.set } : { memory: globals.memory, set: globals.set }
}
