import { KEY_NAMES, MEMORY_FLAG } from './keys.ts'

/** Where a text came from, for errors and `config explain`. */
export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly path: string; readonly line: number }
  | { readonly kind: 'environment'; readonly variable: string }
  | { readonly kind: 'flag'; readonly flag: string }

/** A text for a key, not looked at yet; the key may not exist. */
export interface Setting {
  readonly key: string
  readonly text: string
  readonly origin: Origin
}

/** `icebox.yaml line 12`, `ICEBOX_QUERY__TIMEOUT`, `--memory`, `default`. */
export function originText(origin: Origin): string {
  switch (origin.kind) {
    case 'default':
      return 'default'
    case 'file':
      return `${origin.path} line ${origin.line}`
    case 'environment':
      return `environment ${origin.variable}`
    case 'flag':
      return `flag ${origin.flag}`
    default:
      return origin satisfies never
  }
}

const PREFIX = 'ICEBOX_'
const UNDERSCORED = KEY_NAMES.map((key) => key.replaceAll('.', '_'))

/** The environment variable of a key: `ICEBOX_PERFORMANCE__MEMORY__MAX_USAGE`. */
export function variableOf(key: string): string {
  return PREFIX + key.toUpperCase().replaceAll('.', '__')
}

/**
 * Settings of the environment: variables that begin with ICEBOX_ and have a double underscore, and those that can only have
 * meant one (single underscores, the name of `--memory`), which are no keys and so are refused. Others (ICEBOX_HOME) are
 * somebody else's; an empty one is as good as unset, since Compose files and CI set variables to nothing.
 */
export function environmentSettings(environment: Readonly<Record<string, string | undefined>>): Setting[] {
  const settings: Setting[] = []
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(PREFIX) || text === undefined || text === '') continue
    const name = variable.slice(PREFIX.length).toLowerCase()
    if (!name.includes('__') && !meansKey(name)) continue
    const key = name.replaceAll('__', '.')
    settings.push({ key, text, origin: { kind: 'environment', variable } })
  }
  return settings
}

function meansKey(name: string): boolean {
  if (name === MEMORY_FLAG) return true
  return UNDERSCORED.includes(name)
}
