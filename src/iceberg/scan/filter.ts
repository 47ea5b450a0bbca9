import type { DataFile, ManifestFile } from '../spec/manifest.ts'
import { partitionType } from '../spec/partition.ts'
import { fieldPlace } from '../spec/schema.ts'
import { isPrimitive } from '../spec/type-text.ts'
import type { PartitionSpec, PrimitiveType, Schema } from '../spec/types.ts'
import { type Facts, factsOfFile, factsOfSummary, factsOfValue } from './facts.ts'
import { mightMatch, mustMatch } from './leaf.ts'
import { evaluate, leavesOf, type PlainPredicate, type Predicate, type PredicateLeaf, withoutNot } from './predicate.ts'
import { projectInclusive, projectStrict } from './project.ts'

/** How many of a file's rows match: all of them for sure, none for sure, or some perhaps. */
export type FileClass = 'all' | 'none' | 'some'

/** Where the statistics of a file's columns come from, when not from the file itself. */
export type FactsOf = (fieldId: number, type: PrimitiveType) => Facts

interface ProjectedLeaf {
  /** Place of the partition field in the spec and in the tuple. */
  readonly at: number
  readonly type: PrimitiveType
  readonly leaf: PredicateLeaf
}

interface SpecProjection {
  readonly fieldCount: number
  readonly inclusive: ReadonlyMap<PredicateLeaf, readonly ProjectedLeaf[]>
  readonly strict: ReadonlyMap<PredicateLeaf, readonly ProjectedLeaf[]>
}

/**
 * A filter made ready for one table: projected through each partition spec on its own (I15), asked of manifests and files.
 * Pure: looks only at manifest list entries and statistics.
 */
export class TableFilter {
  readonly #predicate: PlainPredicate
  readonly #types: ReadonlyMap<PredicateLeaf, PrimitiveType>
  readonly #nested: ReadonlySet<PredicateLeaf>
  readonly #projections: ReadonlyMap<number, SpecProjection>

  constructor(predicate: Predicate, schema: Schema, specs: readonly PartitionSpec[]) {
    this.#predicate = withoutNot(predicate)
    const leaves = leavesOf(this.#predicate)
    this.#types = leafTypes(leaves, schema)
    this.#nested = new Set(leaves.filter((leaf) => fieldPlace(schema, leaf.fieldId)?.parentId !== undefined))
    this.#projections = new Map(specs.map((spec) => [spec.specId, project(leaves, this.#types, spec, schema)]))
  }

  /** False when no file of the manifest can hold a matching row (partition summaries of the manifest list). */
  manifestMightMatch(manifest: ManifestFile): boolean {
    const projection = this.#projections.get(manifest.partitionSpecId)
    const summaries = manifest.partitions
    const known = projection !== undefined && summaries !== undefined && summaries.length === projection.fieldCount
    return evaluate(this.#predicate, (leaf) => {
      if (!known) return true
      return (projection.inclusive.get(leaf) ?? []).every(({ at, type, leaf: projected }) => {
        const summary = summaries[at]
        return summary === undefined || mightMatch(projected, factsOfSummary(summary, type))
      })
    })
  }

