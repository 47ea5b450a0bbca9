/** Names compared at most, and characters of each: suggestions are a courtesy and must stay cheap. */
const MAX_CANDIDATES = 5000
const MAX_LENGTH = 128
/** Typing errors in a long name; more of them make another name. */
const MAX_ERRORS = 4

/**
 * The candidates that a person most likely meant by `wanted`, best first: equal but for case, then few typing errors
 * (insertion, deletion, replacement, swap of neighbours; up to a third of the name), then one that begins with
 * the other. What is much farther than the best is left out, and what has not half of its characters in common.
 */
export function nearestNames(wanted: string, candidates: Iterable<string>, limit = 3): string[] {
  const target = wanted.toLowerCase().slice(0, MAX_LENGTH)
  const most = Math.min(MAX_ERRORS, Math.max(1, Math.floor(target.length / 3)))
  const scored: { name: string; score: number }[] = []
  let seen = 0
  for (const name of candidates) {
    if (seen++ >= MAX_CANDIDATES) break
    const other = name.toLowerCase().slice(0, MAX_LENGTH)
    const distance = Math.abs(other.length - target.length) > most ? Infinity : editDistance(target, other)
    const isPrefix = target.length >= 2 && other.length >= 2 && (other.startsWith(target) || target.startsWith(other))
    const isAlike = distance * 2 <= Math.max(target.length, other.length)
    if (distance <= most && isAlike) scored.push({ name, score: distance })
    else if (isPrefix) scored.push({ name, score: most + Math.abs(other.length - target.length) })
  }
  const best = Math.min(...scored.map(({ score }) => score))
  return scored
    .filter(({ score }) => score <= best * 2 + 1)
    .sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1))
    .slice(0, limit)
    .map(({ name }) => name)
}

/** Optimal string alignment distance. */
function editDistance(a: string, b: string): number {
  let twoBack: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      let cost = Math.min((row[j - 1] ?? 0) + 1, (previous[j] ?? 0) + 1, (previous[j - 1] ?? 0) + (isSame ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (twoBack[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    twoBack = previous
    previous = row
  }
  return previous[b.length] ?? 0
}
