import type { ObjectStore } from '../../storage/index.ts'
import { readManifestBlocks, readSnapshotManifests } from '../manifest/index.ts'
import type { ManifestEntry, ManifestFile } from '../spec/manifest.ts'
import type { Snapshot } from '../spec/snapshot.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import type { ManifestCache } from './manifest-cache.ts'
import { type EntryBlock, PackedEntries, PlainBlock } from './packed-entries.ts'
import type { Schema } from '../spec/types.ts'
import { partitionType } from '../spec/partition.ts'
import { typeToString } from '../spec/type-text.ts'
import { schemaOf } from './snapshot-at.ts'

/** Where manifests of one table are read: from the cache, else from the store, counting what was read. */
export class ManifestSource {
  readonly #metadata: TableMetadata
  readonly #schema: Schema
  readonly #io: ObjectStore
  readonly #cache: ManifestCache | undefined
  readonly #signal: AbortSignal | undefined
  bytesRead = 0

  constructor(options: {
    readonly metadata: TableMetadata
    /** Types the partition values. Default: the current schema, which is not that of snapshots before a replacement. */
    readonly schema?: Schema | undefined
    readonly io: ObjectStore
    readonly cache?: ManifestCache | undefined
    readonly signal?: AbortSignal | undefined
  }) {
    this.#metadata = options.metadata
    this.#schema = options.schema ?? schemaOf(options.metadata)
    this.#io = options.io
    this.#cache = options.cache
    this.#signal = options.signal
  }

  /** The manifests of a snapshot, in the order of its manifest list. */
  async manifests(snapshot: Snapshot): Promise<readonly ManifestFile[]> {
    const list = snapshot.manifestList
    const known = list === undefined ? undefined : this.#cache?.manifests(list)
    if (known !== undefined) return known
    const manifests = await readSnapshotManifests(this.#io, snapshot, this.#options())
    if (list !== undefined) this.#cache?.putManifests(list, manifests)
    return manifests
  }

  /** The entries of a manifest one after another, deleted ones too; see {@link blocks}. */
  async *entries(manifest: ManifestFile): AsyncGenerator<ManifestEntry, void> {
    for await (const block of this.blocks(manifest)) {
      for (let at = 0; at < block.length; at++) yield block.entry(at)
    }
  }

  /**
   * The entries of a manifest, a block of the file at a time (all at once from the cache, so that walking them costs no turn
   * of the event loop each). Memory is that of a block, or of the whole where the cache keeps it. A reader that stops early
   * leaves the rest unread.
   */
  async *blocks(manifest: ManifestFile): AsyncGenerator<EntryBlock, void> {
    const key = this.#key(manifest)
    const known = this.#cache?.entries(key)
    if (known !== undefined) {
      yield known
      return
    }
    this.bytesRead += Number(manifest.manifestLength)
    const { partitionSpecs } = this.#metadata
    const blocks = readManifestBlocks(this.#io, manifest, partitionSpecs, this.#schema, this.#options())
    // What is gathered for the cache is bounded: unpacked entries are about ten times their bytes in the file.
    const isKept = this.#cache !== undefined && manifest.manifestLength * 10n <= this.#cache.maxItemBytes
    const kept: ManifestEntry[] = []
    for await (const block of blocks) {
      if (isKept) for (const entry of block) kept.push(entry)
      yield new PlainBlock(block)
    }
    if (isKept) this.#cache?.putEntries(key, new PackedEntries(kept))
  }

  /** What its entries are kept under: columns that were widened since have partition values of another type. */
  #key({ manifestPath, partitionSpecId }: ManifestFile): string {
    const spec = this.#metadata.partitionSpecs.find(({ specId }) => specId === partitionSpecId)
    const fields = spec === undefined ? [] : partitionType(spec, this.#schema)
    return [manifestPath, ...fields.map(({ type }) => typeToString(type))].join(' ')
  }

  #options(): { signal?: AbortSignal } {
    return this.#signal === undefined ? {} : { signal: this.#signal }
  }
}
