import type { ChunkDividerOptions, ChunkDone, GroupFile, TextChunk } from './chunk-divider.ts'

/** What a thread that divides text starts with. */
export type DivideStart = ChunkDividerOptions
/** A chunk to divide, or the end. */
export type DivideRequest = TextChunk | 'finish'
/** One for each request, in their order. */
export type DivideReply =
  | { readonly done: ChunkDone }
  | { readonly files: readonly GroupFile[] }
  | { readonly failure: { readonly code: string | undefined; readonly message: string } }
