import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseDuration, parseSize } from '../base/index.ts'

/** How a key's text is read. Sizes become bytes, durations milliseconds, fractions and counts numbers. */
type KeyType = 'size' | 'duration' | 'fraction' | 'count' | 'boolean' | 'path' | 'cpus'

/** One key of the configuration. */
export interface KeySpec {
  readonly type: KeyType
  /** As one would write it in the file. */
  readonly default: string
  /** Words that are allowed beside values of the type. */
  readonly words?: readonly string[]
  /** In the unit of the type (bytes, milliseconds). */
  readonly min?: number
  readonly max?: number
  /** What it does, for people: one or two sentences. */
  readonly effect: string
  /** The later part of Icebox that makes it work; left out where it works now. */
  readonly part?: string
}

const NAMES: Readonly<Record<KeyType, string>> = {
  size: 'size',
  duration: 'duration',
  fraction: 'number from 0 to 1',
  count: 'whole number',
  boolean: 'true or false',
  path: 'path',
  cpus: 'list of CPUs',
}

/** The kind of value, for tables and comments: `size or auto`. */
export function typeText(spec: KeySpec): string {
  return [NAMES[spec.type], ...(spec.words ?? [])].join(' or ')
}

/** What is allowed, for an error: `a size such as 512MB or 1GiB, more than 0; or auto`. */
export function allowedText(spec: KeySpec): string {
  const range = rangeText(spec)
  return [`${exampleText(spec.type)}${range}`, ...(spec.words ?? [])].join('; or ')
}

function exampleText(type: KeyType): string {
  switch (type) {
    case 'size':
      return 'a size such as 512MB or 1GiB'
    case 'duration':
      return 'a duration such as 250ms, 5s, 3m, 24h or 7d'
    case 'fraction':
      return 'a number such as 0.8'
    case 'count':
      return 'a whole number'
    case 'boolean':
      return 'true or false'
    case 'path':
      return 'a path, relative to the folder of the lakehouse or from ~/'
    case 'cpus':
      return 'CPUs such as 0-3,6'
    default:
      return type satisfies never
  }
}

function rangeText(spec: KeySpec): string {
  const unit = spec.type === 'size' ? ' bytes' : spec.type === 'duration' ? ' ms' : ''
  if (spec.min !== undefined && spec.max !== undefined) return `, from ${spec.min} to ${spec.max}${unit}`
  if (spec.max !== undefined) return `, from 0 to ${spec.max}${unit}`
  if (spec.min === 1 && unit !== '') return ', more than 0'
  if (spec.min !== undefined) return `, at least ${spec.min}${unit}`
  return ''
}

/** The value of a text, or undefined where the key does not allow it. */
export function parseValue(spec: KeySpec, text: string): string | number | boolean | undefined {
  const trimmed = text.trim()
  const word = spec.words?.find((each) => each === trimmed.toLowerCase())
  if (word !== undefined) return word
  const value = parseTyped(spec.type, trimmed)
  if (typeof value !== 'number') return value
  return value < (spec.min ?? 0) || value > (spec.max ?? Number.MAX_SAFE_INTEGER) ? undefined : value
}

function parseTyped(type: KeyType, text: string): string | number | boolean | undefined {
  switch (type) {
    case 'size':
      return attempt(() => parseSize(text))
    case 'duration':
      return attempt(() => parseDuration(text))
    case 'fraction':
      return /^\d*\.?\d+$/.test(text) ? Number(text) : undefined
    case 'count':
      return /^\d+$/.test(text) ? Number(text) : undefined
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined
    case 'path':
      return pathOf(text)
    case 'cpus':
      return text.split(',').every(isCpuRange) ? text : undefined
    default:
      return type satisfies never
  }
}

/** `~` is the home folder, as in a shell; somebody else's (`~name`) is not looked up. */
function pathOf(text: string): string | undefined {
  if (text === '' || text.includes('\0')) return undefined
  if (!text.startsWith('~')) return text
  return text === '~' || text.startsWith('~/') ? join(homedir(), text.slice(1)) : undefined
}

/** `3`, or `0-3` from the lower to the higher. */
function isCpuRange(text: string): boolean {
  const [, from, to = from] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(text) ?? []
  return from !== undefined && Number(from) <= Number(to)
}

/** The parsers of base reject what they cannot read; here that is only an answer. */
function attempt(parse: () => number): number | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}
