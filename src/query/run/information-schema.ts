import { isIceboxError, throwIfCancelled } from '../../base/index.ts'
import type { Catalog } from '../../catalog/index.ts'
import { type NestedField, schemaOf, type TableMetadata } from '../../iceberg/index.ts'
import { type InformationTable, INFORMATION_VIEWS, type InformationView } from '../resolve/information-schema.ts'
import { readType } from '../views/read-type.ts'
import type { ViewRequest } from '../views/space.ts'
import { filledView, type Row, type RowColumns } from './filled-view.ts'

/** Columns that DuckDB's and Postgres' tables of these names have, as far as there is something to tell. */
const COLUMNS: Readonly<Record<InformationTable, RowColumns>> = {
  schemata: { catalog_name: 'VARCHAR', schema_name: 'VARCHAR', schema_owner: 'VARCHAR' },
  tables: { table_catalog: 'VARCHAR', table_schema: 'VARCHAR', table_name: 'VARCHAR', table_type: 'VARCHAR' },
  columns: {
    table_catalog: 'VARCHAR',
    table_schema: 'VARCHAR',
    table_name: 'VARCHAR',
    column_name: 'VARCHAR',
    ordinal_position: 'INTEGER',
    column_default: 'VARCHAR',
    is_nullable: 'VARCHAR',
    data_type: 'VARCHAR',
    numeric_precision: 'INTEGER',
    numeric_scale: 'INTEGER',
    column_comment: 'VARCHAR',
  },
}

/** A table of information_schema as a view; metadata is read table by table. */
export function informationView(view: InformationView, catalog: Catalog): ViewRequest {
  const { table, key } = view
  const place = { schemaName: INFORMATION_VIEWS, viewName: table }
  return {
    schema: INFORMATION_VIEWS,
    name: table,
    key,
    build: (builder) => filledView(builder, place, COLUMNS[table], rowsOf(view, catalog, builder.signal)),
  }
}

async function* rowsOf(
  { table, namespaces, tables }: InformationView,
  catalog: Catalog,
  signal: AbortSignal | undefined,
): AsyncGenerator<Row, void, undefined> {
  if (table === 'schemata')
    for (const name of namespaces) yield { catalog_name: catalog.name, schema_name: name, schema_owner: null }
  for (const { identifier } of tables) {
    throwIfCancelled(signal)
    const place = {
      table_catalog: catalog.name,
      table_schema: identifier.namespace.join('.'),
      table_name: identifier.name,
    }
    if (table === 'tables') yield { ...place, table_type: 'BASE TABLE' }
    else {
      const metadata = await readable(() => catalog.loadTable(identifier))
      if (metadata !== undefined) yield* columnRows(metadata, place)
    }
  }
}

function* columnRows(metadata: TableMetadata, place: Row): Generator<Row> {
  for (const [at, field] of schemaOf(metadata).fields.entries()) {
    const decimal = field.type.kind === 'decimal' ? field.type : undefined
    yield {
      ...place,
      column_name: field.name,
      ordinal_position: at + 1,
      column_default: null,
      is_nullable: field.required ? 'NO' : 'YES',
      data_type: typeText(field),
      numeric_precision: decimal?.precision ?? null,
      numeric_scale: decimal?.scale ?? null,
      column_comment: field.doc ?? null,
    }
  }
}

/** The engine's type, or the table's own name for one that the engine does not have. */
function typeText({ name, type }: NestedField): string {
  try {
    return readType(type, name)
  } catch (error) {
    if (isIceboxError(error, 'iceberg/unsupported')) return type.kind
    throw error
  }
}

/** Undefined for a table that cannot be read, or is gone: it must not hide the others. Reading it tells why. */
async function readable(load: () => Promise<{ readonly metadata: TableMetadata }>): Promise<TableMetadata | undefined> {
  try {
    return (await load()).metadata
  } catch (error) {
    const isOfTable =
      isIceboxError(error, 'iceberg/') ||
      isIceboxError(error, 'storage/') ||
      isIceboxError(error, 'table/') ||
      isIceboxError(error, 'lake/')
    if (isOfTable) return undefined
    throw error
  }
}
