import { IceboxError } from '../base/index.ts'
import { type ConfigurationValues, isKeyName, KEY_NAMES, type KeyName, specOf } from './keys.ts'
import { parseValue } from './key-types.ts'
import { invalidValue, unknownKey } from './problems.ts'
import { readConfigurationFile } from './read-file.ts'
import { environmentSettings, type Origin, type Setting } from './sources.ts'

export interface ConfigurationSources {
  /** Path of an icebox.yaml, which must be there; left out: no file. */
  readonly file?: string
  /** Default: none. Pass `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** `--set` arguments, `a.b=c`; of several for one key the last holds. */
  readonly set?: readonly string[]
  /** `--memory`: stands for performance.memory.max_usage and goes before `--set`. */
  readonly memory?: string
}

/** The configuration as it holds, and where each value came from. Immutable. */
export interface Configuration {
  readonly values: ConfigurationValues
  /** As it was written, and where. */
  readonly texts: { readonly [K in KeyName]: { readonly text: string; readonly origin: Origin } }
}

/**
 * Reads all sources; a flag goes before the environment, that before the file, that before the default. Rejects
 * `config/unknown-key` and `config/invalid-value` with the first that is wrong, in any source even where another one goes
 * before it, and `config/unreadable`.
 */
export async function loadConfiguration(sources: ConfigurationSources = {}): Promise<Configuration> {
  const { settings, problems } = await gather(sources)
  const found = [...problems, ...settings.flatMap((setting) => problemOf(setting) ?? [])]
  if (found[0] !== undefined) throw found[0]
  return resolve(settings)
}

/** All that is wrong, for `icebox config check`; rejects `config/unreadable` only. */
export async function findConfigurationProblems(sources: ConfigurationSources): Promise<IceboxError[]> {
  const { settings, problems } = await gather(sources)
  return [...problems, ...settings.flatMap((setting) => problemOf(setting) ?? [])]
}

/** The defaults alone. */
export function defaultConfiguration(): Configuration {
  return resolve([])
}

/** Settings with what goes first last. */
async function gather(sources: ConfigurationSources): Promise<{ settings: Setting[]; problems: IceboxError[] }> {
  const file = sources.file === undefined ? { settings: [], problems: [] } : await readConfigurationFile(sources.file)
  const flags = (sources.set ?? []).map(flagSetting)
  if (sources.memory !== undefined) {
    const origin: Origin = { kind: 'flag', flag: '--memory' }
    flags.push({ key: 'performance.memory.max_usage', text: sources.memory, origin })
  }
  return {
    settings: [...file.settings, ...environmentSettings(sources.environment ?? {}), ...flags],
    problems: file.problems,
  }
}

function flagSetting(argument: string): Setting {
  const at = argument.indexOf('=')
  if (at <= 0) {
    throw new IceboxError('usage/invalid', {
      message: `--set ${argument} has no value`,
      remedy: 'write --set KEY=VALUE, as in --set performance.memory.max_usage=512MB',
      context: { value: argument },
    })
  }
  return { key: argument.slice(0, at).trim(), text: argument.slice(at + 1), origin: { kind: 'flag', flag: '--set' } }
}

function problemOf({ key, text, origin }: Setting): IceboxError | undefined {
  if (!isKeyName(key)) return unknownKey({ key, text, origin })
  return parseValue(specOf(key), text) === undefined ? invalidValue(key, text, origin) : undefined
}

function resolve(settings: readonly Setting[]): Configuration {
  const chosen = new Map<string, Setting>(settings.map((setting) => [setting.key, setting]))
  const entries = KEY_NAMES.map((key) => {
    const { text, origin } = chosen.get(key) ?? { text: specOf(key).default, origin: { kind: 'default' } as const }
    return { key, text, origin, value: parseValue(specOf(key), text) }
  })
  return {
    // Every text was parsed by its key's own type, and KEY_NAMES are all keys: the mapped types hold.
    values: Object.fromEntries(entries.map(({ key, value }) => [key, value])) as ConfigurationValues,
    texts: Object.fromEntries(
      entries.map(({ key, text, origin }) => [key, { text, origin }]),
    ) as Configuration['texts'],
  }
}
