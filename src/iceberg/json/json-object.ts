import { IceboxError, type Json } from '../../base/index.ts'

/** Where a value of a document stands, for errors: the file and the path of keys. */
export interface Place {
  readonly location: string
  readonly path: string
}

/** The error of a document that breaks the specification: names file, key and value. */
export function invalidMetadata(place: Place, problem: string, cause?: unknown): IceboxError {
  const at = place.path === '' ? '' : `: ${place.path}`
  return new IceboxError('iceberg/invalid-metadata', {
    message: `${place.location}${at} ${problem}`,
    context: { location: place.location, key: place.path },
    cause,
  })
}

export function unsupported(place: Place, what: string, remedy: string): IceboxError {
  const at = place.path === '' ? '' : `${place.path}: `
  return new IceboxError('iceberg/unsupported', {
    message: `${place.location}: ${at}${what}`,
    remedy,
    context: { location: place.location, key: place.path },
  })
}

function shown(value: Json | undefined): string {
  if (value === undefined) return 'is missing'
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'is an array' : 'is an object'
  return `is ${typeof value === 'string' ? JSON.stringify(value) : String(value)}`
}

export function asObject(value: Json | undefined, place: Place): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidMetadata(place, `${shown(value)}, not an object`)
  }
  return new JsonObject(value, place)
}

export function asArray(value: Json | undefined, place: Place): readonly Json[] {
  if (!Array.isArray(value)) throw invalidMetadata(place, `${shown(value)}, not an array`)
  return value
}

/** A JSON object whose keys are taken by type; what was not taken is `rest()`. A null counts as absent. */
export class JsonObject {
  readonly place: Place
  private readonly taken = new Set<string>()
  private readonly values: { readonly [key: string]: Json }

  constructor(values: { readonly [key: string]: Json }, place: Place) {
    this.values = values
    this.place = place
  }

  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  get(key: string): Json | undefined {
    this.taken.add(key)
    return Object.hasOwn(this.values, key) ? (this.values[key] ?? undefined) : undefined
  }

  at(key: string | number): Place {
    return atKey(this.place, key)
  }

  string(key: string): string {
    return this.optionalString(key) ?? this.missing(key)
  }
  optionalString(key: string): string | undefined {
    const value = this.get(key)
    return value === undefined || typeof value === 'string' ? value : this.wrong(key, 'text')
  }

  boolean(key: string): boolean {
    return this.optionalBoolean(key) ?? this.missing(key)
  }
  optionalBoolean(key: string): boolean | undefined {
    const value = this.get(key)
    return value === undefined || typeof value === 'boolean' ? value : this.wrong(key, 'true or false')
  }

  /** A 32-bit integer. */
  int(key: string): number {
    return this.optionalInt(key) ?? this.missing(key)
  }
  optionalInt(key: string): number | undefined {
    const value = this.get(key)
    return value === undefined || isInt(value) ? value : this.wrong(key, 'a 32-bit integer')
  }

  /** A 64-bit integer. */
  long(key: string): bigint {
    return this.optionalLong(key) ?? this.missing(key)
  }
  optionalLong(key: string): bigint | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    const long = typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(Number(value)) : undefined
    return long !== undefined && BigInt.asIntN(64, long) === long ? long : this.wrong(key, 'a 64-bit integer')
  }

  object(key: string): JsonObject {
    return this.optionalObject(key) ?? this.missing(key)
  }
  optionalObject(key: string): JsonObject | undefined {
    const value = this.get(key)
    return value === undefined ? undefined : asObject(value, this.at(key))
  }

  array<T>(key: string, item: (value: Json, place: Place) => T): T[] {
    return this.optionalArray(key, item) ?? this.missing(key)
  }
  optionalArray<T>(key: string, item: (value: Json, place: Place) => T): T[] | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    const place = this.at(key)
    return asArray(value, place).map((element, index) => item(element, atKey(place, index)))
  }

  optionalInts(key: string): number[] | undefined {
    return this.optionalArray(key, (value, place) => {
      if (!isInt(value)) throw invalidMetadata(place, `${shown(value)}, not a 32-bit integer`)
      return value
    })
  }

  optionalStrings(key: string): string[] | undefined {
    return this.optionalArray(key, (value, place) => {
      if (typeof value !== 'string') throw invalidMetadata(place, `${shown(value)}, not text`)
      return value
    })
  }

  /** A map of texts. Numbers and booleans, which some writers put there, are taken as their text. */
  optionalStringMap(key: string): Record<string, string> | undefined {
    const object = this.optionalObject(key)
    if (object === undefined) return undefined
    // By entries: a key `__proto__` stays a key.
    return Object.fromEntries(
      Object.entries(object.values).map(([name, value]) => {
        if (typeof value === 'object') throw invalidMetadata(object.at(name), `${shown(value)}, not text`)
        return [name, String(value)]
      }),
    )
  }

  /** What no call took: keys that this build does not know. Nulls are kept. */
  rest(): Record<string, Json> {
    return Object.fromEntries(Object.entries(this.values).filter(([key]) => !this.taken.has(key)))
  }

  /** `rest()` as an `extra` property, left out when there is nothing. */
  extra(): { extra?: Record<string, Json> } {
    const rest = this.rest()
    return Object.keys(rest).length === 0 ? {} : { extra: rest }
  }

  private missing(key: string): never {
    throw invalidMetadata(this.at(key), 'is missing')
  }
  private wrong(key: string, expected: string): never {
    throw invalidMetadata(this.at(key), `${shown(this.values[key])}, not ${expected}`)
  }
}

function isInt(value: Json): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value === (value | 0)
}

export function atKey(place: Place, key: string | number): Place {
  const step = typeof key === 'number' ? `[${key}]` : place.path === '' ? key : `.${key}`
  return { location: place.location, path: place.path + step }
}

/** An object of the properties that are not undefined. */
export function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const result: { [K in keyof T]?: Exclude<T[K], undefined> } = {}
  for (const key in values) {
    const value = values[key]
    if (value !== undefined) result[key] = value as Exclude<T[typeof key], undefined>
  }
  return result
}
