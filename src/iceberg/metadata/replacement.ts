import { assignFreshIds } from '../spec/schema.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import type { PartitionField, PartitionSpec, Schema, SortOrder } from '../spec/types.ts'
import { mappedId, type NewTable, parseFormatVersion, tableLocation } from './new-table.ts'
import { sameTransform } from './same.ts'
import type { TableUpdate } from './updates.ts'

/** What a table becomes that is replaced, as a new table is described; what is left out of location and properties stays. */
export type Replacement = Pick<NewTable, 'schema' | 'spec' | 'sortOrder' | 'properties'> &
  Partial<Pick<NewTable, 'location'>>

/**
 * The updates that make another table of `base` under its uuid and with its history, as the reference implementation's
 * replace transaction has it. A field, nested ones too, keeps the id that its path has now, of whatever type it becomes;
 * others get ids that the table never had. Partition fields of a source and transform that some spec had keep their ids. An
 * equal schema, spec or order of the history is used again. Properties are merged, and `format-version` only raises.
 * Snapshots and branches are not touched. Throws
 * `iceberg/invalid-change` for identifiers, sources and format versions that cannot be; `applyUpdates` checks the rest.
 */
export function replacementUpdates(base: TableMetadata, replacement: Replacement): TableUpdate[] {
  const { 'format-version': version, ...properties } = replacement.properties ?? {}
  // A table of version 3, which this build does not make, may say what it is.
  const isKept = version === undefined || version === String(base.formatVersion)
  const formatVersion = isKept ? base.formatVersion : parseFormatVersion(version)
  const current = base.schemas.find((known) => known.schemaId === base.currentSchemaId)
  const { schema, idMap, lastColumnId } = assignFreshIds(replacement.schema, base.lastColumnId, current)
  const newId = (id: number) => mappedId(idMap, id)
  const fields = (replacement.spec?.fields ?? []).map((field) => ({ ...field, sourceIds: field.sourceIds.map(newId) }))
  const sortFields = (replacement.sortOrder?.fields ?? []).map((field) => ({
    ...field,
    sourceIds: field.sourceIds.map(newId),
  }))
  const spec: PartitionSpec = { specId: 0, fields: partitionFields(base, fields, formatVersion) }
  const sortOrder: SortOrder = { orderId: 0, fields: sortFields }
  const identified: Schema = { ...schema, identifierFieldIds: replacement.schema.identifierFieldIds.map(newId) }
  const updates: TableUpdate[] = [
    { action: 'add-schema', schema: identified, lastColumnId },
    { action: 'set-current-schema', schemaId: -1 },
    { action: 'add-spec', spec },
    { action: 'set-default-spec', specId: -1 },
    { action: 'add-sort-order', sortOrder },
    { action: 'set-default-sort-order', sortOrderId: -1 },
  ]
  if (formatVersion !== base.formatVersion) updates.unshift({ action: 'upgrade-format-version', formatVersion })
  if (replacement.location !== undefined) {
    updates.push({ action: 'set-location', location: tableLocation(replacement.location) })
  }
  if (Object.keys(properties).length > 0) updates.push({ action: 'set-properties', updates: properties })
  return updates
}

/** The fields with ids; in v1 those of the spec in force keep their places, void where they are gone, as places must not move. */
function partitionFields(
  base: TableMetadata,
  fields: readonly PartitionField[],
  formatVersion: number,
): readonly PartitionField[] {
  let last = base.lastPartitionId
  if (formatVersion > 1) {
    const historic = base.partitionSpecs.flatMap((spec) => spec.fields)
    return fields.map((field) => {
      const ids = historic.filter((known) => doesTheSame(known, field)).map((known) => known.fieldId)
      return { ...field, fieldId: ids.length === 0 ? ++last : Math.max(...ids) }
    })
  }
  const inForce = base.partitionSpecs.find((spec) => spec.specId === base.defaultSpecId)?.fields ?? []
  const names = new Set(fields.map((field) => field.name))
  const carried = inForce.map((known): PartitionField => {
    const field = fields.find((wanted) => doesTheSame(known, wanted))
    if (field !== undefined) return { ...field, fieldId: known.fieldId }
    const name = names.has(known.name) ? `${known.name}_${known.fieldId}` : known.name
    return { ...known, name, transform: { kind: 'void' } }
  })
  const added = fields.filter((field) => !inForce.some((known) => doesTheSame(known, field)))
  return [...carried, ...added.map((field) => ({ ...field, fieldId: ++last }))]
}

function doesTheSame(a: PartitionField, b: PartitionField): boolean {
  return String(a.sourceIds) === String(b.sourceIds) && sameTransform(a.transform, b.transform)
}
