import type { ObjectStore } from '../storage/index.ts'
import { joinUri } from '../storage/index.ts'
import { folderName, namespaceKey } from './names.ts'
import type { TableIdentifier } from './port.ts'

/**
 * Where a new table goes: `<warehouse>/<namespace>/<table>`, or below the namespace's `location` property. A folder that
 * another table's metadata lives in already (it was renamed away, or dropped and its files kept) is left to that table: the
 * new one gets a name with a suffix, so that removing the files of one can never touch those of the other.
 */
export async function newTableLocation(
  io: ObjectStore,
  warehouse: string,
  namespaceProperties: Readonly<Record<string, string>>,
  table: TableIdentifier,
  uuid: string,
): Promise<string> {
  const namespaceLocation =
    namespaceProperties.location ?? joinUri(warehouse, folderName(namespaceKey(table.namespace)))
  const location = joinUri(namespaceLocation, folderName(table.name))
  return (await hasMetadata(io, location)) ? `${location}-${uuid.slice(0, 8)}` : location
}

async function hasMetadata(io: ObjectStore, location: string): Promise<boolean> {
  for await (const info of io.list(joinUri(location, 'metadata'))) {
    if (info.uri.endsWith('.metadata.json')) return true
  }
  return false
}
