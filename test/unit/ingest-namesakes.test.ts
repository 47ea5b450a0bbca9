import { expect, it } from 'vitest'
import type { NestedField, Schema, Type } from '../../src/iceberg/index.ts'
import { RowEncoder } from '../../src/ingest/stream/encode-rows.ts'
import { refuseNamesakes } from '../../src/ingest/types/namesakes.ts'
import { shownNames } from '../../src/query/views/columns.ts'
import { parseShape } from '../../src/query/views/shape.ts'

let id = 0
const field = (name: string, type: Type = { kind: 'long' }): NestedField => ({ id: ++id, name, type, required: false })
const struct = (...names: string[]): Type => ({ kind: 'struct', fields: names.map((name) => field(name)) })
const schema = (...fields: NestedField[]): Schema => ({ schemaId: 0, identifierFieldIds: [], fields })

it.each([
  ['columns', schema(field('ID'), field('id')), ['ID', 'id']],
  ['fields', schema(field('s', struct('a', 'A'))), ['s.a', 's.A']],
  [
    'fields in lists',
    schema(field('l', { kind: 'list', elementId: 90, element: struct('ß', 'x', 'X'), elementRequired: false })),
    ['l.element.x', 'l.element.X'],
  ],
  [
    'fields in maps',
    schema(
      field('m', {
        kind: 'map',
        keyId: 91,
        key: { kind: 'string' },
        valueId: 92,
        value: struct('v', 'V'),
        valueRequired: false,
      }),
    ),
    ['m.value.v', 'm.value.V'],
  ],
])('%s that differ by case only get no rows, of writes or appends', (_what, table, names) => {
  const refused = expect.objectContaining({ code: 'schema/unsupported-type', context: { names } })
  expect(() => refuseNamesakes(table)).toThrow(refused)
  expect(() => new RowEncoder(table, 1000)).toThrow(refused)
})

it('the same name on two levels or in two structs is none of them', () => {
  expect(() => refuseNamesakes(schema(field('a', struct('A', 'b')), field('b', struct('a', 'B'))))).not.toThrow()
})

it('are shown under names of their own, which no other has', () => {
  const names = (...of: string[]) => shownNames(of.map((name) => ({ name })))
  expect(names('X', 'x', 'x_1', 'Y')).toEqual(['X', 'x_2', 'x_1', 'Y'])
  expect(names('ab', 'AB', 'Ab')).toEqual(['ab', 'AB_1', 'Ab_2'])
})

it('and are found in files as DuckDB calls them there', () => {
  const node = (n: string, c = 0) => ({ n, i: null, c, t: c === 0 ? 'BIGINT' : '', k: '' })
  const tree = [node('root', 1), node('s', 4), node('X'), node('x'), node('x_1'), node('XX')]
  const [column] = parseShape(JSON.stringify(tree)).columns
  expect(column?.children.map(({ name, engineName }) => [name, engineName])).toEqual([
    ['X', 'X'],
    ['x', 'x_1'],
    ['x_1', 'x_1_1'],
    ['XX', 'XX'],
  ])
})
