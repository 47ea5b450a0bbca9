export { decodeBigEndian, decodeValue, encodeBigEndian, encodeValue } from './binary.ts'
export {
  type CivilDate,
  civilFromDays,
  daysFromCivil,
  floorDivide,
  formatDate,
  formatTimestamp,
  formatYear,
  parseDate,
  parseTime,
  parseTimestamp,
} from './calendar.ts'
export { compareLiterals } from './compare.ts'
export { formatDecimal, formatLiteral, formatUuid, fromHex, parseDecimal, parseUuid, toHex } from './format.ts'
export { literalFromJson, literalToJson } from './json-value.ts'
export { codePointPrefix, DEFAULT_BOUND_LENGTH, truncateLowerBound, truncateUpperBound } from './truncate-bounds.ts'
