import { setTimeout as delay } from 'node:timers/promises'
import { cancelledError, IceboxError, isIceboxError, messageOf, throwIfCancelled } from '../../base/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import type { Replacement, TableRequirement } from '../metadata/index.ts'
import { ManifestCache } from '../scan/index.ts'
import type { DataFile } from '../spec/manifest.ts'
import type { Snapshot } from '../spec/snapshot.ts'
import type { SortField } from '../spec/types.ts'
import type { LoadedTable } from '../table.ts'
import { Attempt, type TableAction } from './action.ts'
import { appendAction, type AppendOptions } from './append.ts'
import { deleteFilesAction, type DeleteFilesOptions } from './delete-files.ts'
import { overwriteAction, type OverwriteOptions } from './overwrite.ts'
import { outcomeOf, retryPolicy, waitBefore } from './policy.ts'
import { checkFilesStillFit } from './rebase.ts'
import { beginAnewAction, replaceTableAction } from './replace-table.ts'
import { removePropertiesAction, setPropertiesAction } from './properties.ts'
import type { SchemaUpdate } from './schema-update.ts'
import { replaceSortOrderAction } from './sort-order.ts'
import type { CommitTarget } from './target.ts'
import { updateSchemaAction } from './update-schema.ts'
import { type SpecUpdate, updateSpecAction } from './update-spec.ts'

export interface TransactionOptions {
  readonly target: CommitTarget
  readonly io: ObjectStore
  /** What the change was decided on: conflicts are judged from its snapshot. */
  readonly base: LoadedTable
  /** The table is staged: the commit makes it appear, and fails when it exists by then. */
  readonly creates?: boolean
  /** Settles when the data files that are added are on the disk: the commit waits for it before it names them. */
  readonly durable?: Promise<void>
  /** Shared with readers, it spares commits the reading of manifests that they wrote themselves. */
  readonly cache?: ManifestCache
  readonly signal?: AbortSignal
  /** Milliseconds from 1970. */
  readonly now?: () => number
  /** 0 to 1, for the waits between retries. */
  readonly random?: () => number
  readonly sleep?: (ms: number, signal: AbortSignal | undefined) => Promise<void>
  /** Told of files of a failed attempt that could not be removed; they are left to orphan removal. */
  readonly onCleanupFailure?: (error: unknown) => void
}

export interface CommitResult {
  readonly table: LoadedTable
  /** The last snapshot that the transaction made; undefined when it made none. */
  readonly snapshot?: Snapshot
  readonly retries: number
  readonly manifestsWritten: number
  /** Manifests and manifest lists of the attempt that was committed. */
  readonly bytesWritten: number
}

/** Enough for the manifests that one commit merges. */
const OWN_CACHE_BYTES = 4 * 1024 * 1024

/**
 * The only way to change a table: gathers actions and commits them together, all or nothing. When another writer is first,
 * the actions are applied again to the new state, unless that would break what they were decided on (`table/conflict`, I6).
 */
export class Transaction {
  readonly #options: TransactionOptions
  readonly #cache: ManifestCache
  readonly #actions: TableAction[] = []
  #addsFiles = false
  #changesSchemaOrSpec = false
  #isUsed = false

  constructor(options: TransactionOptions) {
    this.#options = options
    this.#cache = options.cache ?? new ManifestCache({ maxBytes: OWN_CACHE_BYTES })
  }

  /** Adds data files. */
  append(files: readonly DataFile[], options?: AppendOptions): this {
    this.#addsFiles ||= files.length > 0
    return this.#add(appendAction(files, options))
  }

  /** Puts files in the place of others, in one snapshot. */
  overwrite(options: OverwriteOptions): this {
    this.#addsFiles ||= options.added.length > 0
    return this.#add(overwriteAction(options))
  }

  /** Removes whole files. */
  deleteFiles(options: DeleteFilesOptions): this {
    return this.#add(deleteFilesAction(options))
  }

  /** Makes another table of it, with these rows (`replacementUpdates` says what stays). The files are of the new default spec. */
  replaceTable(replacement: Replacement, files: readonly DataFile[]): this {
    this.#addsFiles ||= files.length > 0
    this.#changesSchemaOrSpec = true
    return this.#add(replaceTableAction(replacement)).#add(beginAnewAction(files))
  }

  updateSchema(change: (update: SchemaUpdate) => void): this {
    this.#changesSchemaOrSpec = true
    return this.#add(updateSchemaAction(change))
  }

  updateSpec(change: (update: SpecUpdate) => void): this {
    this.#changesSchemaOrSpec = true
    return this.#add(updateSpecAction(change))
  }

  replaceSortOrder(fields: readonly SortField[]): this {
    return this.#add(replaceSortOrderAction(fields))
  }

  setProperties(set: Readonly<Record<string, string>>): this {
    return this.#add(setPropertiesAction(set))
  }

  removeProperties(keys: readonly string[]): this {
    return this.#add(removePropertiesAction(keys))
  }

