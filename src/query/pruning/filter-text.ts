import type { NestedField, Predicate, PrimitiveType } from '../../iceberg/index.ts'
import { isKeyword, nameOf, stringValue, type Token, tokenize } from '../text/tokenizer.ts'
import { literalBehindCast } from './column-cast.ts'
import { and, or, TRUE } from './connectives.ts'
import { FilterCursor, NotUnderstood } from './filter-cursor.ts'
import { type LiteralText, literalFromPlan } from './literal-text.ts'

/** What a filter of a plan says for certain. */
export interface FilterReading {
  /** Every row that passes the filter matches it. */
  readonly predicate: Predicate
  /** True where the filter passes every row that matches `predicate`: the two are the same. */
  readonly isExact: boolean
}

export interface FilterContext {
  /** The field of a column of the scan (`t1·f4`), with the path inside a struct; undefined: not of this scan. */
  readonly resolve: (column: string, path: readonly string[]) => NestedField | undefined
  /** True where the session's time zone is UTC, so that a timestamp cast to timestamptz keeps its number. */
  readonly isUtc: boolean
}

/** What a part of a filter says. */
interface Reading extends FilterReading {
  /**
   * True where it is null for the rows for which `predicate` is null, and false where that is false. Rows for which a filter
   * is null do not pass, as if it were false, so this matters only below a NOT.
   */
  readonly isNullAlike: boolean
}

const NOTHING: Reading = { predicate: TRUE, isExact: false, isNullAlike: false }
const COMPARISONS = { '=': 'eq', '<': 'lt', '<=': 'le', '>': 'gt', '>=': 'ge', '!=': 'ne', '<>': 'ne' } as const
const MIRRORED = { eq: 'eq', lt: 'gt', le: 'ge', gt: 'lt', ge: 'le', ne: 'ne' } as const
type Comparison = keyof typeof MIRRORED

/**
 * Reads what DuckDB prints of the filters of a scan, one a line: `t1·f3>='2020-03-01'::DATE AND t1·f3<…`,
 * `optional: t1·f1 IN (1, 5)`, `((t1·f2 = 'a') OR …)`. Only comparisons, IN, IS [NOT] NULL, starts_with and their AND, OR
 * and NOT are understood; whatever else is there makes its line say nothing, never something wrong.
 *
 * Without brackets DuckDB prints `a AND b OR c` for both groupings of it. Read with AND binding tighter, the text is
 * implied by every grouping (induction over the tree), so the reading is safe for pruning; it is not exact.
 */
export function readFilters(lines: readonly string[], context: FilterContext): FilterReading {
  // A string literal with a line break was cut into two lines by the printer: only the whole shows where strings end.
  const tokens = [...tokenize(lines.join('\n'))]
  const groups: Token[][] = [[]]
  let isComplete = true
  for (const token of tokens) {
    if (token.kind === 'unterminated') {
      // A zero byte cuts the text in the middle of a string: nothing after it can be trusted, nor what it is in.
      groups.pop()
      isComplete = false
      break
    }
    if (token.kind === 'space' && token.depth === 0 && token.text.includes('\n')) groups.push([])
    else if (token.kind !== 'space') groups.at(-1)?.push(token)
  }
  const readings = groups.filter((group) => group.length > 0).map((group) => new FilterReader(group, context).read())
  return {
    predicate: and(readings.map((reading) => reading.predicate)),
    isExact: isComplete && readings.every((reading) => reading.isExact),
  }
}

interface ColumnOperand {
  readonly field: NestedField
  readonly type: PrimitiveType
  /** The type that the column is cast to for the comparison. */
  readonly castTo: string | undefined
  readonly isNested: boolean
}

class FilterReader {
  readonly #cursor: FilterCursor
  readonly #context: FilterContext

  constructor(tokens: readonly Token[], context: FilterContext) {
    this.#cursor = new FilterCursor(tokens)
    this.#context = context
  }

  read(): Reading {
    try {
      const reading = this.#level()
      return this.#cursor.isAtEnd ? reading : NOTHING
    } catch (error) {
      if (error instanceof NotUnderstood) return NOTHING
      throw error
    }
  }

