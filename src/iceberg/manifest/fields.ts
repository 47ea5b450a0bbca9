import {
  type AvroDecoder,
  type AvroRecord,
  type AvroType,
  invalidAvro,
  type MakeRead,
  nullable,
  skipper,
} from '../avro/index.ts'

/** Reads one field of a record into a draft. */
export type Step<D> = (decoder: AvroDecoder, draft: D) => void

/** How a field that we know is read, given the writer's type. */
export interface KnownField<D> {
  readonly name: string
  readonly required?: boolean
  readonly step: (type: AvroType) => Step<D>
}

/** A field of a single value: a null leaves the draft as it is, and is refused in a required field. */
export function field<D, T>(
  name: string,
  make: MakeRead<T>,
  set: (draft: D, value: T) => void,
  required = false,
): KnownField<D> {
  return {
    name,
    required,
    step: (type) => {
      const read = nullable(type, name, make)
      return (decoder, draft) => {
        const value = read(decoder)
        if (value !== null) set(draft, value)
        else if (required) throw invalidAvro(`its field ${name} is null, though it is required`)
      }
    },
  }
}

/**
 * Resolves a writer's record against the fields that we know: by field id, else by name; fields that we do not know are
 * passed over, fields that the writer does not have stay as the draft has them. Rejects where a required one is absent.
 */
export function recordSteps<D>(record: AvroRecord, known: ReadonlyMap<number, KnownField<D>>): Step<D>[] {
  const byName = new Map([...known].map(([id, field]) => [field.name, id]))
  const found = new Set<number>()
  const steps = record.fields.map((field): Step<D> => {
    const id = field.fieldId ?? byName.get(field.name)
    const target = id === undefined ? undefined : known.get(id)
    if (id === undefined || target === undefined) return skipper(field.type)
    found.add(id)
    return target.step(field.type)
  })
  for (const [id, field] of known) {
    if (field.required === true && !found.has(id)) {
      throw invalidAvro(`its records (${record.name}) have no field ${field.name} (id ${id})`)
    }
  }
  return steps
}

export function asRecord(type: AvroType, name: string): AvroRecord {
  if (type.kind === 'record') return type
  if (type.kind === 'union') {
    const [only, ...more] = type.branches.filter((branch) => branch.kind !== 'null')
    if (only?.kind === 'record' && more.length === 0) return only
  }
  throw invalidAvro(`its field ${name} is written as ${type.kind}, not as a record`)
}
