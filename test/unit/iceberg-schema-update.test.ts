import { describe, expect, it } from 'vitest'
import {
  SchemaUpdate,
  type NestedField,
  printTableMetadata,
  type TableMetadata,
  columnName,
} from '../../src/iceberg/index.ts'
import { updatedNameMapping } from '../../src/iceberg/transaction/name-mapping-update.ts'
import { newTable } from './support/iceberg-table.ts'

const long = { kind: 'long' } as const
const string = { kind: 'string' } as const
const column = (id: number, name: string, type: NestedField['type'], required = false): NestedField => ({
  id,
  name,
  type,
  required,
})

/** a long, s struct<x int, y string>, l list<struct<e float>>, m map<string, struct<v decimal(9,2)>>, r long required */
const table: TableMetadata = newTable({
  schema: {
    schemaId: 0,
    identifierFieldIds: [5],
    fields: [
      column(1, 'a', long),
      column(2, 's', { kind: 'struct', fields: [column(6, 'x', { kind: 'int' }), column(7, 'y', string)] }),
      column(3, 'l', {
        kind: 'list',
        elementId: 8,
        element: { kind: 'struct', fields: [column(9, 'e', { kind: 'float' })] },
        elementRequired: false,
      }),
      column(4, 'm', {
        kind: 'map',
        keyId: 10,
        key: string,
        valueId: 11,
        value: { kind: 'struct', fields: [column(12, 'v', { kind: 'decimal', precision: 9, scale: 2 })] },
        valueRequired: false,
      }),
      column(5, 'r', long, true),
    ],
  },
})
const update = (change: (u: SchemaUpdate) => void, metadata = table) => {
  const made = new SchemaUpdate(metadata)
  change(made)
  return made
}
const names = (change: (u: SchemaUpdate) => void) =>
  update(change)
    .result()
    .fields.map((field) => field.name)
const withRows: TableMetadata = {
  ...table,
  currentSnapshotId: 3n,
  snapshots: [{ snapshotId: 3n, sequenceNumber: 1n, timestampMs: 1n, manifestList: 'x', summary: {} }],
}

