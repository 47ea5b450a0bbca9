import { rm } from 'node:fs/promises'
import { formatBytes, IceboxError, isIceboxError, throwIfCancelled } from '../../base/index.ts'
import { commitTarget } from '../../catalog/index.ts'
import type { EngineSession, RunOptions } from '../../engine/index.ts'
import { type CommitResult, Transaction } from '../../iceberg/index.ts'
import { advised, planCopy } from '../../memory/index.ts'
import { localPath } from '../../storage/index.ts'
import { arrowBatches } from '../arrow/arrow-batches.ts'
import { KEY_PROPERTY, SOURCE_PROPERTY } from '../plan/import-key.ts'
import type { ImportPlan } from '../plan/import-plan.ts'
import type { IngestServices } from '../plan/services.ts'
import { type Pipe, STANDARD_INPUT } from '../source/pipe.ts'
import type { SourceDescription } from '../read/description.ts'
import { READ_AS_TEXT } from '../read/csv-select.ts'
import { isUnknownField } from '../read/json-faults.ts'
import { faultIn } from '../read/json-lines.ts'
import { fromStart, ofStandardInput } from '../source/pipe-errors.ts'
import { allowedBytes, isWide, refuseLongLines, withLineSizes } from '../read/line-sizes.ts'
import { ARROW_TABLE, type SelectOptions, sourceSelect } from '../read/source-select.ts'
import { quoteIdentifier } from '../sql.ts'
import { emptySource } from '../inspect/csv.ts'
import { type WriteResult, writeDataFiles } from '../write/data-files.ts'
import { writtenFilesBytes } from '../write/packed-metrics.ts'
import { needDiskSpace } from '../write/disk-space.ts'
import { dividableText } from './dividable-text.ts'
import type { ExecuteOptions } from './execute-options.ts'
import { explained, isAboutNul, refuseUnknownKeys } from './failures.ts'
import { mayParseNumbers, wereParsedExactly } from './parsed-numbers.ts'
import { openTarget, sameChange, type Target } from './target.ts'
import { isRepeated, keyedTarget, wasFirst } from './once.ts'
import { refusesNul, startGuard } from './guards.ts'
import { isFewLookedAtLater, refuseWrittenNul } from './written-nul.ts'
import { writePipe } from './write-pipe.ts'
import { clearRejects, goodRowsSelect, writeRejects } from './rejects.ts'

/** What an import did; the figures of the process are the caller's to add. */
export interface ImportOutcome {
  readonly table: string
  readonly created: boolean
  readonly skipped: boolean
  readonly rows: number
  readonly rejectedRows: number
  readonly rejectsFile: string | null
  readonly files: number
  readonly bytesRead: number
  readonly bytesWritten: number
  readonly snapshotId: string | null
  readonly notes: readonly string[]
}

/**
 * Does what the plan says, in one commit: the table has all rows afterwards, or is as it was. Rejects `source/*` naming
 * file, line, column and value, `memory/*`, `storage/*`, `table/*`, `cancelled`.
 */
export async function executeImport(plan: ImportPlan, options: ExecuteOptions): Promise<ImportOutcome> {
  const { spooled, documents } = plan.details
  try {
    if (plan.action === 'skip') return skipped(plan)
    return await importInto(plan, options)
  } catch (error) {
    const named = documents === undefined ? error : await documents.named(error)
    throw spooled === undefined ? named : ofStandardInput(named, [fromStart(spooled.path)])
  } finally {
    await documents?.remove()
    await spooled?.remove()
  }
}

