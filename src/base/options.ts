import { IceboxError } from './errors.ts'
import { nearestNames } from './nearest.ts'
import { shownValue } from './shown-value.ts'

/** What an option may be: in words, for an error, and as a test. */
export interface OptionRule {
  readonly allowed: string
  readonly takes: (value: unknown) => boolean
  /** Of an object: its own options. */
  readonly inside?: Readonly<Record<string, OptionRule>>
}

/** A rule for each option of an interface: one that is added does not compile without. */
export type OptionRules<Options> = { readonly [Name in keyof Required<Options>]: OptionRule }

export const aText: OptionRule = { allowed: 'a text', takes: (value) => typeof value === 'string' }
export const aBoolean: OptionRule = { allowed: 'true or false', takes: (value) => typeof value === 'boolean' }
export const aFunction: OptionRule = { allowed: 'a function', takes: (value) => typeof value === 'function' }
export const texts: OptionRule = {
  allowed: 'an array of texts',
  takes: (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
}
export const anObject: OptionRule = { allowed: 'an object', takes: isObject }
/** Of this realm or another, or a library's own; `null` is none, as for `fetch`. */
export const aSignal: OptionRule = {
  allowed: 'the signal of an AbortController',
  takes: (value) =>
    value === null ||
    (isObject(value) &&
      'aborted' in value &&
      typeof value.aborted === 'boolean' &&
      'addEventListener' in value &&
      typeof value.addEventListener === 'function'),
}
export const aCount: OptionRule = {
  allowed: 'a whole number above 0',
  takes: (value) => Number.isSafeInteger(value) && Number(value) > 0,
}

export function oneOf(...words: readonly string[]): OptionRule {
  const quoted = words.map((word) => `'${word}'`)
  return {
    allowed: `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`,
    takes: (value) => typeof value === 'string' && words.includes(value),
  }
}

export function options<Options>(inside: OptionRules<Options>): OptionRule {
  return { ...anObject, inside }
}

/**
 * Refuses options that `call` does not have, and values that they do not take: a typing error would do something else
 * without a word. `undefined` is as good as left out. Throws `usage/invalid` with the option, its value and what is allowed.
 */
export function checkOptions<Options>(
  call: string,
  given: unknown,
  rules: OptionRules<Options>,
  needed: readonly (keyof Options & string)[] = [],
): void {
  check(call, '', given, { ...rules }, needed)
}

function check(
  call: string,
  within: string,
  given: unknown,
  rules: Readonly<Record<string, OptionRule>>,
  needed: readonly string[],
): void {
  if (!isObject(given)) {
    throw invalid(
      call,
      `takes its options as an object, not ${shownValue(given)}`,
      `write { ${Object.keys(rules)[0]}: … }`,
    )
  }
  for (const name of needed) {
    if (Reflect.get(given, name) !== undefined) continue
    throw invalid(call, `needs ${within}${name}`, `give ${rules[name]?.allowed}`, { option: within + name })
  }
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    const option = within + name
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (rule === undefined) {
      const near = nearestNames(name, Object.keys(rules))
      const remedy =
        near.length > 0 ? `did you mean ${near.join(' or ')}?` : `there are: ${Object.keys(rules).join(', ')}`
      throw invalid(call, `has no option ${option}`, remedy, { option })
    }
    if (!rule.takes(value))
      throw invalid(call, `was given ${option}: ${shownValue(value)}`, `write ${rule.allowed}`, { option })
    if (rule.inside !== undefined) check(call, `${option}.`, value, rule.inside, [])
  }
}

/** Refuses an argument that is not what `rule` says. Throws `usage/invalid`. */
export function checkArgument(call: string, name: string, value: unknown, rule: OptionRule): void {
  if (!rule.takes(value))
    throw invalid(call, `was given ${shownValue(value)} as ${name}`, `give ${rule.allowed}`, { argument: name })
}

function invalid(
  call: string,
  what: string,
  remedy: string,
  context: Readonly<Record<string, string>> = {},
): IceboxError {
  return new IceboxError('usage/invalid', { message: `${call} ${what}`, remedy, context: { call, ...context } })
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
