import type { EngineSession } from '../../engine/index.ts'

/** Rows that can be divided by their partition as text, before anything is read from them. */
export interface DividableText {
  /**
   * Puts the records into files of a folder by what their partition seems to be; the largest group comes first. Rejects
   * {@link NotDividable}, `storage/*`, `cancelled`.
   */
  divide(folder: string, onProgress: (fraction: number) => void): Promise<readonly TextGroup[]>
  /** SQL of the rows of such files, with the columns of the whole. */
  select(paths: readonly string[]): string
  /** Groups are copied side by side, each in a session. */
  openSession(): Promise<EngineSession>
}

/** The records of a group, in one file or several. */
export interface TextGroup {
  readonly paths: readonly string[]
  readonly bytes: number
  /** Records that do not seem to share a partition. */
  readonly isOthers: boolean
}

/** The text cannot be divided, or not now, for the reason in the message: its rows are to be read as a whole. */
export class NotDividable extends Error {}