async function importInto(plan: ImportPlan, options: ExecuteOptions): Promise<ImportOutcome> {
  const { services, signal } = options
  throwIfCancelled(signal)
  const target = await openTarget(plan, options)
  // Another process may have used the key since the plan was made.
  const isPiped = plan.details.spooled?.pipe !== undefined
  if (!target.isNew && !isPiped && isRepeated(plan, target.base)) return skipped(plan)
  try {
    const { metadata } = target.base
    await needDiskSpace(localPath(metadata.location), plan.estimate.tableBytes)
    const stagedBytes = Math.max(
      plan.estimate.diskBytes - plan.estimate.tableBytes,
      (plan.memory?.sortPasses ?? 1) > 1 ? plan.estimate.tableBytes : 0,
    )
    if (stagedBytes > 0) await needDiskSpace(services.settings.stagingDirectory, stagedBytes)
    // What this room itself holds: a buffer of the scan, and the metrics of all files until they are committed.
    const bytes = SCAN_BYTES + writtenFilesBytes(plan.estimate.dataFiles, plan.columns.length)
    using _held = await services.governor.reserve({
      consumer: `${services.operation}/files`,
      bytes,
      ...(signal === undefined ? {} : { signal }),
    })
    await using session = await services.engine.session(signal)
    const { spooled, documents } = plan.details
    const pipe = documents?.pipe ?? spooled?.pipe
    const lines = documents === undefined ? plan : { ...plan, files: documents.files }
    if (pipe === undefined) return await commit(plan, target, await write(lines, target, session, options), options)
    const written = await writePipe(pipe, lines, target, options, (part, watch) => write(part, target, session, watch))
    if (spooled?.pipe === undefined) return await commit(plan, target, written, options)
    const whole = wholeOf(plan, pipe)
    if (target.isNew || !isRepeated(whole, target.base)) return await commit(whole, target, written, options)
    await written.result.discard()
    return skipped(whole)
  } catch (error) {
    await target.undo()
    throw error
  }
}

const SCAN_BYTES = 2_000_000

interface Written {
  readonly result: WriteResult
  readonly rejects: { readonly count: number; readonly file: string | null }
  readonly notes: readonly string[]
}

