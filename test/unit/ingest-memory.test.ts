import { describe, expect, it } from 'vitest'
import { IceboxError } from '../../src/base/index.ts'
import { merged } from '../../src/ingest/inspect/json-structure.ts'
import { refuseTooManyColumns } from '../../src/ingest/plan/column-limit.ts'
import { readCsv } from '../../src/ingest/read/csv-select.ts'
import type { ColumnMapping, CsvDescription, JsonShape } from '../../src/ingest/read/description.ts'
import { withLineSizes } from '../../src/ingest/read/line-sizes.ts'

describe('buffers of a CSV reader', () => {
  const group = {
    paths: ['a.csv'],
    compression: 'none' as const,
    dialect: { delimiter: ',', quote: '"', escape: '"', hasHeader: true },
    names: ['a'],
  }
  const description: CsvDescription = {
    format: 'csv',
    groups: [group],
    encoding: undefined,
    nullText: undefined,
    hive: [],
  }

  it.each([
    [1, 0],
    [2_000_000, 4_001_792],
    [14_100_000, 3_874_816],
    [64_000_000, 16_777_216],
  ])('for lines of %d bytes are a whole multiple of them: with a rest DuckDB fails valid files', (line, buffer) => {
    const sql = readCsv(description, group, { maxLineSizeBytes: line, bufferBytes: buffer })
    const longest = Number(/max_line_size = (\d+)/.exec(sql)?.[1])
    const size = Number(/buffer_size = (\d+)/.exec(sql)?.[1])
    expect(longest).toBeGreaterThanOrEqual(line)
    expect(size % longest).toBe(0)
    expect(size / longest).toBeGreaterThanOrEqual(2)
    expect(size % 16).toBe(0)
  })
})

describe('tries with longer lines', () => {
  const tooLong = (limitBytes: number) =>
    new IceboxError('source/line-too-long', { message: 'too long', context: { limitBytes } })
  const sizesTried = async (limitBytes: number, fits: (size: number) => boolean) => {
    const sizes: (number | undefined)[] = []
    await withLineSizes({ files: [], hasLines: false, limitBytes }, async (size) => {
      sizes.push(size)
      if (!fits(size ?? 2_000_000)) throw tooLong(size ?? 2_000_000)
    }).catch((error: unknown) => sizes.push(error instanceof IceboxError ? -1 : -2))
    return sizes
  }

  it('grow by four up to the limit where lines cannot be measured, and end there', async () => {
    expect(await sizesTried(64e6, (size) => size > 10e6)).toEqual([undefined, 8e6, 32e6])
    expect(await sizesTried(20e6, () => false)).toEqual([undefined, 8e6, 20e6, -1])
    expect(await sizesTried(1e6, () => false)).toEqual([undefined, -1])
  })
})

describe('more columns than memory can write', () => {
  const columns = (count: number, kind: 'long' | 'string'): ColumnMapping[] =>
    Array.from({ length: count }, (_, at) => ({
      name: `c${at}`,
      source: `c${at}`,
      type: { kind },
      isDeclared: false,
    }))

  it('are refused before anything is written, with the columns and the bytes', () => {
    expect(() => refuseTooManyColumns('csv', columns(1_000, 'long'), 93e6)).toThrow(/1,000 columns .*280 MB.*93 MB/)
    expect(() => refuseTooManyColumns('csv', columns(300, 'long'), 93e6)).not.toThrow()
  })

  it('texts and Parquet are not checked and take half', () => {
    expect(() => refuseTooManyColumns('csv', columns(600, 'string'), 93e6)).not.toThrow()
    expect(() => refuseTooManyColumns('parquet', columns(600, 'long'), 93e6)).not.toThrow()
  })
})

describe('the structure of JSON objects together', () => {
  const leaf = (values: 'integer' | 'real' | 'text' | 'none' | 'mixed' | 'boolean'): JsonShape => ({
    kind: 'leaf',
    values,
  })
  const struct = (fields: Record<string, JsonShape>): JsonShape => ({
    kind: 'struct',
    fields: Object.entries(fields).map(([name, shape]) => ({ name, shape })),
  })

  it('has the fields of all, in the order in which they came', () => {
    expect(merged(struct({ a: leaf('integer') }), struct({ b: leaf('text'), a: leaf('none') }))).toEqual(
      struct({ a: leaf('integer'), b: leaf('text') }),
    )
  })

  it('mixes what has no type in common, and makes reals of whole numbers beside them', () => {
    expect(merged(leaf('integer'), leaf('real'))).toEqual(leaf('real'))
    const mixed = (...kinds: string[]) => ({ ...leaf('mixed'), kinds })
    expect(merged(leaf('integer'), leaf('text'))).toEqual(mixed('numbers', 'text'))
    expect(merged(leaf('boolean'), leaf('integer'))).toEqual(mixed('true and false', 'numbers'))
    expect(merged(struct({ a: leaf('text') }), leaf('text'))).toEqual(mixed('objects', 'text'))
    expect(merged(struct({ a: leaf('text') }), leaf('none'))).toEqual(struct({ a: leaf('text') }))
    expect(merged({ kind: 'list', element: leaf('none') }, { kind: 'list', element: leaf('real') })).toEqual({
      kind: 'list',
      element: leaf('real'),
    })
  })
})
