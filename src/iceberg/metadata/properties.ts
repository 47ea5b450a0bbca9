import { IceboxError } from '../../base/index.ts'

/** Properties that tables made by Icebox start with (I8): small commits leave 20 old metadata files, not all of them. */
export const CREATED_TABLE_PROPERTIES: Readonly<Record<string, string>> = {
  'write.metadata.delete-after-commit.enabled': 'true',
  'write.metadata.previous-versions-max': '20',
}

/** A whole number of a property, `fallback` where it is not set. Throws `iceberg/invalid-metadata` for anything else. */
export function integerProperty(
  properties: Readonly<Record<string, string>>,
  key: string,
  fallback: number,
  minimum = 0,
  maximum = Number.MAX_SAFE_INTEGER,
): number {
  const text = properties[key]
  if (text === undefined) return fallback
  const value = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < minimum || value > maximum) {
    const range = maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`
    throw new IceboxError('iceberg/invalid-metadata', {
      message: `table property ${key} is '${text}', not a whole number ${range}`,
      remedy: `set ${key} to a whole number, or remove it`,
      context: { property: key, value: text },
    })
  }
  return value
}

/** True for `true` in any case, as Java reads booleans; `fallback` where it is not set. */
export function booleanProperty(properties: Readonly<Record<string, string>>, key: string, fallback: boolean): boolean {
  const text = properties[key]
  return text === undefined ? fallback : text.trim().toLowerCase() === 'true'
}
