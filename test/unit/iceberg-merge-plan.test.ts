import { describe, expect, it } from 'vitest'
import { type MergeCandidate, mergeSettings, planManifestMerges } from '../../src/iceberg/transaction/merge-plan.ts'

const settings = { isEnabled: true, minCount: 10, targetBytes: 8_000_000 }
const small = (files = 1, sizeBytes = 4000): MergeCandidate => ({ specId: 0, content: 'data', files, sizeBytes })

/** Appends one at a time and merges as the plan says; returns how many manifests and how many entries were written. */
function simulate(commits: number, with_ = settings) {
  let manifests: MergeCandidate[] = []
  let entriesWritten = 0
  let most = 0
  for (let n = 0; n < commits; n++) {
    manifests = [small(), ...manifests]
    const groups = planManifestMerges(manifests, with_)
    const merged = groups.map((group) => {
      const members = group.flatMap((at) => manifests[at] ?? [])
      const files = members.reduce((sum, member) => sum + member.files, 0)
      return small(files, 4000 + files * 100)
    })
    const gone = new Set(groups.flat())
    entriesWritten += gone.has(0) ? 0 : 1
    entriesWritten += merged.reduce((sum, member) => sum + member.files, 0)
    manifests = [...merged, ...manifests.filter((_, at) => !gone.has(at))]
    most = Math.max(most, manifests.length)
  }
  return { manifests, entriesWritten, most }
}

describe('planManifestMerges (I12)', () => {
  it('keeps the manifests of 1,000 small commits few, and rewrites each entry about three times', () => {
    const { manifests, entriesWritten, most } = simulate(1000)
    expect(manifests.reduce((sum, manifest) => sum + manifest.files, 0)).toBe(1000)
    expect(manifests).toHaveLength(1)
    expect(most).toBeLessThanOrEqual(27)
    expect(entriesWritten).toBeLessThanOrEqual(4000)
  })

  it('never makes a manifest larger than the target, and still fills it', () => {
    const { manifests } = simulate(1000, { ...settings, targetBytes: 50_000 })
    expect(Math.max(...manifests.map((manifest) => manifest.sizeBytes))).toBeLessThanOrEqual(50_000)
    expect(manifests.length).toBeLessThanOrEqual(30)
  })

  it('does not merge manifests of different specs or contents', () => {
    const mixed = Array.from({ length: 18 }, (_, at) => ({ ...small(), specId: at % 2 }))
    expect(planManifestMerges(mixed, settings)).toEqual([])
    const deletes = Array.from({ length: 18 }, (_, at) => ({
      ...small(),
      content: at % 2 === 0 ? ('data' as const) : ('deletes' as const),
    }))
    expect(planManifestMerges(deletes, settings)).toEqual([])
  })

  it('merges in one step what completes the next size class', () => {
    const nineTens = Array.from({ length: 9 }, () => small(10, 5000))
    const tenOnes = Array.from({ length: 10 }, () => small())
    const groups = planManifestMerges([...tenOnes, ...nineTens], settings)
    expect(groups).toHaveLength(1)
    expect(groups[0]).toHaveLength(19)
  })

  it('leaves large manifests alone when a small one comes', () => {
    expect(planManifestMerges([small(), small(60_000, 7_900_000), small(60_000, 7_900_000)], settings)).toEqual([])
  })

  it('reads its settings, and does nothing when merging is off', () => {
    expect(mergeSettings({})).toEqual({ isEnabled: true, minCount: 10, targetBytes: 8_388_608 })
    const off = mergeSettings({ 'commit.manifest-merge.enabled': 'false', 'commit.manifest.min-count-to-merge': '2' })
    expect(planManifestMerges([small(), small(), small()], off)).toEqual([])
    expect(() => mergeSettings({ 'commit.manifest.target-size-bytes': 'big' })).toThrow("'big'")
  })
})
