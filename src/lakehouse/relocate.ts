import { isIceboxError } from '../base/index.ts'
import { type Catalog, movedRoot, movedTable, type TableIdentifier, tableText } from '../catalog/index.ts'
import {
  type MovedLocation,
  movedLocation,
  readTableMetadata,
  relocateTable,
  type TableMetadata,
} from '../iceberg/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import type { RelocateSummary } from './api.ts'

/**
 * Mends a table whose folder lies below the warehouse, or around its metadata file, but is named elsewhere: writes its metadata
 * anew, makes it current, and removes what that replaced. Undefined for a table that is where its metadata says.
 */
export async function relocateIfMoved(
  parts: { readonly catalog: Catalog; readonly io: ObjectStore; readonly warehouse: string },
  table: TableIdentifier,
): Promise<RelocateSummary | undefined> {
  const { catalog, io, warehouse } = parts
  const location = await catalog.metadataLocation(table)
  const found = await movedFrom(io, warehouse, location)
  if (found === undefined) return undefined
  const { moved, metadata } = found
  const relocated = await relocateTable(io, { metadata, metadataLocation: location }, moved, Date.now())
  try {
    await catalog.repointTable(table, location, relocated.metadataLocation)
  } catch (error) {
    await io.delete(relocated.written)
    throw error
  }
  await io.delete(relocated.replaced)
  return { table: tableText(table), from: moved.from, to: moved.to, filesRewritten: relocated.written.length }
}

async function movedFrom(
  io: ObjectStore,
  warehouse: string,
  location: string,
): Promise<{ readonly moved: MovedLocation; readonly metadata: TableMetadata } | undefined> {
  const root = await movedRoot(io, warehouse, location)
  if (root !== undefined) return { moved: root, metadata: await readTableMetadata(io, movedLocation(location, root)) }
  try {
    const metadata = await readTableMetadata(io, location)
    const moved = await movedTable(io, metadata, location)
    // What a copy names, its original, is where it says.
    return moved?.isCopy === false ? { moved, metadata } : undefined
  } catch (error) {
    // Metadata that is damaged or missing is nothing that other locations would mend; who loads the table is told.
    if (isIceboxError(error, 'storage/') || isIceboxError(error, 'iceberg/')) return undefined
    throw error
  }
}
