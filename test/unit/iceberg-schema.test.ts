import { describe, expect, it } from 'vitest'
import {
  allFieldIds,
  assignFreshIds,
  columnName,
  fieldById,
  fieldByPath,
  fieldPlace,
  highestFieldId,
  isUnpartitioned,
  mappedField,
  nameMappingOf,
  parsePrimitiveType,
  parseTransform,
  parseType,
  partitionKey,
  type Schema,
  sameType,
  typeToString,
} from '../../src/iceberg/index.ts'

/** a, b: struct<c, d: list<struct<e>>>, f: map<string, struct<g>>, h; ids as someone else gave them. */
const schema: Schema = {
  schemaId: 4,
  identifierFieldIds: [70],
  fields: [
    { id: 70, name: 'a', required: true, type: { kind: 'long' } },
    {
      id: 60,
      name: 'b',
      required: false,
      type: {
        kind: 'struct',
        fields: [
          { id: 50, name: 'c', required: false, type: { kind: 'string' } },
          {
            id: 40,
            name: 'd',
            required: false,
            type: {
              kind: 'list',
              elementId: 30,
              elementRequired: false,
              element: { kind: 'struct', fields: [{ id: 20, name: 'e', required: true, type: { kind: 'int' } }] },
            },
          },
        ],
      },
    },
    {
      id: 10,
      name: 'f',
      required: false,
      type: {
        kind: 'map',
        keyId: 11,
        key: { kind: 'string' },
        valueId: 12,
        valueRequired: false,
        value: { kind: 'struct', fields: [{ id: 13, name: 'g', required: false, type: { kind: 'date' } }] },
      },
    },
    { id: 5, name: 'h.i', required: false, type: { kind: 'double' } },
  ],
}

describe('schema lookups', () => {
  it('find fields at any depth by id and by path', () => {
    expect(fieldByPath(schema, 'b.d.element.e')?.id).toBe(20)
    expect(fieldByPath(schema, 'f.value.g')?.id).toBe(13)
    expect(fieldByPath(schema, 'h.i')?.id).toBe(5)
    expect(fieldByPath(schema, 'B')).toBeUndefined()
    expect(fieldById(schema, 30)).toMatchObject({ name: 'element', required: false })
    expect(fieldById(schema, 99)).toBeUndefined()
    expect(columnName(schema, 12)).toBe('f.value')
    expect(columnName(schema, 99)).toBe('#99')
    expect(fieldPlace(schema, 20)).toMatchObject({ path: 'b.d.element.e', parentId: 30 })
    expect(highestFieldId(schema)).toBe(70)
    expect(highestFieldId({ schemaId: 0, fields: [], identifierFieldIds: [] })).toBe(0)
    expect(allFieldIds(schema)).toEqual([70, 60, 50, 40, 30, 20, 10, 11, 12, 13, 5])
  })
})

describe('fresh ids', () => {
  it('go level by level, as Java and PyIceberg give them (PyIceberg 0.12 assign_fresh_schema_ids)', () => {
    const { schema: fresh, idMap, lastColumnId } = assignFreshIds(schema)
    // Printed by PyIceberg for this schema: a 1, b 2, f 3, h.i 4, c 5, d 6, element 7, e 8, key 9, value 10, g 11.
    const paths = ['a', 'b', 'f', 'h.i', 'b.c', 'b.d', 'b.d.element', 'b.d.element.e', 'f.key', 'f.value', 'f.value.g']
    expect(paths.map((path) => fieldByPath(fresh, path)?.id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    expect(lastColumnId).toBe(11)
    expect(fresh.identifierFieldIds).toEqual([1])
    expect(idMap.get(13)).toBe(11)
    expect(fresh.schemaId).toBe(4)
  })

  it('start after the last that was ever given (I3)', () => {
    const { schema: fresh, lastColumnId } = assignFreshIds(schema, 100)
    expect(Math.min(...allFieldIds(fresh))).toBe(101)
    expect(lastColumnId).toBe(111)
  })
})

describe('types', () => {
  it('come back from their text', () => {
    for (const text of ['boolean', 'timestamptz_ns', 'unknown', 'decimal(9, 2)', 'decimal(38, 38)', 'fixed[16]']) {
      const type = parsePrimitiveType(text)
      expect(type === undefined ? undefined : typeToString(type)).toBe(text)
    }
    expect(parsePrimitiveType('decimal( 9,2 )')).toEqual({ kind: 'decimal', precision: 9, scale: 2 })
    for (const wrong of ['decimal(39, 2)', 'decimal(0, 0)', 'decimal(3, 4)', 'fixed[]', 'bigint', '']) {
      expect(parsePrimitiveType(wrong), wrong).toBeUndefined()
    }
  })

  it('are shown with their nested parts', () => {
    expect(typeToString({ kind: 'struct', fields: schema.fields.slice(1, 2) })).toBe(
      'struct<60: b: optional struct<50: c: optional string, 40: d: optional list<struct<20: e: required int>>>>',
    )
  })

  it('differ where a nested id or nullability differs', () => {
    const list = { type: 'list', 'element-id': 3, element: 'int', 'element-required': true }
    expect(sameType(parseType(list), parseType(list))).toBe(true)
    expect(sameType(parseType(list), parseType({ ...list, 'element-id': 4 }))).toBe(false)
    expect(sameType(parseType(list), parseType({ ...list, 'element-required': false }))).toBe(false)
    expect(sameType(parseType('decimal(9, 2)'), parseType('decimal(9, 3)'))).toBe(false)
  })
})

describe('partition keys', () => {
  it('differ for tuples that differ, also where their texts run together', () => {
    const tuples = [
      ['a', 'b'],
      ['ab', ''],
      ['a;s1:b', ''],
      [null, 'a'],
      ['n;', 'a'],
      [1, 1n],
      [1n, 1],
      [true, 1],
      [Uint8Array.of(1), null],
      ['01', null],
      [Number.NaN, null],
    ]
    expect(new Set(tuples.map(partitionKey)).size).toBe(tuples.length)
    expect(partitionKey([Uint8Array.of(1, 2), Number.NaN])).toBe(partitionKey([Uint8Array.of(1, 2), Number.NaN]))
  })

  it('a spec of void fields is one partition', () => {
    const field = { fieldId: 1000, sourceIds: [1], name: 'x' }
    expect(isUnpartitioned({ specId: 0, fields: [] })).toBe(true)
    expect(isUnpartitioned({ specId: 0, fields: [{ ...field, transform: parseTransform('void') }] })).toBe(true)
    expect(isUnpartitioned({ specId: 0, fields: [{ ...field, transform: parseTransform('day') }] })).toBe(false)
  })
})

it('a name mapping of a schema finds its fields level by level', () => {
  const mapping = nameMappingOf(schema)
  const list = mappedField(mappedField(mapping, 'b')?.fields ?? [], 'd')
  expect(list?.fieldId).toBe(40)
  expect(mappedField(mappedField(list?.fields ?? [], 'element')?.fields ?? [], 'e')?.fieldId).toBe(20)
  // A dot in a name means nothing.
  expect(mappedField(mapping, 'h.i')?.fieldId).toBe(5)
  expect(mappedField(mapping, 'b.c')).toBeUndefined()
})
