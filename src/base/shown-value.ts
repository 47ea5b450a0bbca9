const MOST_CHARACTERS = 200
/** Larger ones are not printed: what has millions of digits would take seconds. */
const SHOWN_INTEGERS = 2n ** 256n

/** A value that a program gave, for an error, however large it is. */
export function shownValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > MOST_CHARACTERS ? `'${value.slice(0, MOST_CHARACTERS)}…'` : `'${value}'`
    case 'bigint':
      if (value > -SHOWN_INTEGERS && value < SHOWN_INTEGERS) return String(value)
      return `a bigint ${value > 0n ? 'above 2^256' : 'below -2^256'}`
    case 'function':
      return 'a function'
    case 'object':
      return value === null ? 'null' : shownObject(value)
    default:
      return String(value)
  }
}

function shownObject(value: object): string {
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString()
  const prototype: unknown = Object.getPrototypeOf(value)
  const maker: unknown =
    typeof prototype === 'object' && prototype !== null ? Reflect.get(prototype, 'constructor') : undefined
  return typeof maker === 'function' && maker !== Object ? `a value of the kind ${maker.name}` : 'an object'
}
