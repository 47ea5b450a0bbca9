import { typeText } from './key-types.ts'
import { KEY_NAMES, specOf } from './keys.ts'

const WIDTH = 100

/**
 * The text of an icebox.yaml with every key at its default, or at the value given, and a comment each, as `icebox init`
 * writes it.
 */
export function renderDefaultFile(values: Readonly<Record<string, string>> = {}): string {
  const lines = [
    '# Configuration of this Icebox lakehouse. The folder of this file is the lakehouse.',
    '# Every key can also be set by environment (ICEBOX_PERFORMANCE__MEMORY__MAX_USAGE=512MB) or flag',
    '# (--set performance.memory.max_usage=512MB); a flag goes before the environment, that before this file.',
    '# Sizes: 256MB (powers of ten), 256MiB (powers of two). Durations: 250ms, 5s, 3m, 24h, 7d.',
  ]
  let open: readonly string[] = []
  for (const key of KEY_NAMES) {
    const parts = key.split('.')
    const sections = parts.slice(0, -1)
    let shared = 0
    while (shared < sections.length && sections[shared] === open[shared]) shared++
    for (let depth = shared; depth < sections.length; depth++) {
      if (depth === 0) lines.push('')
      lines.push(`${indent(depth)}${sections[depth]}:`)
    }
    open = sections
    const spec = specOf(key)
    const later = spec.part === undefined ? '' : ` (Takes effect with ${spec.part}.)`
    const pad = indent(sections.length)
    lines.push(
      ...wrap(`${spec.effect}${later} [${typeText(spec)}]`, WIDTH - pad.length - 2).map((line) => `${pad}# ${line}`),
    )
    lines.push(`${pad}${parts.at(-1)}: ${scalar(values[key] ?? spec.default)}`)
  }
  return `${lines.join('\n')}\n`
}

/** Quoted where YAML would read something else into it: a path with a space and a number sign, say. */
function scalar(text: string): string {
  return /^[a-z0-9/][a-z0-9_./+,-]*$/i.test(text) && text.toLowerCase() !== 'null' ? text : JSON.stringify(text)
}

function indent(depth: number): string {
  return '  '.repeat(depth)
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
