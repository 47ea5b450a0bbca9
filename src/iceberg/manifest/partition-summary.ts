import type { FieldSummary } from '../spec/manifest.ts'
import type { Literal, PartitionTuple, PrimitiveType } from '../spec/types.ts'
import { compareLiterals, encodeValue } from '../values/index.ts'

/** Gathers what a manifest list says of a manifest's partitions (Iceberg spec, `field_summary`). */
export class PartitionSummaries {
  private readonly fields: FieldRange[]

  constructor(types: readonly PrimitiveType[]) {
    this.fields = types.map((type) => new FieldRange(type))
  }

  add(tuple: PartitionTuple): void {
    for (let at = 0; at < this.fields.length; at++) this.fields[at]?.add(tuple[at] ?? null)
  }

  result(): FieldSummary[] {
    return this.fields.map((field) => field.result())
  }
}

class FieldRange {
  private containsNull = false
  private containsNan = false
  private lower: Literal | undefined
  private upper: Literal | undefined
  private readonly type: PrimitiveType

  constructor(type: PrimitiveType) {
    this.type = type
  }

  add(value: Literal | null): void {
    if (value === null) this.containsNull = true
    // NaN is never a bound.
    else if (typeof value === 'number' && Number.isNaN(value)) this.containsNan = true
    else {
      if (this.lower === undefined || compareLiterals(this.type, value, this.lower) < 0) this.lower = value
      if (this.upper === undefined || compareLiterals(this.type, value, this.upper) > 0) this.upper = value
    }
  }

  result(): FieldSummary {
    const isFloating = this.type.kind === 'float' || this.type.kind === 'double'
    return {
      containsNull: this.containsNull,
      ...(isFloating && { containsNan: this.containsNan }),
      ...(this.lower !== undefined && { lowerBound: encodeValue(this.type, this.lower) }),
      ...(this.upper !== undefined && { upperBound: encodeValue(this.type, this.upper) }),
    }
  }
}