describe('SchemaUpdate', () => {
  it.each<[string, (u: SchemaUpdate) => void]>([
    ['added', (u) => u.addColumn('A', long)],
    ['added to a struct', (u) => u.addColumn('X', long, { parent: 's' })],
    ['added to the elements of a list', (u) => u.addColumn('E', long, { parent: 'l' })],
    ['renamed', (u) => u.rename('r', 'A')],
    ['renamed in a struct', (u) => u.rename('s.y', 'X')],
    [
      'within what is added',
      (u) => u.addColumn('n', { kind: 'struct', fields: [column(1, 'v', long), column(2, 'V', long)] }),
    ],
  ])('refuses names that differ by case only: %s', (_, change) => {
    expect(() => update(change)).toThrow(/columns '\w' and '\w' differ by case only or not at all/)
  })

  it('changes the case of a name, and changes and drops the twins of other writers', () => {
    expect(names((u) => u.rename('a', 'A'))).toEqual(['A', 's', 'l', 'm', 'r'])
    const twins = newTable({
      schema: { schemaId: 0, identifierFieldIds: [], fields: [column(1, 'id', long), column(2, 'ID', long)] },
    })
    const left = (change: (u: SchemaUpdate) => void) =>
      update(change, twins)
        .result()
        .fields.map((field) => field.name)
    expect(left((u) => u.addColumn('x', long).setDoc('ID', 'd'))).toEqual(['id', 'ID', 'x'])
    expect(left((u) => u.rename('ID', 'other'))).toEqual(['id', 'other'])
    expect(left((u) => u.drop('ID'))).toEqual(['id'])
    expect(left((u) => u.drop('id'))).toEqual(['ID'])
    expect(left((u) => u.move('ID', { before: 'id' }))).toEqual(['ID', 'id'])
    expect(() => left((u) => u.rename('ID', 'Id'))).toThrow("columns 'id' and 'Id' differ by case only or not at all")
  })

  it('adds columns with ids never used before, also below structs, lists and maps (I3)', () => {
    const made = update((u) =>
      u
        .addColumn('new', { kind: 'list', elementId: 1, element: string, elementRequired: false }, { doc: 'd' })
        .addColumn('z', long, { parent: 's' })
        .addColumn('z', long, { parent: 'l' })
        .addColumn('z', long, { parent: ['m', 'value'] }),
    )
    const schema = made.result()
    expect([13, 14, 15, 16, 17].map((id) => columnName(schema, id))).toEqual([
      'new',
      'new.element',
      's.z',
      'l.element.z',
      'm.value.z',
    ])
    expect(made.lastColumnId).toBe(17)
    expect(schema.fields.at(-1)?.doc).toBe('d')
  })

  it('does not give the id of a dropped column again', () => {
    const made = update((u) => u.addColumn('n', long).drop('n').addColumn('n', long))
    expect(made.result().fields.at(-1)?.id).toBe(14)
  })

  it('drops, renames and moves at every level', () => {
    expect(names((u) => u.drop('a'))).toEqual(['s', 'l', 'm', 'r'])
    expect(names((u) => u.rename('a', 'b').move('b', { after: 'l' }))).toEqual(['s', 'l', 'b', 'm', 'r'])
    expect(names((u) => u.move('r', 'first').move('l', { before: 'a' }))).toEqual(['r', 'l', 'a', 's', 'm'])
    const nested = update((u) => u.move('s.y', 'first').rename(['s', 'x'], 'w').rename('l.element.e', 'f')).result()
    expect(nested.fields[1]?.type).toEqual({
      kind: 'struct',
      fields: [column(7, 'y', string), column(6, 'w', { kind: 'int' })],
    })
    expect(columnName(nested, 9)).toBe('l.element.f')
  })

  it('widens and changes nullability and comments', () => {
    const schema = update((u) =>
      u
        .widen('s.x', long)
        .widen('l.element.e', { kind: 'double' })
        .widen('m.value.v', { kind: 'decimal', precision: 12, scale: 2 })
        .setIdentifierFields([])
        .makeOptional('r')
        .requireColumn('a')
        .setDoc('a', 'first')
        .requireColumn('l.element'),
    ).result()
    expect(schema.fields[0]).toEqual({ ...column(1, 'a', long, true), doc: 'first' })
    expect(schema.fields[4]).toEqual(column(5, 'r', long))
    expect(schema.fields[2]?.type).toMatchObject({
      elementRequired: true,
      element: { fields: [{ id: 9, type: { kind: 'double' } }] },
    })
    expect(schema.fields[3]?.type).toMatchObject({ value: { fields: [{ type: { kind: 'decimal', precision: 12 } }] } })
    expect(schema.fields[1]?.type).toMatchObject({ fields: [{ id: 6, type: long }, { id: 7 }] })
  })

  it('widens the defaults with their column, at every level', () => {
    const schema = update((u) =>
      u
        .addColumn('i', { kind: 'int' }, { default: -7 })
        .addColumn('f', { kind: 'float' }, { default: 0.5 })
        .addColumn('d', { kind: 'decimal', precision: 5, scale: 2 }, { default: 125n })
        .addColumn('n', { kind: 'int' }, { parent: 's', default: 3 })
        .widen('i', long)
        .widen('f', { kind: 'double' })
        .widen('d', { kind: 'decimal', precision: 9, scale: 2 })
        .widen('s.n', long),
    ).result()
    const at = (name: string) => schema.fields.find((field) => field.name === name)
    expect(at('i')).toMatchObject({ type: long, initialDefault: -7n, writeDefault: -7n })
    expect(at('f')).toMatchObject({ type: { kind: 'double' }, initialDefault: 0.5, writeDefault: 0.5 })
    expect(at('d')).toMatchObject({ type: { precision: 9 }, initialDefault: 125n, writeDefault: 125n })
    expect(at('s')?.type).toMatchObject({ fields: [{}, {}, { type: long, initialDefault: 3n, writeDefault: 3n }] })
    const text = printTableMetadata({ ...table, formatVersion: 3, nextRowId: 0n, schemas: [schema] })
    expect(text).toContain('"initial-default":-7')
  })

  it.each<[string, (u: SchemaUpdate) => void]>([
    ["no column 'nope'", (u) => u.drop('nope')],
    ["a column 's' already", (u) => u.addColumn('s', long)],
    ["a column 'y' already", (u) => u.rename('s.x', 'y')],
    ["'a' of type long cannot become int", (u) => u.widen('a', { kind: 'int' })],
    ['cannot become decimal(12, 3)', (u) => u.widen('m.value.v', { kind: 'decimal', precision: 12, scale: 3 })],
    ['identifies rows', (u) => u.drop('r')],
    ['identifies rows', (u) => u.makeOptional('r')],
    ["no other column 'q'", (u) => u.move('a', { before: 'q' })],
    ["no other column 'a'", (u) => u.move('a', { before: 'a' })],
    ['the only column', (u) => u.drop('l.element.e')],
    ['key of map', (u) => u.widen('m.key', string)],
    ['is a long and has no columns', (u) => u.addColumn('x', long, { parent: 'a' })],
    ['is a list and has no columns', (u) => u.rename('l.element', 'item')],
  ])('refuses with "%s"', (message, change) => {
    expect(() => update(change)).toThrow(
      expect.objectContaining({ code: 'iceberg/invalid-change', message: expect.stringContaining(message) as string }),
    )
  })

  it('requires a column of a table with rows only after the caller looked at its snapshot', () => {
    expect(() => update((u) => u.requireColumn('a'), withRows)).toThrow('may hold null')
    expect(() => update((u) => u.requireColumn('a', 2n), withRows)).toThrow('may hold null')
    expect(update((u) => u.requireColumn('a', 3n), withRows).dependsOnRows).toBe(true)
    expect(() => update((u) => u.addColumn('n', long, { required: true }), withRows)).toThrow('have no value')
    expect(update((u) => u.addColumn('n', long), withRows).dependsOnRows).toBe(false)
  })

  it('finds columns and fields whose names have dots', () => {
    const dotted = newTable({
      schema: {
        schemaId: 0,
        identifierFieldIds: [],
        fields: [
          column(1, 'a.b', long),
          column(2, 'a', { kind: 'struct', fields: [column(3, 'e', long), column(4, 'c.d', long)] }),
        ],
      },
    })
    expect(update((u) => u.rename('a.b', 'x'), dotted).result().fields[0]?.name).toBe('x')
    expect(columnName(update((u) => u.rename(['a', 'e'], 'x'), dotted).result(), 3)).toBe('a.x')
    expect(columnName(update((u) => u.rename('a.c.d', 'x'), dotted).result(), 4)).toBe('a.x')
  })
})

describe('the name mapping follows a schema change', () => {
  it('learns new names, keeps old ones, and gives a reused name to the new column', () => {
    const schema = { schemaId: 1, identifierFieldIds: [], fields: [column(1, 'b', long), column(3, 'c', long)] }
    const before = [
      { fieldId: 1, names: ['a'], fields: [] },
      { fieldId: 2, names: ['c', 'old'], fields: [] },
    ]
    expect(updatedNameMapping(before, schema)).toEqual([
      { fieldId: 1, names: ['a', 'b'], fields: [] },
      { fieldId: 2, names: ['old'], fields: [] },
      { fieldId: 3, names: ['c'], fields: [] },
    ])
  })
})
