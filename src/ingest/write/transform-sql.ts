import { IceboxError } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import { type Literal, type PrimitiveType, type Transform, typeToString } from '../../iceberg/index.ts'
import { exact } from './bounds.ts'
import { bucketFunction } from './bucket-function.ts'

/**
 * A partition value in SQL. The key that rows are grouped by is a BIGINT or a short text from which `decode` gets the
 * exact value of the tuple; NULL is the null partition.
 */
export interface PartitionKeySql {
  readonly keySql: string
  readonly keyType: 'BIGINT' | 'VARCHAR'
  /** Values of earlier levels that `keySql` uses: each level may name the columns of the one before. */
  readonly levels: readonly (readonly { readonly name: string; readonly sql: string }[])[]
  /** The exact value of a key; undefined where the key is a digest of a long value, which is then read from the file. */
  decode(key: string): Literal | undefined
  /** The transform as SQL whose value is the partition value itself; for keys that are digests. */
  readonly valueSql?: string
  /** Registers what `keySql` calls, if anything. */
  register?: (session: EngineSession) => Promise<void>
}

const MICROS_PER_HOUR = 3_600_000_000

/**
 * `transform` of the column `source` (quoted SQL) as Iceberg's spec defines it ("Partition Transforms", Appendix B):
 * floor before 1970, truncation towards negative infinity, code points of strings. `prefix` names helper columns.
 * Rejects `iceberg/unsupported`.
 */
export function partitionKeySql(
  transform: Transform,
  type: PrimitiveType,
  source: string,
  prefix: string,
): PartitionKeySql {
  switch (transform.kind) {
    case 'identity':
      return identity(type, source)
    case 'year':
      return integer(`(year(${day(type, source)}) - 1970)`)
    case 'month':
      return integer(`((year(${day(type, source)}) - 1970) * 12 + month(${day(type, source)}) - 1)`)
    case 'day':
      return integer(`(${day(type, source)} - DATE '1970-01-01')`)
    case 'hour':
      return { ...integer(floorDivide(`epoch_us(${source})`, MICROS_PER_HOUR)), decode: hours }
    case 'truncate':
      return truncate(transform.width, type, source)
    case 'bucket':
      return bucket(transform.buckets, type, source, prefix)
    case 'void':
      return { keySql: 'CAST(NULL AS BIGINT)', keyType: 'BIGINT', levels: [], decode: Number }
    case 'unknown':
      throw new IceboxError('iceberg/unsupported', {
        message: `the partition transform '${transform.text}' is not known; writing to this table would put rows in wrong partitions`,
        remedy: 'write to it with the tool that made it, or evolve its partition spec',
        context: { transform: transform.text },
      })
  }
}

function integer(sql: string, levels: PartitionKeySql['levels'] = []): PartitionKeySql {
  return { keySql: `CAST(${sql} AS BIGINT)`, keyType: 'BIGINT', levels, decode: Number }
}

/** Iceberg counts hours since 1970 in 32 bits. Rejects (throws) `schema/mismatch` beyond. */
function hours(key: string): number {
  const count = Number(key)
  if (count >= -(2 ** 31) && count < 2 ** 31) return count
  throw new IceboxError('schema/mismatch', {
    message: `a time lies ${key} hours from 1970, which is more than the partition transform hour can count (32 bits, about 245,000 years)`,
    remedy: 'partition by day, month or year, or correct the time',
    context: { hours: key },
  })
}

/** The date of a value, floor for times before 1970; timestamptz in UTC without the time zone library. */
function day(type: PrimitiveType, source: string): string {
  if (type.kind === 'date') return source
  if (type.kind === 'timestamptz') return `CAST(make_timestamp(epoch_us(${source})) AS DATE)`
  return `CAST(${source} AS DATE)`
}

/** DuckDB's `//` cuts towards zero. */
function floorDivide(value: string, divisor: number): string {
  return `(${value} // ${divisor} - CASE WHEN ${value} % ${divisor} < 0 THEN 1 ELSE 0 END)`
}

function identity(type: PrimitiveType, source: string): PartitionKeySql {
  switch (type.kind) {
    case 'int':
      return integer(source)
    case 'long':
      return { ...integer(source), decode: BigInt }
    case 'date':
      return integer(`(${source} - DATE '1970-01-01')`)
    case 'timestamp':
    case 'timestamptz':
      return { ...integer(`epoch_us(${source})`), decode: BigInt }
    case 'time':
      return { ...integer(`epoch_us(${source})`), decode: BigInt }
    case 'boolean':
      return { ...integer(source), decode: (key) => key === '1' }
    case 'string':
    case 'binary':
      return bytes(type, source)
    case 'uuid':
    case 'decimal':
      return { keySql: `CAST(${source} AS VARCHAR)`, keyType: 'VARCHAR', levels: [], decode: (key) => exact(type, key) }
    case 'float':
    case 'double':
      return {
        keySql: `CAST(${source} AS VARCHAR)`,
        keyType: 'VARCHAR',
        levels: [],
        decode: (key) => (key === 'nan' ? Number.NaN : exact(type, key)),
      }
    case 'fixed':
    case 'timestamp_ns':
    case 'timestamptz_ns':
    case 'unknown':
      throw cannot('identity', type)
  }
}

/** Folder names take 255 bytes, and hex digits are two a byte. */
const MAX_KEY_BYTES = 100
const DIGEST = '~'

