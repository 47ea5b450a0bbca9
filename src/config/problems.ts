import { type ErrorCode, IceboxError, nearestNames, systemCode } from '../base/index.ts'
import { allowedText } from './key-types.ts'
import { KEY_NAMES, type KeyName, MEMORY_FLAG, specOf } from './keys.ts'
import { type Origin, originText, type Setting, variableOf } from './sources.ts'

/** `config/unknown-key`: the key, where it stands, the nearest ones there are. */
export function unknownKey(setting: Setting): IceboxError {
  const { key, origin } = setting
  const near = nearestKeys(key)
  const shown = origin.kind === 'environment' ? near.map(variableOf) : near
  const written = origin.kind === 'environment' ? origin.variable : key
  return problem('config/unknown-key', key, setting.text, origin, {
    message: `${written} is not a key of the configuration (${originText(origin)})`,
    remedy:
      shown.length > 0
        ? `did you mean ${shown.join(' or ')}?`
        : 'see all keys with icebox config explain, or in docs/reference/configuration.md',
  })
}

/** `config/invalid-value`: the key, the value, where it stands, what is allowed. */
export function invalidValue(key: KeyName, text: string, origin: Origin): IceboxError {
  return problem('config/invalid-value', key, text, origin, {
    message: `${key} is '${text}' (${originText(origin)})`,
    remedy: `write ${allowedText(specOf(key))}; the default is ${specOf(key).default}`,
  })
}

/** A value where a section is, a section where a value is, or nothing at all. */
export function misplaced(key: string, text: string, origin: Origin, message: string, remedy: string): IceboxError {
  return problem('config/invalid-value', key, text, origin, { message: `${message} (${originText(origin)})`, remedy })
}

/** `config/unreadable`: a file that is missing, too large or no YAML. */
export function unreadableFile(path: string, why: string, cause?: unknown, line?: number): IceboxError {
  return new IceboxError('config/unreadable', {
    message: `the configuration file ${path} ${why}`,
    remedy:
      systemCode(cause) === 'EACCES'
        ? 'give this user the right to read it'
        : 'mend it, or write a new one with icebox init in an empty folder',
    context: { path, ...(line === undefined ? {} : { line }) },
    cause,
  })
}

function problem(
  code: ErrorCode,
  key: string,
  value: string,
  origin: Origin,
  words: { message: string; remedy: string },
): IceboxError {
  return new IceboxError(code, {
    ...words,
    context: {
      key,
      value,
      source: originText(origin),
      ...(origin.kind === 'file' ? { path: origin.path, line: origin.line } : {}),
    },
  })
}

/** By the whole key, and by its last part alone: people forget or mistake the sections. */
function nearestKeys(key: string): string[] {
  if (key === MEMORY_FLAG) return ['performance.memory.max_usage']
  const whole = nearestNames(key, KEY_NAMES)
  if (whole.length > 0) return whole
  const last = lastPart(key)
  const byLast = nearestNames(last, new Set(KEY_NAMES.map(lastPart)))
  return byLast.flatMap((name) => KEY_NAMES.filter((each) => lastPart(each) === name)).slice(0, 3)
}

function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('.') + 1)
}
