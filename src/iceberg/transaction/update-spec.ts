import { invalid, sameSpec, sameTransform, type TableUpdate } from '../metadata/index.ts'
import { schemaOf } from '../scan/index.ts'
import { addedPartitionFieldName, transformToString } from '../spec/partition.ts'
import { fieldByPath } from '../spec/schema.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import type { PartitionField, PartitionSpec, Transform } from '../spec/types.ts'
import type { TableAction } from './action.ts'
import { specOf } from './manifest-writes.ts'

/** Changes of the partitioning, applied in order. Files written before keep their spec. */
export class SpecUpdate {
  readonly #metadata: TableMetadata
  readonly #fields: PartitionField[]
  #lastFieldId: number

  constructor(metadata: TableMetadata) {
    this.#metadata = metadata
    this.#fields = [...specOf(metadata, metadata.defaultSpecId).fields]
    this.#lastFieldId = metadata.lastPartitionId
  }

  /**
   * Partitions by `transform` of the column at a dotted path. Without a name the field is called as other writers call it
   * (`ts_day`, `id_bucket_16`; an identity like its column). A field that some spec of the table had is used again with its id.
   */
  addField(path: string, transform: Transform, name?: string): this {
    const source = fieldByPath(schemaOf(this.#metadata), path)
    if (source === undefined) throw invalid(`there is no column '${path}' to partition by`)
    const same = (field: PartitionField) =>
      field.sourceIds.length === 1 && field.sourceIds[0] === source.id && sameTransform(field.transform, transform)
    const present = this.#fields.find(same)
    if (present !== undefined) {
      throw invalid(
        `the table is partitioned by ${transformToString(transform)} of '${path}' already, as '${present.name}'`,
      )
    }
    // An id stands once in a spec: a field that v1 kept as a void one goes back to its place.
    const placeOf = (known: PartitionField) => this.#fields.findIndex(({ fieldId }) => fieldId === known.fieldId)
    const isFree = (holder: PartitionField | undefined) =>
      holder === undefined || (holder.transform.kind === 'void' && holder.sourceIds[0] === source.id)
    const historic = this.#metadata.partitionSpecs
      .flatMap((spec) => spec.fields)
      .find((known) => same(known) && isFree(this.#fields[placeOf(known)]))
    const fieldName = name ?? historic?.name ?? addedPartitionFieldName(path, transform)
    // A v1 spec keeps removed fields as void ones; their names make way.
    const void_ = this.#fields.findIndex((field) => field.name === fieldName && field.transform.kind === 'void')
    const inTheWay = this.#fields[void_]
    if (inTheWay !== undefined) this.#fields[void_] = { ...inTheWay, name: `${inTheWay.name}_${inTheWay.fieldId}` }
    if (this.#fields.some((field) => field.name === fieldName))
      throw invalid(`there is a partition field '${fieldName}' already`)
    const fieldId = historic?.fieldId ?? ++this.#lastFieldId
    const added: PartitionField = { fieldId, sourceIds: [source.id], name: fieldName, transform }
    const place = placeOf(added)
    if (place < 0) this.#fields.push(added)
    else this.#fields[place] = added
    return this
  }

  /** Stops partitioning by a field; in v1 tables it stays as a void field, since places there must not move. */
  removeField(name: string): this {
    const at = this.#place(name)
    const field = this.#fields[at]
    if (field === undefined) return this
    if (this.#metadata.formatVersion === 1) this.#fields[at] = { ...field, transform: { kind: 'void' } }
    else this.#fields.splice(at, 1)
    return this
  }

  renameField(name: string, newName: string): this {
    const at = this.#place(name)
    const field = this.#fields[at]
    if (this.#fields.some((other) => other.name === newName))
      throw invalid(`there is a partition field '${newName}' already`)
    if (field !== undefined) this.#fields[at] = { ...field, name: newName }
    return this
  }

  /** The spec after the changes so far, whatever follows; its id is given when it is added. */
  result(): PartitionSpec {
    return { specId: this.#metadata.defaultSpecId, fields: [...this.#fields] }
  }

  #place(name: string): number {
    const at = this.#fields.findIndex((field) => field.name === name && field.transform.kind !== 'void')
    if (at >= 0) return at
    const names = this.#fields.filter((field) => field.transform.kind !== 'void').map((field) => field.name)
    throw invalid(`there is no partition field '${name}'; there are: ${names.join(', ') || 'none'}`)
  }
}

/** Changes the default partition spec. An equal historic spec is used again. */
export function updateSpecAction(change: (update: SpecUpdate) => void): TableAction {
  return {
    apply: ({ metadata }) => {
      const update = new SpecUpdate(metadata)
      change(update)
      const spec = update.result()
      if (sameSpec(spec, specOf(metadata, metadata.defaultSpecId))) return { updates: [], guards: [] }
      const updates: TableUpdate[] = [
        { action: 'add-spec', spec },
        { action: 'set-default-spec', specId: -1 },
      ]
      return { updates, guards: ['schema', 'spec'] }
    },
  }
}