  /** Terms joined by AND and OR at one depth of brackets. */
  #level(): Reading {
    const alternatives: Reading[][] = [[this.#term()]]
    for (;;) {
      if (this.#cursor.accept('OR')) alternatives.push([this.#term()])
      else if (this.#cursor.accept('AND')) alternatives.at(-1)?.push(this.#term())
      else break
    }
    const isMixed = alternatives.length > 1 && alternatives.some((terms) => terms.length > 1)
    const readings = alternatives.flat()
    return {
      predicate: or(alternatives.map((terms) => and(terms.map((term) => term.predicate)))),
      isExact: !isMixed && readings.every((reading) => reading.isExact),
      isNullAlike: readings.every((reading) => reading.isNullAlike),
    }
  }

  #term(): Reading {
    if (isKeyword(this.#cursor.peek(), 'OPTIONAL') && this.#cursor.peek(1)?.text === ':') {
      this.#cursor.skip(2)
      return this.#optional()
    }
    const start = this.#cursor.at
    try {
      const reading = this.#condition()
      if (this.#cursor.isAtEndOfTerm()) return reading
    } catch (error) {
      if (!(error instanceof NotUnderstood)) throw error
    }
    // Not understood, but a group in brackets or a call shows where it ends.
    this.#cursor.back(start)
    if (this.#cursor.peek()?.kind === 'word') this.#cursor.skip(1)
    if (this.#cursor.peek()?.text !== '(') throw new NotUnderstood()
    this.#cursor.skipBrackets()
    if (!this.#cursor.isAtEndOfTerm()) throw new NotUnderstood()
    return NOTHING
  }

  /** A hint that follows from other filters: `IN (…)`, or a filter that is filled while the statement runs. */
  #optional(): Reading {
    if (isKeyword(this.#cursor.peek(), 'DYNAMIC') && isKeyword(this.#cursor.peek(1), 'FILTER')) {
      this.#cursor.skip(2)
      this.#cursor.skipBrackets()
      return { predicate: TRUE, isExact: true, isNullAlike: false }
    }
    return { predicate: this.#term().predicate, isExact: true, isNullAlike: false }
  }

  #condition(): Reading {
    if (this.#cursor.accept('NOT')) return this.#negated()
    if (this.#cursor.peek()?.text === '(') {
      this.#cursor.skip(1)
      const reading = this.#level()
      this.#cursor.expect(')')
      return reading
    }
    if (isKeyword(this.#cursor.peek(), 'STARTS_WITH', 'PREFIX')) return this.#startsWith()
    const left = this.#operand()
    if (!('field' in left)) return this.#comparison(this.#operator(), this.#column(), left, true)
    if (this.#cursor.accept('IS')) return this.#isNull(left)
    if (this.#cursor.accept('IN')) return this.#in(left, false)
    if (isKeyword(this.#cursor.peek(), 'NOT') && isKeyword(this.#cursor.peek(1), 'IN')) {
      this.#cursor.skip(2)
      return this.#in(left, true)
    }
    if (left.type.kind === 'boolean' && left.castTo === undefined && this.#cursor.isAtEndOfTerm()) {
      return exact({ op: 'eq', fieldId: left.field.id, value: true }, left)
    }
    const op = this.#operator()
    const right = this.#operand()
    if ('field' in right) throw new NotUnderstood()
    return this.#comparison(op, left, right, false)
  }

  #negated(): Reading {
    const inner = this.#condition()
    const isSame = inner.isExact && inner.isNullAlike
    return isSame ? { predicate: { op: 'not', arg: inner.predicate }, isExact: true, isNullAlike: true } : NOTHING
  }

  #startsWith(): Reading {
    this.#cursor.skip(1)
    this.#cursor.expect('(')
    const column = this.#column()
    this.#cursor.expect(',')
    const prefix = this.#operand()
    this.#cursor.expect(')')
    if ('field' in prefix || !prefix.isQuoted || column.type.kind !== 'string' || column.castTo !== undefined) {
      return NOTHING
    }
    return exact({ op: 'starts-with', fieldId: column.field.id, value: prefix.text }, column)
  }

  #isNull(column: ColumnOperand): Reading {
    const isNot = this.#cursor.accept('NOT')
    if (this.#cursor.accept('DISTINCT')) {
      this.#cursor.expectWord('FROM')
      const value = this.#operand()
      if ('field' in value) throw new NotUnderstood()
      // IS NOT DISTINCT FROM a literal passes what equality passes, but is false for null; IS DISTINCT FROM also passes nulls.
      return isNot ? { ...this.#comparison('eq', column, value, false), isNullAlike: false } : NOTHING
    }
    this.#cursor.expectWord('NULL')
    // Writers count the nulls of a nested field in different ways, so its count decides nothing.
    if (column.isNested) return NOTHING
    return {
      predicate: { op: isNot ? 'not-null' : 'is-null', fieldId: column.field.id },
      isExact: true,
      isNullAlike: true,
    }
  }

  #in(column: ColumnOperand, isNot: boolean): Reading {
    this.#cursor.expect('(')
    const literals: LiteralText[] = []
    do {
      const literal = this.#operand()
      if ('field' in literal) throw new NotUnderstood()
      literals.push(literal)
    } while (this.#cursor.acceptText(','))
    this.#cursor.expect(')')
    if (column.castTo !== undefined) return NOTHING
    const values = literals.map((literal) => literalFromPlan(column.type, literal))
    const known = values.filter((value) => value !== undefined)
    if (known.length < values.length) return NOTHING
    return exact({ op: isNot ? 'not-in' : 'in', fieldId: column.field.id, values: known }, column)
  }

  #comparison(op: Comparison, column: ColumnOperand, literal: LiteralText, isMirrored: boolean): Reading {
    const { type, castTo } = column
    const known = castTo === undefined ? literal : literalBehindCast(type, castTo, literal, this.#context.isUtc)
    const value = known === undefined ? undefined : literalFromPlan(type, known)
    if (value === undefined) return NOTHING
    return exact({ op: isMirrored ? MIRRORED[op] : op, fieldId: column.field.id, value }, column)
  }

  #operator(): Comparison {
    const text = this.#cursor.peek()?.text
    const op = Object.entries(COMPARISONS).find(([sign]) => sign === text)?.[1]
    if (op === undefined) throw new NotUnderstood()
    this.#cursor.skip(1)
    return op
  }

  #column(): ColumnOperand {
    const operand = this.#operand()
    if (!('field' in operand)) throw new NotUnderstood()
    return operand
  }

  #operand(): ColumnOperand | LiteralText {
    const token = this.#cursor.peek()
    if (isKeyword(token, 'CAST') && this.#cursor.peek(1)?.text === '(') {
      this.#cursor.skip(2)
      const column = this.#column()
      this.#cursor.expectWord('AS')
      const castTo = this.#cursor.type()
      this.#cursor.expect(')')
      if (column.castTo !== undefined) throw new NotUnderstood()
      return { ...column, castTo }
    }
    if (isKeyword(token, 'STRUCT_EXTRACT') && this.#cursor.peek(1)?.text === '(') {
      this.#cursor.skip(2)
      const column = nameOf(this.#cursor.next())
      this.#cursor.expect(',')
      const child = stringValue(this.#cursor.next())
      this.#cursor.expect(')')
      if (column === undefined || child === undefined) throw new NotUnderstood()
      return this.#resolve(column, [child])
    }
    return this.#literal() ?? this.#path()
  }

  #path(): ColumnOperand {
    const column = nameOf(this.#cursor.next())
    const path: string[] = []
    while (this.#cursor.acceptText('.')) path.push(nameOf(this.#cursor.next()) ?? '')
    if (column === undefined) throw new NotUnderstood()
    return this.#resolve(column, path)
  }

  #resolve(column: string, path: readonly string[]): ColumnOperand {
    const field = this.#context.resolve(column, path)
    if (field === undefined) throw new NotUnderstood()
    const { type } = field
    if (type.kind === 'struct' || type.kind === 'list' || type.kind === 'map') {
      // Only its nullness can be asked for; `unknown` makes every comparison say nothing.
      return { field, type: { kind: 'unknown' }, castTo: undefined, isNested: path.length > 0 }
    }
    return { field, type, castTo: undefined, isNested: path.length > 0 }
  }

  #literal(): LiteralText | undefined {
    const token = this.#cursor.peek()
    const isNegative = token?.text === '-' && this.#cursor.peek(1)?.kind === 'number'
    const isQuoted = token?.kind === 'string'
    if (!isQuoted && !isNegative && token?.kind !== 'number' && !isKeyword(token, 'TRUE', 'FALSE')) return undefined
    if (isNegative) this.#cursor.skip(1)
    const value = this.#cursor.next()
    const text = isQuoted ? stringValue(value) : `${isNegative ? '-' : ''}${value?.text.toLowerCase() ?? ''}`
    if (text === undefined) throw new NotUnderstood()
    return { text, isQuoted, type: this.#cursor.acceptText('::') ? this.#cursor.type() : undefined }
  }
}

/** A comparison passes no null, as the predicate does; inside a struct whole-file decisions are left alone. */
function exact(predicate: Predicate, column: ColumnOperand): Reading {
  return { predicate, isExact: !column.isNested, isNullAlike: true }
}
