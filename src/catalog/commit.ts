import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { IceboxError, isIceboxError, quotedForShell, tableSql } from '../base/index.ts'
import {
  applyUpdates,
  checkRequirements,
  encodeTableMetadata,
  type LoadedTable,
  nextMetadataLocation,
  removedMetadataFiles,
  type TableMetadata,
  type TableRequirement,
  type TableUpdate,
} from '../iceberg/index.ts'
import { namespaceKey, tableText } from './names.ts'
import { namespaceNotFound } from './not-found.ts'
import type { CatalogParts } from './parts.ts'
import type { TableIdentifier } from './port.ts'

const compress = promisify(gzip)

/** Commits a change of a table that exists, from `current` (I5, I7); what it names is on the disk when `durable` resolves. */
export async function commitChange(
  parts: CatalogParts,
  table: TableIdentifier,
  current: LoadedTable,
  requirements: readonly TableRequirement[],
  updates: readonly TableUpdate[],
  durable?: Promise<void>,
): Promise<LoadedTable> {
  checkRequirements(current.metadata, requirements)
  if (updates.length === 0) return current
  const metadata = applyUpdates(current.metadata, updates, {
    nowMs: parts.now(),
    previousMetadataLocation: current.metadataLocation,
  })
  const next = await writeMetadata(parts, metadata, current.metadataLocation, durable)
  const namespace = namespaceKey(table.namespace)
  let isDone: boolean
  try {
    isDone = await parts.rows.replaceLocation(namespace, table.name, current.metadataLocation, next)
  } catch (error) {
    isDone = await settleUnknown(parts, table, next, error)
  }
  if (!isDone) {
    await removeFiles(parts, [next])
    throw await lostRace(parts, table, current.metadataLocation)
  }
  parts.cache.remove(current.metadataLocation)
  parts.cache.put(next, metadata)
  await removeFiles(parts, removedMetadataFiles(current.metadata, metadata))
  return { metadata, metadataLocation: next }
}

/** Commits a table that does not exist yet: its first metadata, with `updates` applied to what was staged. */
export async function commitCreation(
  parts: CatalogParts,
  table: TableIdentifier,
  staged: TableMetadata,
  requirements: readonly TableRequirement[],
  updates: readonly TableUpdate[],
  durable?: Promise<void>,
): Promise<LoadedTable> {
  const namespace = namespaceKey(table.namespace)
  // Looked at before anything is written; the insert below decides.
  if ((await parts.rows.tableLocation(namespace, table.name)) !== undefined) throw await tableExists(parts, table)
  checkRequirements(undefined, requirements)
  const metadata = updates.length === 0 ? staged : applyUpdates(staged, updates, { nowMs: parts.now() })
  const location = await writeMetadata(parts, metadata, '', durable)
  let outcome: 'inserted' | 'taken' | 'no-namespace'
  try {
    outcome = await parts.rows.insertTable(namespace, table.name, location)
  } catch (error) {
    outcome = (await settleUnknown(parts, table, location, error)) ? 'inserted' : 'taken'
  }
  if (outcome !== 'inserted') {
    await removeFiles(parts, [location])
    throw outcome === 'taken' ? await tableExists(parts, table) : await namespaceNotFound(parts.rows, table.namespace)
  }
  parts.cache.put(location, metadata)
  return { metadata, metadataLocation: location }
}

/** `table/exists` for a name that is taken. */
export async function tableExists({ rows }: Pick<CatalogParts, 'rows'>, table: TableIdentifier): Promise<IceboxError> {
  const isView = await rows.isView(namespaceKey(table.namespace), table.name)
  return new IceboxError('table/exists', {
    message: isView ? `${tableText(table)} is a view already` : `${tableText(table)} exists already`,
    remedy: isView
      ? 'choose another name, or drop the view with the tool that made it'
      : 'choose another name, append to it, or drop it first',
    context: { table: tableText(table) },
  })
}

/** `table/gone` for a table that another writer removed, renamed or replaced since it was loaded. */
export function tableGone(table: TableIdentifier, how: string): IceboxError {
  return new IceboxError('table/gone', {
    message: `${tableText(table)} ${how} by another writer meanwhile; nothing was changed`,
    remedy: 'look what there is now (icebox table list) and start again',
    context: { table: tableText(table) },
  })
}

/** Resolves with the location when the file, and all that it names, is on the disk; the flushes run side by side. */
async function writeMetadata(
  parts: CatalogParts,
  metadata: TableMetadata,
  previous: string,
  durable: Promise<void> | undefined,
): Promise<string> {
  const location = nextMetadataLocation(metadata.location, previous, parts.newUuid(), metadata.properties)
  const text = encodeTableMetadata(metadata)
  const body = location.endsWith('.gz.metadata.json') ? await compress(text) : text
  const written = await parts.io.createUnflushed(location, body)
  try {
    await Promise.all([durable, written.durable])
  } catch (error) {
    await Promise.allSettled([written.durable])
    await removeFiles(parts, [location])
    throw error
  }
  return location
}

/**
 * The compare-and-set failed instead of answering. Where that surely changed nothing the error goes on; else the catalog is
 * asked whether `next` is, or was, current. True when the change is in, false when it is not; `catalog/commit-unknown` when
 * that cannot be found out, and then no file is removed.
 */
async function settleUnknown(
  parts: CatalogParts,
  table: TableIdentifier,
  next: string,
  error: unknown,
): Promise<boolean> {
  if (isIceboxError(error, 'catalog/locked') || isIceboxError(error, 'cancelled')) {
    await removeFiles(parts, [next])
    throw error
  }
  try {
    const current = await parts.rows.tableLocation(namespaceKey(table.namespace), table.name)
    if (current === next) return true
    if (current !== undefined) {
      // Another writer may have built on ours already.
      const { metadataLog } = await parts.readMetadata(table, current)
      if (metadataLog.some((entry) => entry.metadataFile === next)) return true
    }
  } catch (lookError) {
    throw new IceboxError('catalog/commit-unknown', {
      message: `the commit to ${tableText(table)} failed in a way that leaves open whether it was applied`,
      remedy: `look whether ${next} is the current metadata (icebox table show ${quotedForShell(tableSql(table.namespace, table.name))}) before you repeat it`,
      context: { table: tableText(table), metadataLocation: next },
      cause: lookError,
    })
  }
  await removeFiles(parts, [next])
  throw error
}

async function lostRace(parts: CatalogParts, table: TableIdentifier, expected: string): Promise<IceboxError> {
  if ((await parts.rows.tableLocation(namespaceKey(table.namespace), table.name)) === undefined) {
    return tableGone(table, 'was dropped or renamed')
  }
  return new IceboxError('catalog/commit-conflict', {
    message: `another writer committed to ${tableText(table)} first; this change was not applied`,
    remedy: 'load the table again and repeat the change',
    context: { table: tableText(table), expected },
    retryable: true,
  })
}

/** Removes files that nothing names; one that cannot be removed is left to orphan removal, since the commit is decided. */
async function removeFiles(parts: CatalogParts, files: readonly string[]): Promise<void> {
  if (files.length === 0) return
  try {
    await parts.io.delete(files)
  } catch (error) {
    parts.onCleanupFailure(error)
  }
}
