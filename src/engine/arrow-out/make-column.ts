import { IceboxError } from '../../base/index.ts'
import { SAME_WIDTHS } from '../arrow-types.ts'
import { type Binding, TYPE, type Vector } from '../binding.ts'
import { decodeVector, unreadableType } from '../decode.ts'
import type { EngineType } from '../types.ts'
import { typeText } from '../types.ts'
import type { ArrowColumn } from './column.ts'
import { BOOLEANS, FixedColumn, hugeIntegers, sameBytes, widened } from './fixed-column.ts'
import { ChildrenColumn, ListColumn, UnionColumn } from './nested-columns.ts'
import { StringColumn } from './string-column.ts'
import { NullColumn, TextColumn } from './text-column.ts'

/** Types that are text in Arrow. */
export const AS_TEXT: ReadonlySet<number> = new Set([
  TYPE.ENUM,
  TYPE.UUID,
  TYPE.INTERVAL,
  TYPE.BIT,
  TYPE.BIGNUM,
  TYPE.TIME_TZ,
])

/**
 * `arrow`: as the schema says, refused where it does not fit. `values`: the same buffers between our own processes, where
 * integers of 128 bits stay as they are.
 */
export type BodyForm = 'arrow' | 'values'

/**
 * The way of a result column into Arrow's buffers; `arrowType` says what they are. Rejects (throws)
 * `schema/unsupported-type`, or for `values` what reading the column in this process would.
 */
export function makeColumn(binding: Binding, type: EngineType, form: BodyForm): ArrowColumn {
  switch (type.kind) {
    case 'plain':
      return makePlain(binding, type, form)
    case 'decimal':
      return new FixedColumn(binding, decimalForm(type.storage))
    case 'enum':
      return makeText(binding, type)
    case 'list':
      return new ListColumn(binding, makeColumn(binding, type.element, form))
    case 'array':
      return new ChildrenColumn(
        binding,
        [makeColumn(binding, type.element, form)],
        (vector) => binding.array_vector_get_child(vector),
        type.length,
      )
    case 'map': {
      const entries = [makeColumn(binding, type.key, form), makeColumn(binding, type.value, form)]
      return new ListColumn(binding, new ChildrenColumn(binding, entries, childOf(binding)))
    }
    case 'struct': {
      const fields = type.fields.map((field) => makeColumn(binding, field.type, form))
      return new ChildrenColumn(binding, fields, childOf(binding))
    }
    case 'union':
      return new UnionColumn(
        binding,
        type.fields.map((field) => makeColumn(binding, field.type, form)),
      )
    default:
      return type satisfies never
  }
}

const childOf = (binding: Binding) => (vector: Vector, at: number) => binding.struct_vector_get_child(vector, at)

function decimalForm(storage: number) {
  if (storage === TYPE.SMALLINT) return widened(2)
  if (storage === TYPE.INTEGER) return widened(4)
  return storage === TYPE.BIGINT ? widened(8) : sameBytes(16)
}

function makePlain(binding: Binding, type: EngineType, form: BodyForm): ArrowColumn {
  const { id } = type
  const width = SAME_WIDTHS[id]
  if (width !== undefined) return new FixedColumn(binding, sameBytes(width))
  if (AS_TEXT.has(id)) return makeText(binding, type)
  switch (id) {
    case TYPE.BOOLEAN:
      return new FixedColumn(binding, BOOLEANS)
    case TYPE.HUGEINT:
    case TYPE.UHUGEINT:
      return new FixedColumn(binding, form === 'values' ? sameBytes(16) : hugeIntegers(id === TYPE.HUGEINT))
    case TYPE.VARCHAR:
    case TYPE.BLOB:
    case TYPE.GEOMETRY:
      return new StringColumn(binding)
    case TYPE.SQLNULL:
      return new NullColumn()
    default:
      throw form === 'values' ? unreadableType(id) : withoutArrowForm(type)
  }
}

function makeText(binding: Binding, type: EngineType): ArrowColumn {
  return new TextColumn((vector, count) =>
    decodeVector(binding, vector, type, count).map((value) => (value === null ? null : textOf(value))),
  )
}

/** BIGNUM decodes to an integer, the others to text. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : String(value)
}

export function withoutArrowForm(type: EngineType): IceboxError {
  const name = typeText(type)
  return new IceboxError('schema/unsupported-type', {
    message: `a column of type ${name} has no Arrow form`,
    remedy: 'cast it in the statement, for example CAST(column AS VARCHAR)',
    context: { type: name },
  })
}
