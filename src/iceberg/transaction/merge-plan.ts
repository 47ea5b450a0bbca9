import { booleanProperty, integerProperty } from '../metadata/index.ts'
import type { ManifestFile } from '../spec/manifest.ts'

export interface MergeSettings {
  readonly isEnabled: boolean
  /** Manifests of about the same size that must gather before they are merged. */
  readonly minCount: number
  readonly targetBytes: number
}

/** What the planner knows of a manifest, written already or about to be. */
export interface MergeCandidate {
  readonly specId: number
  readonly content: ManifestFile['content']
  readonly files: number
  readonly sizeBytes: number
}

/**
 * `commit.manifest-merge.enabled`, `commit.manifest.min-count-to-merge`, `commit.manifest.target-size-bytes`. The reference
 * implementation waits for 100 manifests and then rewrites them all, the large one too, each time. Merging only manifests of
 * like size keeps both low: of 1,000 small commits 10 manifests at most remain a size class, and each entry is rewritten
 * three times; so the default here is 10.
 */
export function mergeSettings(properties: Readonly<Record<string, string>>): MergeSettings {
  return {
    isEnabled: booleanProperty(properties, 'commit.manifest-merge.enabled', true),
    minCount: Math.max(2, integerProperty(properties, 'commit.manifest.min-count-to-merge', 10)),
    targetBytes: integerProperty(properties, 'commit.manifest.target-size-bytes', 8 * 1024 * 1024, 1),
  }
}

/**
 * Groups of candidates to merge, each into one manifest (I12). Candidates of one spec and content fall into size classes by
 * number of files, powers of `minCount`; a class with `minCount` members is merged, and the result may complete the next
 * class, all in one rewrite. No group is larger than `targetBytes`. Pure: returns places in `candidates`.
 */
export function planManifestMerges(candidates: readonly MergeCandidate[], settings: MergeSettings): number[][] {
  if (!settings.isEnabled) return []
  const classes = new Map<string, Group[]>()
  const groups: Group[] = []
  const place = (group: Group) => {
    const key = `${group.specId}/${group.content}/${sizeClass(group.files, settings.minCount)}`
    const members = [...(classes.get(key) ?? []), group]
    const fitting = withinBytes(members, settings.targetBytes)
    // A class that fills a whole manifest is merged too, however few its members.
    const fills = fitting.length > 1 && fitting.length < members.length && bytesOf(fitting) * 2 >= settings.targetBytes
    if (fitting.length < settings.minCount && !fills) {
      classes.set(key, members)
      return
    }
    classes.set(
      key,
      members.filter((member) => !fitting.includes(member)),
    )
    place(union(fitting))
  }
  candidates.forEach((candidate, at) => place({ ...candidate, members: [at] }))
  for (const members of classes.values()) groups.push(...members)
  return groups.filter((group) => group.members.length > 1).map((group) => group.members)
}

interface Group extends MergeCandidate {
  readonly members: number[]
}

function sizeClass(files: number, base: number): number {
  let size = 0
  for (let left = Math.max(1, files); left >= base; left = Math.floor(left / base)) size++
  return size
}

/** As many members as fit the target, the smallest first. */
function withinBytes(members: readonly Group[], targetBytes: number): Group[] {
  const fitting: Group[] = []
  let sizeBytes = 0
  for (const member of [...members].sort((a, b) => a.sizeBytes - b.sizeBytes)) {
    if (sizeBytes + member.sizeBytes > targetBytes) break
    sizeBytes += member.sizeBytes
    fitting.push(member)
  }
  return fitting
}

function bytesOf(groups: readonly Group[]): number {
  return groups.reduce((sum, group) => sum + group.sizeBytes, 0)
}

function union(groups: readonly Group[]): Group {
  const [first] = groups
  return {
    specId: first?.specId ?? 0,
    content: first?.content ?? 'data',
    files: groups.reduce((sum, group) => sum + group.files, 0),
    sizeBytes: bytesOf(groups),
    members: groups.flatMap((group) => group.members),
  }
}
