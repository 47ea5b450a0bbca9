import { IceboxError, isIceboxError, type MissingFolders } from '../../base/index.ts'
import type { TableIdentifier } from '../../catalog/index.ts'
import { type LoadedTable, type PartitionSpec, type Schema, SchemaUpdate, type SortOrder } from '../../iceberg/index.ts'
import type { SchemaChange } from '../plan/columns.ts'
import type { ImportPlan } from '../plan/import-plan.ts'
import type { IngestServices } from '../plan/services.ts'
import { missingTableFolders } from '../write/table-folders.ts'

export interface TargetOptions {
  readonly table: TableIdentifier
  readonly services: IngestServices
  /** Properties of a table that is made. */
  readonly properties?: Readonly<Record<string, string>>
}

/** The table that an import writes into. */
export interface Target {
  readonly base: LoadedTable
  readonly isNew: boolean
  /** The schema that files are written with: that of the table after the changes of the plan. */
  readonly schema: Schema
  readonly spec: PartitionSpec
  readonly sortOrder: SortOrder | undefined
  /** Removes what was made (a namespace, empty folders) when nothing was committed. */
  undo(): Promise<void>
}

/** Stages the table, or loads it and gives the schema that it will have. Rejects `table/*`, `namespace/*`, `catalog/*`. */
export async function openTarget(plan: ImportPlan, { table, services, properties }: TargetOptions): Promise<Target> {
  const { catalog } = services
  const { details } = plan
  if (plan.action === 'create') {
    const madeNamespace = !(await catalog.namespaceExists(table.namespace))
    if (madeNamespace) await catalog.createNamespace(table.namespace)
    let folders: MissingFolders | undefined
    const undo = async () => {
      await folders?.removeEmpty()
      if (!madeNamespace) return
      // Somebody may have made a table in it meanwhile: then it stays.
      await catalog.dropNamespace(table.namespace).catch((error: unknown) => {
        if (!isIceboxError(error, 'namespace/')) throw error
      })
    }
    try {
      const base = await catalog.stageTable(table, {
        schema: { schemaId: 0, fields: details.fields, identifierFieldIds: [] },
        ...(details.spec === undefined ? {} : { partitionSpec: details.spec }),
        ...(details.sortOrder === undefined ? {} : { sortOrder: details.sortOrder }),
        ...(properties === undefined ? {} : { properties }),
      })
      folders = await missingTableFolders(base.metadata)
      return { base, isNew: true, ...currentLayout(base), undo }
    } catch (error) {
      await undo()
      throw error
    }
  }
  const base = await catalog.loadTable(table)
  const layout = currentLayout(base)
  const update = new SchemaUpdate(base.metadata)
  change(update, details.changes)
  return {
    base,
    isNew: false,
    ...layout,
    schema: update.result(),
    sortOrder: layout.sortOrder ?? details.sortOrder,
    undo: async () => {},
  }
}

function currentLayout({ metadata }: LoadedTable): {
  schema: Schema
  spec: PartitionSpec
  sortOrder: SortOrder | undefined
} {
  const schema = metadata.schemas.find((some) => some.schemaId === metadata.currentSchemaId)
  const spec = metadata.partitionSpecs.find((some) => some.specId === metadata.defaultSpecId)
  const order = metadata.sortOrders.find((some) => some.orderId === metadata.defaultSortOrderId)
  if (schema === undefined || spec === undefined) {
    throw new IceboxError('iceberg/invalid-metadata', {
      message: 'the metadata names a schema or partition spec that it does not hold',
    })
  }
  return { schema, spec, sortOrder: order === undefined || order.fields.length === 0 ? undefined : order }
}

function change(update: SchemaUpdate, changes: readonly SchemaChange[]): void {
  for (const one of changes) {
    if (one.kind === 'add') update.addColumn(one.name, one.type)
    else if (one.type.kind !== 'struct' && one.type.kind !== 'list' && one.type.kind !== 'map')
      update.widen(one.name, one.type)
  }
}

/** The files carry the field ids that the plan's changes gave: another writer's change in between must not shift them. */
export function sameChange(update: SchemaUpdate, changes: readonly SchemaChange[], written: Schema): void {
  change(update, changes)
  const result = update.result()
  for (const field of written.fields) {
    const now = result.fields.find((some) => some.id === field.id)
    if (now?.name === field.name) continue
    throw new IceboxError('table/conflict', {
      message: `another writer changed the columns while column '${field.name}' was added`,
      remedy: 'import again',
      context: { column: field.name },
      retryable: true,
    })
  }
}
