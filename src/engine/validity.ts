import type { Binding, Vector } from './binding.ts'

/** One bit a row, set where the row has a value; null where all rows have one. */
export type Validity = Uint8Array | null

export function readValidity(binding: Binding, vector: Vector, count: number): Validity {
  // The binding's types leave out that it gives null for a vector without nulls.
  const bytes: Uint8Array | null = binding.vector_get_validity(vector, Math.ceil(count / 64) * 8)
  return bytes ?? null
}

export function isValid(validity: Validity, row: number): boolean {
  return validity === null || (((validity[row >> 3] ?? 0) >> (row & 7)) & 1) === 1
}
