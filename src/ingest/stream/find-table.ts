import { IceboxError, isIceboxError } from '../../base/index.ts'
import { type Catalog, type TableIdentifier, tableText } from '../../catalog/index.ts'
import type { LoadedTable } from '../../iceberg/index.ts'

/** A table that a stream was opened on: its name then, and what it is whatever its name. */
export interface StreamTable {
  readonly identifier: TableIdentifier
  readonly uuid: string
}

export interface FoundTable {
  readonly identifier: TableIdentifier
  readonly table: LoadedTable
}

/** The table under its name, or under another that it was given since. Rejects `table/gone` where it was dropped. */
export async function findTable(catalog: Catalog, { identifier, uuid }: StreamTable): Promise<FoundTable> {
  const named = await load(catalog, identifier)
  if (named?.metadata.tableUuid === uuid) return { identifier, table: named }
  for (const namespace of await catalog.listNamespaces()) {
    for (const other of await catalog.listTables(namespace)) {
      const table = await load(catalog, other)
      if (table?.metadata.tableUuid === uuid) return { identifier: other, table }
    }
  }
  throw new IceboxError('table/gone', {
    message: `the table ${tableText(identifier)} (${uuid}) was dropped, and rows of a stream are for it`,
    remedy: 'register the table again, or remove the folder of the stream to give up its rows',
    context: { uuid },
  })
}

/** Undefined for a table that is not there or cannot be read. */
async function load(catalog: Catalog, identifier: TableIdentifier): Promise<LoadedTable | undefined> {
  try {
    return await catalog.loadTable(identifier)
  } catch (error) {
    const isNot = ['table/', 'namespace/', 'iceberg/', 'storage/not-found'] as const
    if (isNot.some((code) => isIceboxError(error, code))) return undefined
    throw error
  }
}
