import { resolve } from 'node:path'
import { isIceboxError } from '../base/index.ts'
import type { Configuration, ConfigurationSources } from '../config/index.ts'
import type { CommandLakehouse, EnvironmentReport } from '../lakehouse/api.ts'
import type { GlobalOptions } from './global-options.ts'
import type { CliIo } from './io.ts'

/** The way from the command line to a lakehouse; tests pass one with a lakehouse of their own. */
export interface LakeDoor {
  open(globals: GlobalOptions, io: CliIo): Promise<CommandLakehouse>
  /** Makes a lakehouse folder and returns its absolute path. */
  init(directory: string, globals: GlobalOptions, io: CliIo): Promise<string>
  /** What the configuration is read from; without `file` where there is no lakehouse. */
  configurationSources(globals: GlobalOptions, io: CliIo): Promise<ConfigurationSources>
  /** The budget that a configuration comes to (`auto` resolved). */
  budgetBytes(configuration: Configuration): Promise<number>
  /** What the rooms below know of the machine. */
  environment(): Promise<EnvironmentReport>
}

/** The real one. The rooms behind it are loaded when a command needs them: start-up weight is taken from the engine. */
export const lakeDoor: LakeDoor = {
  async open(globals, io) {
    const { Lakehouse } = await import('../lakehouse/index.ts')
    const { profile } = globals
    return Lakehouse.open(globals.directory, { ...settingsOf(globals), profile, env: io.env, cwd: io.cwd })
  },
  async init(directory, globals, io) {
    const { Lakehouse } = await import('../lakehouse/index.ts')
    return Lakehouse.init(resolve(io.cwd, directory), settingsOf(globals))
  },
  async configurationSources(globals, io) {
    const { findLake } = await import('../lakehouse/index.ts')
    const sources = { ...settingsOf(globals), environment: io.env }
    try {
      const { configFile } = await findLake(globals.directory, io.env, io.cwd)
      return { ...sources, file: configFile }
    } catch (error) {
      // Without -C and ICEBOX_HOME there may be no lakehouse yet: the other sources can still be looked at.
      const isNamed = globals.directory !== undefined || (io.env.ICEBOX_HOME ?? '') !== ''
      if (isNamed || !isIceboxError(error, 'lake/not-found')) throw error
      return sources
    }
  },
  async budgetBytes(configuration) {
    const { resolveBudget } = await import('../lakehouse/index.ts')
    return resolveBudget(configuration)
  },
  async environment() {
    const { inspectEnvironment } = await import('../lakehouse/index.ts')
    return inspectEnvironment()
  },
}

function settingsOf(globals: GlobalOptions): { memory?: string; set: readonly string[] } {
  return globals.memory === undefined ? { set: globals.set } : { memory: globals.memory, set: globals.set }
}
