import { IceboxError, isIceboxError } from '../base/index.ts'
import type { LoadedTable } from '../iceberg/index.ts'
import { parentUri, sameLocation } from '../storage/index.ts'
import { namespaceKey, namespaceOf, tableText } from './names.ts'
import type { CatalogParts } from './parts.ts'
import type { TableIdentifier } from './port.ts'

const UNREADABLE = ['storage/', 'iceberg/', 'lake/'] as const

/**
 * Another name in the catalog for the table of `loaded`: one uuid, or, where the other's metadata cannot be read, one folder of
 * metadata files. What one of them purges, or drops out of its log, the other names too.
 */
export async function otherName(
  parts: CatalogParts,
  table: TableIdentifier,
  loaded: LoadedTable,
): Promise<TableIdentifier | undefined> {
  const own = namespaceKey(table.namespace)
  for (const { namespace, name, location } of await parts.rows.allTables()) {
    if (namespace === own && name === table.name) continue
    const other = { namespace: namespaceOf(namespace), name }
    if (await isSame(parts, other, location, loaded)) return other
  }
  return undefined
}

async function isSame(
  parts: CatalogParts,
  other: TableIdentifier,
  location: string,
  { metadata, metadataLocation }: LoadedTable,
): Promise<boolean> {
  try {
    return (await parts.readMetadata(other, location)).tableUuid === metadata.tableUuid
  } catch (error) {
    if (!UNREADABLE.some((kind) => isIceboxError(error, kind))) throw error
    return sameLocation(parentUri(location), parentUri(metadataLocation))
  }
}

/** `table/exists` for a purge of files that another name stands for too. */
export function purgesOther(table: TableIdentifier, other: TableIdentifier): IceboxError {
  const [name, otherText] = [tableText(table), tableText(other)]
  return new IceboxError('table/exists', {
    message: `the files of ${name} are those of ${otherText} too, one table under two names; nothing was dropped`,
    remedy: `drop ${name} without purge: its files stay with ${otherText}`,
    context: { table: name, other: otherText },
  })
}
