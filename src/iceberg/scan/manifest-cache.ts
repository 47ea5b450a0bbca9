import type { ManifestFile } from '../spec/manifest.ts'
import type { PackedEntries } from './packed-entries.ts'

/**
 * Parsed manifests and manifest lists by location (manifests by the types of their partition values too), the least recently
 * used dropped first. What they hold never changes, so an entry is never stale. Bytes are an estimate of the heap that the parsed form takes.
 */
export class ManifestCache {
  readonly #limit: () => number
  readonly #items = new Map<string, CacheItem>()
  #bytes = 0

  /** `maxBytes` as a function is asked whenever something is kept: a limit that follows a budget. */
  constructor(options: { readonly maxBytes: number | (() => number) }) {
    const { maxBytes } = options
    this.#limit = typeof maxBytes === 'number' ? () => maxBytes : maxBytes
  }

  get maxBytes(): number {
    return this.#limit()
  }

  /** Estimated heap bytes held. */
  get bytes(): number {
    return this.#bytes
  }

  /** A single item above this share of the cache is not kept: it would push out everything else. */
  get maxItemBytes(): number {
    return Math.floor(this.maxBytes / 4)
  }

  /** The entries of a whole manifest. */
  entries(key: string): PackedEntries | undefined {
    const item = this.#touch(key)
    return item?.kind === 'entries' ? item.entries : undefined
  }

  manifests(manifestList: string): readonly ManifestFile[] | undefined {
    const item = this.#touch(manifestList)
    return item?.kind === 'manifests' ? item.manifests : undefined
  }

  putEntries(key: string, entries: PackedEntries): void {
    this.#put(key, { kind: 'entries', entries, bytes: entries.bytes })
  }

  putManifests(manifestList: string, manifests: readonly ManifestFile[]): void {
    const bytes = manifests.reduce((sum, manifest) => sum + manifestBytes(manifest), 200)
    this.#put(manifestList, { kind: 'manifests', manifests, bytes })
  }

  /** Drops the least recently used until at most `bytes` are held; 0 empties the cache (memory pressure). */
  trim(bytes: number): void {
    for (const [path, item] of this.#items) {
      if (this.#bytes <= bytes) return
      this.#items.delete(path)
      this.#bytes -= item.bytes
    }
  }

  #touch(path: string): CacheItem | undefined {
    const item = this.#items.get(path)
    if (item === undefined) return undefined
    this.#items.delete(path)
    this.#items.set(path, item)
    return item
  }

  #put(path: string, item: CacheItem): void {
    const old = this.#items.get(path)
    if (old !== undefined) {
      this.#items.delete(path)
      this.#bytes -= old.bytes
    }
    if (item.bytes > this.maxItemBytes) return
    this.trim(this.maxBytes - item.bytes)
    this.#items.set(path, item)
    this.#bytes += item.bytes
  }
}

type CacheItem =
  | { readonly kind: 'entries'; readonly entries: PackedEntries; readonly bytes: number }
  | { readonly kind: 'manifests'; readonly manifests: readonly ManifestFile[]; readonly bytes: number }

function manifestBytes(manifest: ManifestFile): number {
  return 500 + manifest.manifestPath.length + (manifest.partitions?.length ?? 0) * 320
}
