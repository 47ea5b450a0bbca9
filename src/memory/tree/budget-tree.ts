/** What one part of the process tree holds: its own bytes and those of the parts below it. */
export interface BudgetNode {
  readonly name: string
  /** `ownBytes` and the held bytes of all children. */
  readonly heldBytes: number
  readonly ownBytes: number
  /** The most that this part may hold, where it has a limit of its own. */
  readonly limitBytes: number | undefined
  readonly children: readonly BudgetNode[]
}

interface Part {
  readonly name: string
  readonly parent: Part | undefined
  readonly children: Map<string, Part>
  ownBytes: number
  heldBytes: number
  limitBytes: number | undefined
}

/**
 * Bytes by path (`import 3/staging`). A part holds what is its own and what its children hold, after every call;
 * parts that hold nothing and have no limit are not kept.
 */
export class BudgetTree {
  readonly #root: Part

  constructor(name: string) {
    this.#root = part(name, undefined)
  }

  get heldBytes(): number {
    return this.#root.heldBytes
  }

  /** What the part and all below it hold; 0 where there is none. */
  heldBy(path: string): number {
    return this.#find(path)?.heldBytes ?? 0
  }

  /** The part itself holds so many bytes more (or less). */
  change(path: string, bytes: number): void {
    const target = this.#make(path)
    target.ownBytes += bytes
    for (let each: Part | undefined = target; each !== undefined; each = each.parent) each.heldBytes += bytes
    this.#prune(target)
  }

  /** Gives a part a limit of its own, or takes it away. */
  limit(path: string, bytes: number | undefined): void {
    const target = this.#make(path)
    target.limitBytes = bytes
    this.#prune(target)
  }

  /** The limit on the way to a part that leaves it least, and what it leaves; undefined where there is none. */
  tightest(
    path: string,
  ): { readonly path: string; readonly limitBytes: number; readonly freeBytes: number } | undefined {
    let found: { path: string; limitBytes: number; freeBytes: number } | undefined
    let at: Part | undefined = this.#root
    for (const level of levelsOf(path)) {
      at = at.children.get(lastName(level))
      if (at === undefined) break
      if (at.limitBytes === undefined) continue
      const freeBytes = at.limitBytes - at.heldBytes
      if (found === undefined || freeBytes < found.freeBytes) {
        found = { path: level, limitBytes: at.limitBytes, freeBytes }
      }
    }
    return found
  }

  /** The smallest limit on the way to a part: waiting never gives it more. */
  leastLimit(path: string): number {
    let least = Number.POSITIVE_INFINITY
    let at: Part | undefined = this.#root
    for (const name of path.split('/')) {
      at = at.children.get(name)
      if (at === undefined) break
      least = Math.min(least, at.limitBytes ?? least)
    }
    return least
  }

  /** The tree as a value, children that hold most first. */
  snapshot(): BudgetNode {
    return snapshotOf(this.#root)
  }

  #find(path: string): Part | undefined {
    let at: Part | undefined = this.#root
    for (const name of path.split('/')) at = at?.children.get(name)
    return at
  }

  #make(path: string): Part {
    let at = this.#root
    for (const name of path.split('/')) {
      const child = at.children.get(name) ?? part(name, at)
      at.children.set(name, child)
      at = child
    }
    return at
  }

  #prune(from: Part): void {
    for (let at = from; at.parent !== undefined; at = at.parent) {
      if (at.heldBytes !== 0 || at.ownBytes !== 0 || at.limitBytes !== undefined || at.children.size > 0) return
      at.parent.children.delete(at.name)
    }
  }
}

/** `a/b/c` is `a`, `a/b` and `a/b/c`. */
export function levelsOf(path: string): string[] {
  const levels: string[] = []
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    levels.push(path.slice(0, slash))
  }
  levels.push(path)
  return levels
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function part(name: string, parent: Part | undefined): Part {
  return { name, parent, children: new Map(), ownBytes: 0, heldBytes: 0, limitBytes: undefined }
}

function snapshotOf({ name, ownBytes, heldBytes, limitBytes, children }: Part): BudgetNode {
  const below = [...children.values()].map(snapshotOf).toSorted((a, b) => b.heldBytes - a.heldBytes)
  return { name, heldBytes, ownBytes, limitBytes, children: below }
}
