import { type Catalog, movedRoot, type TableIdentifier, tableText } from '../catalog/index.ts'
import { movedLocation, readTableMetadata, relocateTable } from '../iceberg/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import type { RelocateSummary } from './api.ts'

/**
 * Mends a table whose folder lies below the warehouse but is named elsewhere: writes its metadata anew, makes it current,
 * and removes what that replaced. Undefined for a table that is where its metadata says.
 */
export async function relocateIfMoved(
  parts: { readonly catalog: Catalog; readonly io: ObjectStore; readonly warehouse: string },
  table: TableIdentifier,
): Promise<RelocateSummary | undefined> {
  const { catalog, io, warehouse } = parts
  const location = await catalog.metadataLocation(table)
  const moved = await movedRoot(io, warehouse, location)
  if (moved === undefined) return undefined
  const metadata = await readTableMetadata(io, movedLocation(location, moved))
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