async function write(
  plan: ImportPlan,
  target: Target,
  session: EngineSession,
  options: ExecuteOptions,
): Promise<Written> {
  const { services, signal, onProgress } = options
  const { source, mapping } = plan.details
  const stop = new AbortController()
  const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
  const notes: string[] = []
  if (source.format === 'arrow') await loadArrow(plan, session, services, both)
  if (plan.onError === 'reject') await clearRejects(session)
  const guard = startGuard(plan, services.settings.maxLineSizeBytes, both)
  // What the guard finds stops the copy with its error as the reason.
  guard.done.catch((error: unknown) => stop.abort(error))
  // The engine's own count is its share of a guessed cardinality (1 of 37 for 8M rows of CSV); the plan's estimate is from a sample.
  const { rows: estimatedRows } = plan.estimate
  const progress: RunOptions['onProgress'] =
    onProgress === undefined
      ? undefined
      : ({ fraction }) =>
          onProgress({
            phase: 'write',
            rows:
              fraction === undefined || estimatedRows === undefined ? undefined : Math.round(fraction * estimatedRows),
            fraction,
            bytesTotal: plan.estimate.sourceBytes,
            bytesRead: fraction === undefined ? undefined : Math.round(fraction * plan.estimate.sourceBytes),
          })
  try {
    const engine = { plan: advised(services.engine.plan, services.governor.advice) }
    const bufferBytes = planCopy({
      engine: engine.plan,
      rowWidthBytes: plan.estimate.rowWidthBytes,
      targetFileBytes: services.settings.targetFileSizeBytes,
      columns: mapping.length,
    }).csvBufferBytes
    let read: SelectOptions = { bufferBytes }
    const looksAtFewLater = isFewLookedAtLater(plan, target.spec.fields.length > 0)
    const parsesNumbers = plan.onError !== 'reject' && mayParseNumbers(source)
    const copy = (parses: boolean) => {
      // Parts of divided text were looked at for NUL bytes.
      const select = (some: SourceDescription) =>
        plan.onError === 'reject'
          ? goodRowsSelect(some, mapping, read)
          : sourceSelect(some, mapping, {
              ...read,
              parsesNumbers: parses,
              refusesNul: some === source && refusesNul(plan),
              looksAtFewLater,
            })
      const text = dividableText(plan, { services, signal: both }, select)
      return writeDataFiles({
        session,
        engine,
        select: select(source),
        columns: mapping.map(({ name }) => name),
        ...(text === undefined ? {} : { text }),
        schema: target.schema,
        spec: target.spec,
        ...(target.sortOrder === undefined ? {} : { sortOrder: target.sortOrder }),
        location: target.base.metadata.location,
        properties: target.base.metadata.properties,
        targetFileSizeBytes: services.settings.targetFileSizeBytes,
        stagingDirectory: services.settings.stagingDirectory,
        journal: services.journal,
        rowWidthBytes: plan.estimate.rowWidthBytes,
        ...(plan.estimate.rows === undefined ? {} : { rows: plan.estimate.rows }),
        ...(plan.estimate.partitions === undefined ? {} : { partitions: plan.estimate.partitions }),
        preserveOrder: plan.preserveOrder,
        signal: both,
        ...(progress === undefined ? {} : { onProgress: progress }),
      })
    }
    const isJson = source.format === 'ndjson' || source.format === 'json'
    const lines = {
      files: plan.files,
      hasLines: isJson || (source.format === 'csv' && !isWide(source.encoding)),
      firstBytes: isJson ? source.maxObjectBytes : undefined,
      limitBytes: services.settings.maxLineSizeBytes,
      signal,
    }
    const isAsParsed = async (result: WriteResult): Promise<boolean> => {
      try {
        return await wereParsedExactly(source, mapping, { schema: target.schema, files: result.files }, both)
      } catch (error) {
        await result.discard()
        throw error
      }
    }
    const attempt = async (maxLineSizeBytes: number | undefined) => {
      read = { bufferBytes, ...(maxLineSizeBytes === undefined ? {} : { maxLineSizeBytes }) }
      try {
        try {
          const result = await copy(parsesNumbers)
          if (!parsesNumbers || (await isAsParsed(result))) return result
          await result.discard()
        } catch (error) {
          if (!needsText(error)) throw error
        }
        notes.push('not every number could be taken as the reader parsed it: all values were read once more, as text')
        return await copy(false)
      } catch (error) {
        // All of them are named, not the first.
        if (isUnknownField(faultIn(error) ?? '')) await refuseUnknownKeys(plan, session, both, options)
        const found = await explained(
          error,
          plan,
          { session, read, ...(signal === undefined ? {} : { signal }) },
          stop.signal,
        )
        if (source.format === 'csv' && isIceboxError(found, 'source/row') && !isAboutValue(found)) {
          await refuseLongLines(source, maxLineSizeBytes, signal)
        }
        throw found
      }
    }
    const result = await withLineSizes(lines, async (maxLineSizeBytes) => {
      const copied = await attempt(maxLineSizeBytes)
      const allowed = allowedBytes(lines, maxLineSizeBytes)
      // Of a compressed file nobody knows before how long the last line is. What else is wrong with it is told below.
      if (!lines.hasLines || (await guard.done.catch(() => 0)) <= allowed) return copied
      await copied.discard()
      throw passedOver(plan.files, allowed)
    })
    try {
      await guard.done
      if (looksAtFewLater) await refuseWrittenNul(session, mapping, result.files, both)
      if (source.format === 'arrow' && result.rows === 0n) throw emptySource(source.paths, 'holds no rows')
      const rejects =
        plan.onError === 'reject'
          ? await writeRejects(source, mapping, {
              session,
              directory: services.settings.rejectsDirectory,
              table: plan.table,
              read,
              nameOf: (file) => (file === plan.details.spooled?.path ? STANDARD_INPUT : file),
              ...(signal === undefined ? {} : { signal }),
            })
          : { count: 0, file: null }
      return { result, rejects, notes }
    } catch (error) {
      await result.discard()
      throw error
    }
  } catch (error) {
    // The copy saw a strange row where the file was cut off or damaged: the scan knows better.
    const isExplained = isIceboxError(error, 'source/') || isIceboxError(error, 'memory/exhausted')
    if ((guard.explainsFailures && isExplained) || isAboutNul(error)) await guard.explain()
    stop.abort(error)
    await guard.done.catch(() => undefined)
    throw error
  } finally {
    if (source.format === 'arrow') await session.run(`DROP TABLE IF EXISTS ${ARROW_TABLE}`)
  }
}

/** The reader may have passed over a last line of more bytes: it is to be allowed more. */
function passedOver(files: readonly { readonly path: string }[], limitBytes: number): IceboxError {
  const file = files[0]?.path ?? ''
  return new IceboxError('source/line-too-long', {
    message: `a line of ${file}${files.length > 1 ? ` or of ${files.length - 1} more` : ''} is longer than ${formatBytes(limitBytes)}`,
    remedy: 'raise ingest.max_line_size',
    context: { file },
  })
}

