import { isKeyName, KEY_NAMES } from './keys.ts'
import type { Setting } from './sources.ts'

/** Indentation, key, value, comment: all that the file of `icebox init` uses, and what people mostly change in it. */
const LINE = /^( *)([a-z_][a-z0-9_]*):(?: +([a-z0-9/][a-z0-9_./+-]*))?(?: +#.*| *)$/i
const COMMENT = /^ *(?:#.*)?$/
const NULL = /^null$/i

interface OpenSection {
  readonly indent: number
  readonly prefix: string
  readonly names: Set<string>
}

/**
 * Settings of a file that is only nested keys with plain values, read without the YAML parser, which takes longer to load
 * (20 to 50 ms) than a small command to run. Undefined for anything else, right or wrong: then the parser decides. Pure.
 */
export function parsePlainConfiguration(text: string, path: string): Setting[] | undefined {
  const settings: Setting[] = []
  const open: OpenSection[] = [{ indent: 0, prefix: '', names: new Set() }]
  // A section whose first line below it sets its indentation.
  let pending: string | undefined
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (COMMENT.test(line)) continue
    const match = LINE.exec(line)
    if (match === null) return undefined
    const indent = match[1]?.length ?? 0
    const name = match[2] ?? ''
    const value = match[3]
    if (pending !== undefined && indent > (open.at(-1)?.indent ?? 0)) {
      open.push({ indent, prefix: `${pending}.`, names: new Set() })
    }
    while (open.length > 1 && indent < (open.at(-1)?.indent ?? 0)) open.pop()
    const section = open.at(-1)
    if (section === undefined || section.indent !== indent || section.names.has(name)) return undefined
    section.names.add(name)
    const key = section.prefix + name
    const isSection = KEY_NAMES.some((each) => each.startsWith(`${key}.`))
    // Shapes that are wrong, and those that only the parser knows.
    if (value === undefined ? !isSection : isSection || NULL.test(value)) return undefined
    pending = value === undefined ? key : undefined
    if (value !== undefined) settings.push({ key, text: value, origin: { kind: 'file', path, line: index + 1 } })
  }
  return settings.every(({ key }) => isKeyName(key) || !KEY_NAMES.some((each) => key.startsWith(`${each}.`)))
    ? settings
    : undefined
}
