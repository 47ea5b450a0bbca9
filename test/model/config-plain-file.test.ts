import { array, assert, constantFrom, nat, oneof, property, tuple } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { renderDefaultFile } from '../../src/config/index.ts'
import { parseConfiguration } from '../../src/config/file.ts'
import { parsePlainConfiguration } from '../../src/config/plain-file.ts'

/** What the YAML parser makes of a text; undefined where it refuses it or finds its shape wrong. */
function byParser(text: string) {
  try {
    const { settings, problems } = parseConfiguration(text, 'icebox.yaml')
    return problems.length > 0 ? undefined : settings
  } catch {
    return undefined
  }
}

const names = [
  'performance',
  'memory',
  'max_usage',
  'max_spill',
  'query',
  'timeout',
  'monitoring',
  'enabled',
  'nonsense',
]
const values = [
  '1GB',
  '5s',
  'true',
  'null',
  '~',
  '"a"',
  'a: b',
  '0.8',
  '1e3',
  'x #y',
  'x#y',
  '-5',
  '[1]',
  '/tmp/a',
  '2024-01-01',
  '0o17',
  '',
]
const line = tuple(
  constantFrom('', '  ', '    ', '   ', '\t', '      '),
  constantFrom(...names, '# a comment', 'max_usage.x', '- max_usage'),
  constantFrom(...values),
  constantFrom('', '  # why', ' ', '\r'),
)
const text = array(line, { maxLength: 12 }).map((lines) =>
  lines
    .map(
      ([indent, name, value, end]) =>
        `${indent}${name}${name.startsWith('#') ? '' : `:${value === '' ? '' : ' '}${value}`}${end}`,
    )
    .join('\n'),
)

/** A small good file with a few lines of it changed, moved, taken out or added. */
const GOOD = [
  'performance:',
  '  memory:',
  '    max_usage: 1GB # budget',
  '    monitoring:',
  '      enabled: true',
  '',
  '    max_spill: auto',
  '# the rest',
  'query:',
  '    timeout: 5s',
]
const edited = array(tuple(nat(GOOD.length), nat(1), line), { maxLength: 3 }).map((edits) => {
  const lines = [...GOOD]
  for (const [at, removed, [indent, name, value, end]] of edits)
    lines.splice(at, removed, `${indent}${name}: ${value}${end}`)
  return lines.join('\n')
})

describe('the short cut around the YAML parser', () => {
  it('never reads a file in another way than the parser does', () => {
    let taken = 0
    assert(
      property(oneof(text, edited), (yaml) => {
        const plain = parsePlainConfiguration(yaml, 'icebox.yaml')
        if (plain === undefined) return
        if (plain.length > 0) taken++
        expect(plain).toEqual(byParser(yaml))
      }),
      { numRuns: 3000 },
    )
    // Otherwise this shows nothing.
    expect(taken).toBeGreaterThan(100)
  })

  it('takes the file that init writes, and one that was changed by hand', () => {
    const written = renderDefaultFile()
    const plain = parsePlainConfiguration(written, 'icebox.yaml')
    expect(plain).toHaveLength(28)
    expect(plain).toEqual(byParser(written))
    const changed = written.replace('max_usage: 1GB', 'max_usage: 512MB # small machine').replaceAll('\n', '\r\n')
    expect(parsePlainConfiguration(changed, 'icebox.yaml')).toEqual(byParser(changed))
    expect(parsePlainConfiguration(changed, 'icebox.yaml')?.[0]?.text).toBe('512MB')
  })
})
