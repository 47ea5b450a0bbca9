import { IceboxError } from '../../base/index.ts'

export interface Hole {
  readonly offset: number
  readonly bytes: number
}

/** The free ranges of one slab, in order of offset; neighbours are always merged. */
export class HoleList {
  readonly sizeBytes: number
  #holes: Hole[]
  #freeBytes: number

  private constructor(sizeBytes: number, holes: Hole[], freeBytes: number) {
    this.sizeBytes = sizeBytes
    this.#holes = holes
    this.#freeBytes = freeBytes
  }

  static ofEmpty(sizeBytes: number): HoleList {
    return new HoleList(sizeBytes, [{ offset: 0, bytes: sizeBytes }], sizeBytes)
  }

  copy(): HoleList {
    return new HoleList(this.sizeBytes, [...this.#holes], this.#freeBytes)
  }

  get freeBytes(): number {
    return this.#freeBytes
  }

  get usedBytes(): number {
    return this.sizeBytes - this.#freeBytes
  }

  /** Where the smallest hole lies that has room, or undefined. */
  find(bytes: number): number | undefined {
    if (bytes > this.#freeBytes) return undefined
    let best: Hole | undefined
    for (const hole of this.#holes) {
      if (hole.bytes >= bytes && (best === undefined || hole.bytes < best.bytes)) best = hole
    }
    return best?.offset
  }

  /** Takes the beginning of the hole that lies at `offset`, as `find` told it. */
  take(offset: number, bytes: number): void {
    const at = this.#holes.findIndex((hole) => hole.offset === offset)
    const hole = this.#holes[at]
    if (hole === undefined || hole.bytes < bytes) throw damaged(`no hole of ${bytes} bytes at ${offset}`)
    const rest = { offset: offset + bytes, bytes: hole.bytes - bytes }
    this.#holes.splice(at, 1, ...(rest.bytes > 0 ? [rest] : []))
    this.#freeBytes -= bytes
  }

  free(offset: number, bytes: number): void {
    const found = this.#holes.findIndex((hole) => hole.offset > offset)
    const at = found === -1 ? this.#holes.length : found
    const before = this.#holes[at - 1]
    const after = this.#holes[at]
    const end = offset + bytes
    if (
      (before !== undefined && before.offset + before.bytes > offset) ||
      (after !== undefined && after.offset < end)
    ) {
      throw damaged(`${bytes} bytes at ${offset} are free already`)
    }
    const joinsBefore = before !== undefined && before.offset + before.bytes === offset
    const joinsAfter = after !== undefined && after.offset === end
    const from = joinsBefore ? before.offset : offset
    const to = joinsAfter ? after.offset + after.bytes : end
    this.#holes.splice(at - (joinsBefore ? 1 : 0), Number(joinsBefore) + Number(joinsAfter), {
      offset: from,
      bytes: to - from,
    })
    this.#freeBytes += bytes
  }
}

function damaged(what: string): IceboxError {
  return new IceboxError('internal/unreachable', {
    message: `a slab of the buffer pool: ${what}`,
    remedy: 'report this as a bug of Icebox',
  })
}
