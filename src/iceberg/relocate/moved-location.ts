import { normalizeLocation } from '../../storage/index.ts'

/** The old root of what was moved and the new one; both as locations without a slash at the end. */
export interface MovedLocation {
  readonly from: string
  readonly to: string
}

/** A location below the old root, under the new one; any other location as it is. Spellings of `file:` do not matter. */
export function movedLocation(location: string, moved: MovedLocation): string {
  const from = normalizeLocation(moved.from)
  const path = normalizeLocation(location)
  if (path === from) return moved.to
  return path.startsWith(`${from}/`) ? moved.to + path.slice(from.length) : location
}