  /** False when no row of the file can match (partition value and statistics). Deletes are not looked at. */
  fileMightMatch(file: DataFile, facts: FactsOf = (id, type) => factsOfFile(file, id, type)): boolean {
    if (file.recordCount === 0n) return false
    return evaluate(this.#predicate, (leaf) => this.#partitionMight(file, leaf) && this.#metricsMight(leaf, facts))
  }

  /** As {@link fileMightMatch} by the partition alone: for delete files, whose statistics are not those of the rows. */
  partitionMightMatch(file: DataFile): boolean {
    return evaluate(this.#predicate, (leaf) => this.#partitionMight(file, leaf))
  }

  /** True when every row of the file's partition matches. */
  partitionMustMatch(file: DataFile): boolean {
    return evaluate(this.#predicate, (leaf) => this.#partitionMust(file, leaf))
  }

  /** Whether all, none or perhaps some of the file's rows match. `all` is a promise: the file may be deleted whole. */
  classify(file: DataFile): FileClass {
    if (!this.fileMightMatch(file)) return 'none'
    const all = evaluate(this.#predicate, (leaf) => this.#partitionMust(file, leaf) || this.#metricsMust(file, leaf))
    return all ? 'all' : 'some'
  }

  #partitionMight(file: DataFile, leaf: PredicateLeaf): boolean {
    const projection = this.#projections.get(file.specId)
    if (projection === undefined || projection.fieldCount !== file.partition.length) return true
    const projected = projection.inclusive.get(leaf)
    return projected === undefined || projected.every((part) => mightMatch(part.leaf, partitionFacts(file, part.at)))
  }

  #partitionMust(file: DataFile, leaf: PredicateLeaf): boolean {
    const projection = this.#projections.get(file.specId)
    if (projection === undefined || projection.fieldCount !== file.partition.length) return false
    const projected = projection.strict.get(leaf) ?? []
    return projected.some((part) => mustMatch(part.leaf, partitionFacts(file, part.at)))
  }

  #metricsMight(leaf: PredicateLeaf, facts: FactsOf): boolean {
    const type = this.#types.get(leaf)
    return type === undefined || mightMatch(leaf, this.#usable(leaf, facts(leaf.fieldId, type)))
  }

  #metricsMust(file: DataFile, leaf: PredicateLeaf): boolean {
    const type = this.#types.get(leaf)
    return type !== undefined && mustMatch(leaf, this.#usable(leaf, factsOfFile(file, leaf.fieldId, type)))
  }

  /** Writers differ in whether a null struct counts as a null of its fields: below a struct, "no nulls" is not believed. */
  #usable(leaf: PredicateLeaf, facts: Facts): Facts {
    return facts.hasNull === false && this.#nested.has(leaf) ? { ...facts, hasNull: undefined } : facts
  }
}

/**
 * Whether a predicate matches all, none or perhaps some rows of a file (strict and inclusive metrics evaluation). Rows that
 * delete files take away are not looked at.
 */
export function classifyFile(file: DataFile, predicate: Predicate, schema: Schema, spec: PartitionSpec): FileClass {
  return new TableFilter(predicate, schema, [spec]).classify(file)
}

/**
 * The files' statistics are usable for fields that have one value a row: not below lists and maps, whose counts are of
 * elements. Other leaves have no type here and never prune.
 */
function leafTypes(leaves: readonly PredicateLeaf[], schema: Schema): ReadonlyMap<PredicateLeaf, PrimitiveType> {
  const types = new Map<PredicateLeaf, PrimitiveType>()
  for (const leaf of leaves) {
    const type = fieldPlace(schema, leaf.fieldId)?.field.type
    if (type !== undefined && isPrimitive(type) && !isRepeated(schema, leaf.fieldId)) types.set(leaf, type)
  }
  return types
}

function isRepeated(schema: Schema, fieldId: number): boolean {
  const parent = fieldPlace(schema, fieldId)?.parentId
  if (parent === undefined) return false
  return fieldPlace(schema, parent)?.field.type.kind !== 'struct' || isRepeated(schema, parent)
}

function project(
  leaves: readonly PredicateLeaf[],
  types: ReadonlyMap<PredicateLeaf, PrimitiveType>,
  spec: PartitionSpec,
  schema: Schema,
): SpecProjection {
  const resultTypes = partitionType(spec, schema)
  const inclusive = new Map<PredicateLeaf, readonly ProjectedLeaf[]>()
  const strict = new Map<PredicateLeaf, readonly ProjectedLeaf[]>()
  for (const leaf of leaves) {
    const source = types.get(leaf)
    if (source === undefined) continue
    const through = (how: typeof projectInclusive): ProjectedLeaf[] =>
      spec.fields.flatMap((field, at) => {
        if (field.sourceIds.length !== 1 || field.sourceIds[0] !== leaf.fieldId) return []
        const type = resultTypes[at]?.type
        const projected = how(leaf, field, source)
        return projected === undefined || type === undefined || !isPrimitive(type)
          ? []
          : [{ at, type, leaf: projected }]
      })
    inclusive.set(leaf, through(projectInclusive))
    strict.set(leaf, through(projectStrict))
  }
  return { fieldCount: spec.fields.length, inclusive, strict }
}

function partitionFacts(file: DataFile, at: number) {
  return factsOfValue(file.partition[at] ?? null)
}
