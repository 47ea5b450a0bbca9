import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { isIceboxError } from '../../src/base/index.ts'
import { Lakehouse } from '../../src/lakehouse/index.ts'

/** Values of each type as programs have them, in several spellings, at the ends of what the type holds, and beyond. */
const two = (value: number) => String(value).padStart(2, '0')
const clock = fc
  .tuple(fc.nat(24), fc.nat(60), fc.nat(60), fc.constantFrom('', '.0', '.5', '.000001', '.999999', '.9999999'))
  .map(([hours, minutes, seconds, fraction]) => `${two(hours)}:${two(minutes)}:${two(seconds)}${fraction}`)
const years = fc.constantFrom('0000', '0001', '0004', '1582', '1677', '1969', '1970', '2024', '2262', '9999', '10000')
const day = fc
  .tuple(years, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 31 }))
  .map(([year, month, date]) => `${year}-${two(month)}-${two(date)}`)
const moment = fc.tuple(day, fc.constantFrom('T', ' '), clock).map((parts) => parts.join(''))
const dates = fc.date({ noInvalidDate: false })
const digits = fc
  .tuple(
    fc.constantFrom('', '-', '+'),
    fc
      .nat(38)
      .chain((length) =>
        fc.string({ unit: fc.constantFrom('0', '0', '1', '9'), minLength: length, maxLength: length }),
      ),
    fc.constantFrom('', '.'),
    fc
      .nat(38)
      .chain((length) =>
        fc.string({ unit: fc.constantFrom('0', '0', '0', '5'), minLength: length, maxLength: length }),
      ),
    fc.constantFrom('', 'e0', 'e-3', 'E+2'),
  )
  .map((parts) => parts.join(''))
const real = fc.oneof(
  fc.constantFrom<unknown>(0, -0, 1e-46, NaN, 'NaN'),
  fc.double(),
  fc.float(),
  fc.constantFrom<unknown>(0n, 1, 1n, 5e-324, -5e-324, 1.7976931348623157e308, 3.4028234663852886e38),
  fc.constantFrom<unknown>('Infinity', Infinity, -Infinity, 2n ** 53n, 2n ** 1023n, 1e21, 123456789012345680000),
)
const whole = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.maxSafeInteger(),
  fc.integer(),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.constantFrom<unknown>(0, -0, '-0', '007', 2 ** 31, -(2 ** 31), 2n ** 63n, -(2n ** 63n)),
)
const decimal = fc.oneof(
  digits,
  whole,
  fc.constantFrom<unknown>('0', '-0', '-0.0', '1', '1.0', '1.00', 1, 1n, 0.1, 1e-7),
)
/** Few, so that the same ones meet in a map, in both cases. */
const uuid = fc.constantFrom('a', 'A', 'f', 'F').map((end) => `00000000-0000-4000-8000-00000000000${end}`)
const TYPES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  boolean: fc.boolean(),
  int: whole,
  bigint: whole,
  real,
  double: real,
  'decimal(38, 38)': decimal,
  'decimal(38, 0)': decimal,
  'decimal(18, 9)': decimal,
  'decimal(1, 1)': decimal,
  varchar: fc.oneof(
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.constantFrom('', '\u0000', 'a\u0000', '\u2028', '{"#":[[', 'é', 'e\u0301', 'null', 'NaN'),
  ),
  uuid: fc.oneof(uuid, fc.uuid()),
  blob: fc.uint8Array({ maxLength: 5 }),
  date: fc.oneof(
    day,
    dates,
    fc.nat(40_000).map((days) => new Date(days * 86_400_000)),
  ),
  time: clock,
  timestamp: fc.oneof(moment, dates),
  timestamptz: fc.oneof(
    dates,
    fc.tuple(moment, fc.constantFrom('Z', '+00', '-05:30', '+18:00', '+1830')).map((parts) => parts.join('')),
  ),
}
const pairs = <Key, Value>(key: fc.Arbitrary<Key>, value: fc.Arbitrary<Value>) =>
  fc.array(fc.tuple(key, value), { maxLength: 4 })
const maybe = (value: fc.Arbitrary<unknown>) => fc.option(value)
/** A column of each type, and of each as a part of others. */
const NESTED: readonly [sql: (type: string) => string, of: (value: fc.Arbitrary<unknown>) => fc.Arbitrary<unknown>][] =
  [
    [(type) => type, (value) => value],
    [(type) => `${type}[]`, (value) => fc.array(maybe(value), { maxLength: 3 })],
    [(type) => `map(${type}, ${type})`, (value) => pairs(value, maybe(value))],
    [
      (type) => `map(struct(a ${type}), int)[]`,
      (value) => fc.array(pairs(fc.record({ a: maybe(value) }), fc.constant(1))),
    ],
    [(type) => `map(${type}[], int)`, (value) => pairs(fc.array(maybe(value), { maxLength: 2 }), fc.constant(1))],
  ]
const columns = Object.entries(TYPES).flatMap(([type, value]) =>
  NESTED.map(([sql, of]) => ({ type: sql(type), value: of(value) })),
)
const row = fc.oneof(...columns.map(({ value }, at) => value.map((given) => ({ [`c${at}`]: given }))))

let folder: string
let lake: Lakehouse
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-values-'))
  await Lakehouse.init(folder)
  lake = await Lakehouse.open(folder)
  const names = columns.map(({ type }, at) => `c${at} ${type}`)
  for (const sql of ['create schema s', `create table s.t (id int, ${names.join(', ')})`])
    for await (const { kind } of lake.run(sql)) expect(kind).toContain('create')
})
afterAll(async () => {
  await lake.close()
  await rm(folder, { recursive: true, force: true })
})

it('whatever value of whatever type is acknowledged, the commit takes it: one that it did not would hold up the stream', async () => {
  const writer = await lake.appender('s.t')
  let expected = 0n
  let refused = 0
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 50, maxLength: 100 }), async (rows) => {
      const appends = rows.map((one) => writer.append([{ id: 1, ...one }]))
      for (const append of await Promise.allSettled(appends)) {
        if (append.status === 'fulfilled') expected++
        else if (isIceboxError(append.reason, 'source/row')) refused++
        else throw append.reason
      }
      await writer.commit()
      expect(await lake.sql`select count(*) as n from s.t`).toEqual([{ n: expected }])
    }),
    { numRuns: 25 },
  )
  await writer.close()
  expect([expected > 500n, refused > 100]).toEqual([true, true])
})