function bytes(type: PrimitiveType, value: string): PartitionKeySql {
  const size = type.kind === 'string' ? `strlen(${value})` : `octet_length(${value})`
  return {
    keySql: `CASE WHEN ${size} > ${MAX_KEY_BYTES} THEN '${DIGEST}' || md5(${value}) ELSE hex(${value}) END`,
    keyType: 'VARCHAR',
    levels: [],
    valueSql: value,
    decode: (key) => {
      if (key.startsWith(DIGEST)) return undefined
      const raw = Buffer.from(key, 'hex')
      return type.kind === 'string' ? raw.toString('utf8') : new Uint8Array(raw)
    },
  }
}

function truncate(width: number, type: PrimitiveType, source: string): PartitionKeySql {
  const down = (value: string) => `(${value} - (((${value} % ${width}) + ${width}) % ${width}))`
  switch (type.kind) {
    case 'int':
      return integer(wrap(down(`CAST(${source} AS BIGINT)`), 32n))
    case 'long':
      return { ...integer(wrap(down(`CAST(${source} AS HUGEINT)`), 64n)), decode: BigInt }
    case 'decimal': {
      const unscaled = unscaledText(type.scale, source)
      return {
        keySql: `CAST(${down(`CAST(${unscaled} AS HUGEINT)`)} AS VARCHAR)`,
        keyType: 'VARCHAR',
        levels: [],
        decode: BigInt,
      }
    }
    case 'string':
      return bytes(type, `left(${source}, ${width})`)
    case 'binary':
      return bytes(type, `${source}[1:${width}]`)
    default:
      throw cannot(`truncate[${width}]`, type)
  }
}

/** Two's complement: truncating the least values overflows, and the reference implementation wraps. */
function wrap(value: string, bits: bigint): string {
  const half = 1n << (bits - 1n)
  return `(((${value} + ${half}) & ${(half << 1n) - 1n}) - ${half})`
}

/** The digits of a decimal without its point: `-12.30` is `-1230`. */
function unscaledText(scale: number, source: string): string {
  return scale === 0 ? `CAST(${source} AS VARCHAR)` : `replace(CAST(${source} AS VARCHAR), '.', '')`
}

function bucket(buckets: number, type: PrimitiveType, source: string, prefix: string): PartitionKeySql {
  switch (type.kind) {
    case 'int':
    case 'long':
      return hashOfLong(buckets, `CAST(${source} AS BIGINT)`, prefix)
    case 'date':
      return hashOfLong(buckets, `CAST(${source} - DATE '1970-01-01' AS BIGINT)`, prefix)
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return hashOfLong(buckets, `epoch_us(${source})`, prefix)
    case 'string':
      return called(buckets, type, source)
    case 'binary':
      return called(buckets, type, source)
    case 'uuid':
      return called(buckets, type, `CAST(${source} AS VARCHAR)`)
    case 'decimal':
      return called(buckets, type, unscaledText(type.scale, source))
    default:
      throw cannot(`bucket[${buckets}]`, type)
  }
}

function called(buckets: number, type: PrimitiveType, source: string): PartitionKeySql {
  const definition = bucketFunction(buckets, type)
  return {
    ...integer(`${definition.name}(${source})`),
    register: (session) => session.registerScalar(definition),
  }
}

const MASK = '4294967295'
const multiply = (value: string, by: number) => `((${value} * ${by}) & ${MASK})`
const rotate = (value: string, by: number) => `(((${value} << ${by}) & ${MASK}) | (${value} >> ${32 - by}))`

/**
 * murmur3 x86 32 of the eight little-endian bytes of a long (Iceberg spec, Appendix B) in integer arithmetic. Every step
 * uses the one before twice, so steps are levels of sub-selects: written as one expression they would double each time.
 */
function hashOfLong(buckets: number, value: string, prefix: string): PartitionKeySql {
  const [low, high, hash] = [`${prefix}l`, `${prefix}h`, `${prefix}m`]
  const levels: { name: string; sql: string }[][] = [
    [
      { name: low, sql: multiply(`CAST(${value} & ${MASK} AS UBIGINT)`, 0xcc9e2d51) },
      { name: high, sql: multiply(`CAST((${value} >> 32) & ${MASK} AS UBIGINT)`, 0xcc9e2d51) },
    ],
    [
      { name: low, sql: multiply(rotate(low, 15), 0x1b873593) },
      { name: high, sql: multiply(rotate(high, 15), 0x1b873593) },
    ],
    [{ name: hash, sql: `((${rotate(low, 13)} * 5 + 3864292196) & ${MASK})` }],
    [{ name: hash, sql: `xor(${hash}, ${high})` }],
    [{ name: hash, sql: `xor((${rotate(hash, 13)} * 5 + 3864292196) & ${MASK}, CAST(8 AS UBIGINT))` }],
    [{ name: hash, sql: multiply(`xor(${hash}, ${hash} >> 16)`, 0x85ebca6b) }],
    [{ name: hash, sql: multiply(`xor(${hash}, ${hash} >> 13)`, 0xc2b2ae35) }],
    [{ name: hash, sql: `xor(${hash}, ${hash} >> 16)` }],
  ]
  return integer(`(${hash} & 2147483647) % ${buckets}`, levels)
}

function cannot(transform: string, type: PrimitiveType): IceboxError {
  return new IceboxError('ingest/partition', {
    message: `${transform} cannot be applied to the type ${typeToString(type)}`,
    remedy: 'choose another transform or column',
    context: { transform, type: typeToString(type) },
  })
}
