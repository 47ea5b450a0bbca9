/** A row, or a struct: values by name. */
export type NamedValues = Readonly<Record<string, unknown>>

/**
 * An object of named values, which are those that it owns, as `JSON.stringify` and `{ ...row }` see them: rows of drivers
 * are plain objects or instances of a class with fields. Not a list, not one of the classes that are values themselves, and
 * no instance without a value of its own (a `Set`, a `Promise`, an object of getters): it would be a row of NULLs.
 */
export function isRecord(value: unknown): value is NamedValues {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  if (isPlain(value)) return true
  if (value instanceof Date || value instanceof Map || ArrayBuffer.isView(value)) return false
  return Object.keys(value).length > 0
}

/** Made by `{}`, by `Object.create(null)`, or by `{}` in another realm. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null
}

/** A name to read records by. */
export class RecordName {
  readonly text: string
  /** Every object has it (`constructor`, `__proto__`). */
  readonly #isOfObject: boolean

  constructor(text: string) {
    this.text = text
    this.#isOfObject = text in Object.prototype
  }

  /** The value that the record owns; undefined where it has none, {@link INHERITED} where its class has one. */
  read(record: NamedValues, isPlainRecord: boolean): unknown {
    const { text } = this
    if ((isPlainRecord && !this.#isOfObject) || owns(record, text)) return record[text]
    return !this.#isOfObject && text in record ? INHERITED : undefined
  }
}

function owns(record: NamedValues, name: string): boolean {
  return Object.prototype.propertyIsEnumerable.call(record, name)
}

/** In place of a value that is there for who reads it, and not for who copies or prints the record. */
export const INHERITED = Symbol('a value of the class')

/** The first name that is none of `names` and has a value. `undefined` is no value, as in JSON. */
export function unknownName(
  record: NamedValues,
  own: readonly string[],
  names: { has(name: string): boolean },
): string | undefined {
  return own.find((name) => !names.has(name) && record[name] !== undefined)
}
