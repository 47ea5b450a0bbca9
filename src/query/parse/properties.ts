import { nameOf, stringValue } from '../text/tokenizer.ts'
import type { Cursor } from './cursor.ts'

/** `('k' = 'v', a.b = 1, c true)`: keys and values as text. */
export function parseProperties(cursor: Cursor): Record<string, string> {
  const properties: Record<string, string> = {}
  cursor.list(() => {
    const key = propertyKey(cursor)
    if (!cursor.acceptText('=')) cursor.acceptText('=>')
    properties[key] = propertyValue(cursor)
  })
  return properties
}

export function propertyKey(cursor: Cursor): string {
  const text = stringValue(cursor.peek())
  if (text !== undefined) {
    cursor.next()
    return text
  }
  let key = cursor.name('the name of a property')
  while (cursor.acceptText('.')) key += `.${cursor.name('the name of a property')}`
  return key
}

export function propertyValue(cursor: Cursor): string {
  const token = cursor.peek()
  const isNegative = token?.text === '-' && cursor.peek(1)?.kind === 'number'
  if (isNegative) cursor.next()
  const value = cursor.peek()
  const text = stringValue(value) ?? (value?.kind === 'number' ? value.text : nameOf(value))
  if (text === undefined) throw cursor.error('expected a value: text in quotes, a number, true or false')
  cursor.next()
  return isNegative ? `-${text}` : text
}

/** `ARRAY['day(ts)', 'x']` or `['day(ts)']`, as Trino writes partitioning; undefined where there is no list. */
export function listValue(cursor: Cursor): string[] | undefined {
  const isArray = cursor.sees('ARRAY') && cursor.peek(1)?.text === '['
  if (isArray) cursor.next()
  if (!cursor.acceptText('[')) return undefined
  const items: string[] = []
  if (cursor.acceptText(']')) return items
  do items.push(cursor.string('an element'))
  while (cursor.acceptText(','))
  cursor.expectText(']')
  return items
}
