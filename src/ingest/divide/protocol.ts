import type { ChunkDone, GroupFile, TextChunk } from './chunk-divider.ts'

/** A chunk to divide, or the end. */
export type DivideRequest = TextChunk | 'finish'
/** One for each request, in their order. */
export type DivideReply =
  | { readonly done: ChunkDone }
  | { readonly files: readonly GroupFile[] }
  | { readonly failure: { readonly code: string | undefined; readonly message: string } }
