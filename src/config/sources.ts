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

/** The environment variable of a key: `ICEBOX_PERFORMANCE__MEMORY__MAX_USAGE`. */
export function variableOf(key: string): string {
  return PREFIX + key.toUpperCase().replaceAll('.', '__')
}

/**
 * Settings of the environment: variables that begin with ICEBOX_ and have a double underscore. Others (ICEBOX_HOME) are no
 * keys; an empty one is as good as unset, since Compose files and CI set variables to nothing.
 */
export function environmentSettings(environment: Readonly<Record<string, string | undefined>>): Setting[] {
  const settings: Setting[] = []
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(PREFIX) || !variable.includes('__') || text === undefined || text === '') continue
    const key = variable.slice(PREFIX.length).toLowerCase().replaceAll('__', '.')
    settings.push({ key, text, origin: { kind: 'environment', variable } })
  }
  return settings
}
