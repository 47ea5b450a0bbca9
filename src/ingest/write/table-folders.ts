import { missingFolders, type MissingFolders } from '../../base/index.ts'
import { dataFolder, metadataFolder, type TableMetadata } from '../../iceberg/index.ts'
import { localPath } from '../../storage/index.ts'

/** The folders of a table that are not there yet: to be taken away again when the table is not made after all. */
export async function missingTableFolders({ location, properties }: TableMetadata): Promise<MissingFolders> {
  return await missingFolders([dataFolder(location, properties), metadataFolder(location, properties)].map(localPath))
}