/** A number that the reader may not parse by itself: its text decides whether it fits. */
function needsText(error: unknown): boolean {
  return isIceboxError(error) && READ_AS_TEXT.test(error.message)
}

/** A value was found and named: the row could be read. */
function isAboutValue(error: IceboxError): boolean {
  return 'value' in error.context
}

async function loadArrow(
  plan: ImportPlan,
  session: EngineSession,
  { buffers, operation }: IngestServices,
  signal: AbortSignal,
): Promise<void> {
  const { source } = plan.details
  if (source.format !== 'arrow') return
  const columns = source.columns.map((column) => `${quoteIdentifier(column.name)} ${column.type}`)
  await session.run(`CREATE OR REPLACE TEMP TABLE ${ARROW_TABLE} (${columns.join(', ')})`)
  await session.appendArrow(ARROW_TABLE, arrowBatches(source.paths, { buffers, consumer: operation }), { signal })
}

async function commit(
  plan: ImportPlan,
  target: Target,
  written: Written,
  { table, services, signal, onProgress }: ExecuteOptions,
): Promise<ImportOutcome> {
  const { result, rejects } = written
  const { changes, fingerprint } = plan.details
  onProgress?.({
    phase: 'commit',
    rows: Number(result.rows),
    bytesRead: plan.estimate.sourceBytes,
    bytesTotal: plan.estimate.sourceBytes,
    fraction: 1,
  })
  let committed: CommitResult
  try {
    throwIfCancelled(signal)
    await result.hold()
    const transaction = new Transaction({
      target: keyedTarget(plan, commitTarget(services.catalog, table)),
      io: services.io,
      base: target.base,
      creates: target.isNew,
      durable: result.durable,
      ...(services.manifests === undefined ? {} : { cache: services.manifests }),
      ...(signal === undefined ? {} : { signal }),
    })
    if (changes.length > 0) transaction.updateSchema((update) => sameChange(update, changes, target.schema))
    const summary = plan.key === undefined ? {} : { [KEY_PROPERTY]: plan.key, [SOURCE_PROPERTY]: fingerprint }
    if (plan.action === 'replace') transaction.overwrite({ added: result.files, replaceAll: true, summary })
    else transaction.append(result.files, { summary })
    committed = await transaction.commit()
  } catch (error) {
    // With an unknown outcome the table may name the files: the journal decides at the next start.
    if (isIceboxError(error, 'catalog/commit-unknown')) throw error
    await result.discard()
    if (rejects.file !== null) await rm(rejects.file, { force: true })
    if (await wasFirst(plan, table, services, error)) return skipped(plan)
    throw error
  }
  // The table names the files by now: nothing that fails from here on may remove them.
  await result.settle()
  return outcome(plan, {
    created: target.isNew,
    skipped: false,
    rows: Number(result.rows),
    rejectedRows: rejects.count,
    rejectsFile: rejects.file,
    files: result.files.length,
    bytesRead: plan.estimate.sourceBytes,
    bytesWritten: Number(result.sizeBytes) + committed.bytesWritten,
    snapshotId: committed.snapshot === undefined ? null : String(committed.snapshot.snapshotId),
    notes: [...plan.notes, ...result.notes, ...written.notes],
  })
}

/** The plan with what only the end of a pipe tells. */
function wholeOf(plan: ImportPlan, pipe: Pipe): ImportPlan {
  return {
    ...plan,
    estimate: { ...plan.estimate, sourceBytes: pipe.rawBytes },
    details: { ...plan.details, fingerprint: pipe.fingerprint() },
  }
}

function skipped(plan: ImportPlan): ImportOutcome {
  return outcome(plan, { created: false, skipped: true, notes: plan.notes })
}

function outcome(
  plan: ImportPlan,
  did: Partial<ImportOutcome> & Pick<ImportOutcome, 'created' | 'skipped' | 'notes'>,
): ImportOutcome {
  return {
    table: plan.table,
    rows: 0,
    rejectedRows: 0,
    rejectsFile: null,
    files: 0,
    bytesRead: 0,
    bytesWritten: 0,
    snapshotId: null,
    ...did,
  }
}
