import { typeToString } from '../../iceberg/index.ts'
import { REQUIRED_RULE } from './bad-values.ts'
import type { ColumnMapping } from './description.ts'

/** Why a text is not a value of the type. */
export function ruleOf(column: ColumnMapping, value: string | null): string {
  if (value === null) return REQUIRED_RULE
  const type = typeToString(column.type)
  const isDay = ['date', 'timestamp', 'timestamptz'].includes(column.type.kind)
  const expected = column.format === undefined || !isDay ? type : `${type} written as ${column.format}`
  if (!column.isDeclared && ['int', 'long', 'decimal'].includes(column.type.kind)) {
    const lost = lostOfNumber(value)
    if (lost !== undefined) return `is not taken as ${expected}: its ${lost} would be lost`
  }
  if ((column.type.kind === 'int' || column.type.kind === 'long') && /^ *[+-]?\d+ *$/.test(value))
    return `does not fit into ${expected}`
  if ((column.type.kind === 'int' || column.type.kind === 'long') && /^ *[+-]?\d*\.\d*/.test(value))
    return `is not ${expected}: its fraction would be lost`
  if (column.type.kind === 'decimal' && /^ *[+-]?\d*\.?\d* *$/.test(value))
    return `does not fit into ${expected} without rounding`
  if (column.type.kind === 'float' && /^[^eE]*[1-9]/.test(value) && Math.fround(Number(value)) === 0)
    return `is closer to 0 than to any other ${expected}`
  if (['float', 'double'].includes(column.type.kind) && /^ *[+-]?\d+(\.0*)? *$/.test(value))
    return `has more digits than ${expected} holds`
  if (column.type.kind === 'timestamp' && /(Z|[+-]\d\d(:?\d\d)?)$/.test(value))
    return `is not ${expected}: it has an offset`
  if (column.type.kind === 'timestamptz' && column.format === undefined && /^\d{4}-\d\d?-\d\d?[ T][\d:.]+$/.test(value))
    return `is not ${expected}: it has no offset`
  return `is not ${expected}`
}

/** What an inferred number does not keep of a text that is one. */
function lostOfNumber(value: string): string | undefined {
  if (!/^ *[+-]?\d+(\.\d*)? *$/.test(value)) return undefined
  if (/^ *[+-]?0\d/.test(value)) return 'leading zeros'
  if (/^ *\+/.test(value)) return "'+'"
  return /^ | $/.test(value) ? 'blanks' : undefined
}
