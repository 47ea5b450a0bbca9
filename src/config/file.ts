import { isAlias, isMap, isScalar, LineCounter, type Node, parseDocument, type Scalar } from 'yaml'
import { type IceboxError, shownValue } from '../base/index.ts'
import { isKeyName, KEY_NAMES } from './keys.ts'
import { misplaced, unreadableFile } from './problems.ts'
import { originText, type Setting } from './sources.ts'

/** Settings of a YAML text, and what is wrong with its shape. Throws `config/unreadable` for a text that is no YAML. Pure. */
export function parseConfiguration(text: string, path: string): { settings: Setting[]; problems: IceboxError[] } {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const broken = document.errors[0]
  if (broken !== undefined) {
    const line = lines.linePos(broken.pos[0]).line
    throw unreadableFile(path, `is not YAML: ${broken.message} (line ${line})`, broken, line)
  }
  const settings: Setting[] = []
  const problems: IceboxError[] = []
  const lineOf = (node: unknown): number => lines.linePos(offsetOf(node) ?? 0).line

  const visit = (node: unknown, key: string, keyNode: unknown): void => {
    const target = isAlias(node) ? node.resolve(document) : node
    const origin = { kind: 'file', path, line: lineOf(keyNode) } as const
    if (isMap(target)) {
      if (isKeyName(key)) {
        problems.push(misplaced(key, '{…}', origin, `${key} is a section`, `write one value for ${key}`))
        return
      }
      for (const pair of target.items) {
        const name = isScalar(pair.key) ? scalarText(pair.key) : '?'
        visit(pair.value, key === '' ? name : `${key}.${name}`, pair.key)
      }
      return
    }
    const isSection = key === '' || KEY_NAMES.some((each) => each.startsWith(`${key}.`))
    const value = isScalar(target) ? target.value : undefined
    const isEmpty = target === null || value === null
    // A section without keys says nothing wrong.
    if (isSection && isEmpty) return
    if (isSection || !(isEmpty || isScalar(target))) {
      const what = isSection ? 'is a section, not a value' : 'is a list'
      const remedy = isSection ? `write its keys below it: ${keysOf(key).join(', ')}` : 'write one value'
      problems.push(
        misplaced(key, isScalar(target) ? scalarText(target) : '[…]', origin, `${key || path} ${what}`, remedy),
      )
      return
    }
    settings.push({ key, text: isScalar(target) && !isEmpty ? scalarText(target) : '', origin })
  }
  const root = document.contents
  if (root !== null && !isMap(root) && !(isScalar(root) && root.value === null)) {
    const what = isScalar(root) ? `one value, ${shownValue(scalarText(root))}` : 'a list'
    throw unreadableFile(
      path,
      `holds ${what}, where keys and their values are expected (line ${lineOf(root)})`,
      undefined,
      lineOf(root),
    )
  }
  visit(root, '', root)
  return { settings, problems: [...problems, ...twice(settings)] }
}

/** A key that is written with dots and again below its sections: YAML sees two names there, and one value would be lost. */
function twice(settings: readonly Setting[]): IceboxError[] {
  const first = new Map<string, Setting>()
  return settings.flatMap((setting) => {
    const { key, text, origin } = setting
    const before = first.get(key)
    if (before === undefined) {
      first.set(key, setting)
      return []
    }
    const message = `${key} is '${text}', and is '${before.text}' already: ${originText(before.origin)}`
    return [misplaced(key, text, origin, message, 'keep one of the two')]
  })
}

/** The text as it was written: 1.0 stays 1.0, and a number too long for a double keeps its digits. */
function scalarText(scalar: Scalar): string {
  return typeof scalar.value === 'string' ? scalar.value : (scalar.source ?? JSON.stringify(scalar.value))
}

function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isAlias(value)
}

function keysOf(section: string): string[] {
  const prefix = section === '' ? '' : `${section}.`
  return KEY_NAMES.filter((each) => each.startsWith(prefix)).slice(0, 3)
}