  #add(action: TableAction): this {
    this.#refuseSecondUse()
    this.#actions.push(action)
    return this
  }

  #refuseSecondUse(): void {
    if (this.#isUsed) {
      throw new IceboxError('usage/invalid', {
        message: 'the transaction was committed already',
        remedy: 'begin a new one',
      })
    }
  }

  /**
   * Commits the actions. Retries by `commit.retry.*` while other writers are first. Rejects `table/conflict`,
   * `catalog/commit-conflict` when the retries are used up, `catalog/commit-unknown` when an answer was lost and the change
   * cannot be found in the table; then its files are left alone (I5, I7). After any other error nothing is left behind.
   */
  async commit(): Promise<CommitResult> {
    this.#refuseSecondUse()
    this.#isUsed = true
    const { signal, now = Date.now, random = Math.random, sleep = wait } = this.#options
    const startedMs = now()
    let base = this.#options.base
    for (let retries = 0; ; retries++) {
      throwIfCancelled(signal)
      const outcome = await this.#attempt(base)
      if (outcome.kind === 'committed') return { ...outcome.result, retries }
      const policy = retryPolicy(base.metadata.properties)
      const waitMs = waitBefore(policy, retries, random())
      const isLate = now() - startedMs + waitMs > policy.totalTimeoutMs
      if (this.#options.creates === true || retries >= policy.maxRetries || isLate) throw outcome.error
      await sleep(waitMs, signal)
      base = await this.#options.target.load()
      if (this.#addsFiles) {
        checkFilesStillFit(this.#options.base.metadata, base.metadata, this.#changesSchemaOrSpec)
      }
    }
  }

  async #attempt(base: LoadedTable): Promise<AttemptOutcome> {
    const { io, signal, now = Date.now, target, creates } = this.#options
    const attempt = new Attempt({
      base: base.metadata,
      startSnapshotId: this.#options.base.metadata.currentSnapshotId,
      io,
      cache: this.#cache,
      nowMs: now(),
      signal,
    })
    try {
      for (const action of this.#actions) await attempt.run(action)
      throwIfCancelled(signal)
    } catch (error) {
      await this.#removeFiles(attempt)
      throw error
    }
    if (attempt.updates.length === 0 && creates !== true) return committed(base, attempt)
    const requirements: readonly TableRequirement[] =
      creates === true ? [{ type: 'assert-create' }] : attempt.requirements()
    const durable = this.#durable(attempt)
    let unflushed: unknown
    durable.catch((error: unknown) => {
      unflushed = error
    })
    try {
      return committed(await target.commit(base, requirements, attempt.updates, durable), attempt)
    } catch (error) {
      // What could not be flushed was not committed, whatever the error is.
      const outcome = error === unflushed ? 'failed' : outcomeOf(error)
      if (outcome === 'unknown') return committed(await this.#lookUp(attempt, error), attempt)
      await this.#removeFiles(attempt)
      if (outcome === 'failed') throw error
      return { kind: 'lost', error }
    }
  }

  async #durable(attempt: Attempt): Promise<void> {
    await Promise.all([this.#options.durable, attempt.durable()])
  }

  /** The table when it holds what the attempt committed; else throws, and the files stay, since the commit may still land. */
  async #lookUp(attempt: Attempt, cause: unknown): Promise<LoadedTable> {
    let table: LoadedTable
    try {
      table = await this.#options.target.load()
    } catch (error) {
      throw unknownCommit(cause, `and the table could not be read to look: ${messageOf(error)}`)
    }
    if (isApplied(table, attempt, cause)) return table
    throw unknownCommit(cause, 'and the table does not show the change; its files are left in place')
  }

  /**
   * Files of an attempt that surely failed (I7). One that cannot be removed now is left to orphan removal: the error that
   * ended the attempt matters more, so a failure here is reported beside it and does not replace it.
   */
  async #removeFiles(attempt: Attempt): Promise<void> {
    if (attempt.files.length === 0) return
    await attempt.settled()
    try {
      await this.#options.io.delete(attempt.files)
    } catch (error) {
      this.#options.onCleanupFailure?.(error)
    }
  }
}

type AttemptOutcome =
  | { readonly kind: 'committed'; readonly result: Omit<CommitResult, 'retries'> }
  | { readonly kind: 'lost'; readonly error: unknown }

function committed(table: LoadedTable, attempt: Attempt): AttemptOutcome {
  const last = attempt.snapshotIds.at(-1)
  const snapshot = table.metadata.snapshots.findLast((known) => known.snapshotId === last)
  const { manifestsWritten, bytesWritten } = attempt
  return {
    kind: 'committed',
    result: { table, manifestsWritten, bytesWritten, ...(snapshot === undefined ? {} : { snapshot }) },
  }
}

/** By the snapshots of the attempt; for one without, by the metadata file that the error names, current or in the log. */
function isApplied(table: LoadedTable, attempt: Attempt, cause: unknown): boolean {
  const { snapshots, metadataLog } = table.metadata
  const [first] = attempt.snapshotIds
  if (first !== undefined) return snapshots.some((snapshot) => snapshot.snapshotId === first)
  const location = isIceboxError(cause) ? cause.context['metadataLocation'] : undefined
  if (typeof location !== 'string') return false
  return table.metadataLocation === location || metadataLog.some((entry) => entry.metadataFile === location)
}

function unknownCommit(cause: unknown, what: string): IceboxError {
  return new IceboxError('catalog/commit-unknown', {
    message: `the answer of the commit was lost (${messageOf(cause)}), ${what}`,
    remedy: 'look at the table before repeating the change',
    cause,
  })
}

async function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    throw signal?.aborted === true ? cancelledError(signal) : error
  }
}
