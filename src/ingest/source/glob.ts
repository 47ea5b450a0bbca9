/** True where a name holds wildcards: `*`, `?`, `[…]` or `{a,b}`. */
export function isGlob(path: string): boolean {
  return /[*?[\]{}]/.test(path)
}

/** The folder that all matches of a pattern lie below: the segments before the first with a wildcard. */
export function globRoot(pattern: string): string {
  const segments = pattern.split('/')
  const first = segments.findIndex(isGlob)
  return segments.slice(0, first < 0 ? -1 : first).join('/') || (pattern.startsWith('/') ? '/' : '.')
}

/** A pattern as an expression over whole paths: `*` and `?` stay in a segment, `**` crosses them. */
export function globExpression(pattern: string): RegExp {
  let source = ''
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] ?? ''
    if (character === '*') {
      if (pattern[at + 1] !== '*') source += '[^/]*'
      else if (pattern[at + 2] === '/') {
        source += '(?:.*/)?'
        at += 2
      } else {
        source += '.*'
        at++
      }
    } else if (character === '?') source += '[^/]'
    else if (character === '[') {
      const close = pattern.indexOf(']', at + 2)
      if (close < 0) source += '\\['
      else {
        source += `[${pattern
          .slice(at + 1, close)
          .replace(/^!/, '^')
          .replaceAll('\\', '\\\\')}]`
        at = close
      }
    } else if (character === '{' && pattern.indexOf('}', at) > 0) {
      const close = pattern.indexOf('}', at)
      const choices = pattern.slice(at + 1, close).split(',')
      source += `(?:${choices.map((choice) => globExpression(choice).source.slice(1, -1)).join('|')})`
      at = close
    } else source += character.replace(/[\\^$.|+()\]{}]/g, '\\$&')
  }
  return new RegExp(`^${source}$`)
}
