/**
 * Bytes outside the V8 heap that are held until they are released. A handle, not a bare view: an allocator may move a
 * lease while nobody has it pinned.
 */
export interface Lease extends Disposable {
  /** Bytes asked for; what lies behind them is not to be touched. */
  readonly byteLength: number
  /** Keeps the bytes where they are, and shows them. Nests; each `pin` needs its `unpin`. */
  pin(): Uint8Array<ArrayBuffer>
  unpin(): void
  /** Gives the bytes back. A second call does nothing. A view taken before must not be used afterwards. */
  release(): void
}

/** Where buffers come from: Arrow messages, spool segments, files of metadata, ranges of objects. */
export interface BufferAllocator {
  /** Rejects (throws) `memory/refused` when the bytes cannot be had. `consumer` is who is billed: `query 3/arrow`. */
  lease(byteLength: number, consumer: string): Lease
}
