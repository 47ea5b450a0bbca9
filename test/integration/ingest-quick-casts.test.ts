import { afterAll, beforeAll, expect, it } from 'vitest'
import { checkedCast } from '../../src/ingest/inspect/checked-cast.ts'
import { quoteText } from '../../src/ingest/sql.ts'
import { type Kit, openKit } from './ingest-kit.ts'

let kit: Kit
beforeAll(async () => {
  kit = await openKit()
})
afterAll(() => kit[Symbol.asyncDispose]())

/** All texts of a date's length that can be made of these pieces. */
const PIECES = {
  before: ['', ' ', '  ', '-', '+', '0', '00'],
  year: ['1998', '998', '19981', '98', '0001', '1000', '9999'],
  first: ['-', '/', ' ', '\\', ':', ''],
  month: ['1', '01', '12', '13', '001'],
  second: ['-', '/', ' ', '\\', ':', ''],
  day: ['1', '01', '31', '29', '001'],
  after: ['', ' ', '  ', 'x', '1', 'Z', 'z', '+1', 'T', 'T1', ' 1', '(BC)', ' BC', '.', 'é'],
}
const WORDS = [
  'epoch     ',
  ' epoch    ',
  '  infinity',
  ' -infinity',
  '1-1-1 (BC)',
  '1998-1-1T0',
  '98-1-1 0:0',
  '1998-1-1 Z',
]

function piecesSql(pieces: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(pieces)
    .map(([name, some]) => `(SELECT unnest([${some.map(quoteText).join(', ')}]) AS ${name})`)
    .join(', ')
}

const TEXTS = `
  SELECT DISTINCT t FROM (
    SELECT ${Object.keys(PIECES).join(' || ')} AS t FROM ${piecesSql(PIECES)}
    UNION ALL SELECT unnest([${WORDS.map(quoteText).join(', ')}]))
  WHERE strlen(t) = 10`

it('the quick cast of dates takes nothing that the close look refuses, and says the same day', async () => {
  const { tried, isExact, quick } = checkedCast({ kind: 'date' }, 't', { isDeclared: false })
  if (quick === undefined) throw new Error('dates have a quick cast')
  await using session = await kit.engine.session()
  const rows = await session.all(`
    SELECT t, slow FROM (SELECT t, ${quick.value} AS quick, ${tried} AS slow FROM (${TEXTS}))
    WHERE ${quick.isPlainly('quick')} AND (slow IS DISTINCT FROM quick OR NOT ${isExact('slow')})`)
  expect(rows).toEqual([])
  const [taken] = await session.all(`
    SELECT count(*) FILTER (${quick.isPlainly('quick')}) AS quickly, count(*) FILTER (slow IS NOT NULL) AS slowly
    FROM (SELECT t, ${quick.value} AS quick, ${tried} AS slow FROM (${TEXTS}))`)
  // The texts are such that both say yes to many and no to many.
  expect(taken?.['quickly']).toBeGreaterThan(100n)
  expect(taken?.['slowly']).toBeGreaterThan(taken?.['quickly'] as bigint)
})

/** Days with a time behind them, an offset, or what else a cast may take. */
const TIME_PIECES = {
  before: ['', ' ', '  ', '-', '0'],
  year: ['1998', '998', '98'],
  dash: ['-', '/'],
  month: ['1', '01', '12'],
  other: ['-', '/'],
  day: ['1', '01', '31'],
  between: [' ', 'T', '  ', '', ' (BC) '],
  time: ['3:04', '03:04', '24:00', '03:04:', '3:4:5', '03:04:5', '03:04:05', '3:04:05', '3:4:5.5'],
  after: ['', ' ', 'Z', '+01', ' UTC', '+1:00', '+01:00', '(BC)', '.'],
}

const NUMBERS = ['1', '-1', '+1', ' 1', '.5', '1.', '1e3', '007', '0', '0.0', '-0', '0e9', '1e-44', '-1e-44', '1e30']
const TWO_SIGNS = ['+-1', ' +-1', '+-.5', '+-0', '+-1e3', '--1', '-+1', '++1', '+-inf']
const SMALL = ['1e-46', '-1e-50', '.1e-60', '0.00001e-60', '1e-300']
const ODD = ['16777216', '16777217', '9007199254740993', '1e400', 'inf', 'nan', '+nan', 'infinity', '1e', '', ' ']
const PRINTED = [...NUMBERS, ...TWO_SIGNS, ...SMALL, ...ODD]

it.each([
  ['date', 'before year dash month other day between'],
  ['timestamp', 'before year dash month other day between time after'],
  ['timestamptz', 'before year dash month other day between time after'],
] as const)('what is taken for a plain %s, the close look takes too', async (kind, names) => {
  const { tried, isPlainly, isExact } = checkedCast({ kind }, 't', { isDeclared: true })
  await using session = await kit.engine.session()
  const wanted = names.split(' ')
  const pieces = Object.entries(TIME_PIECES).filter(([name]) => wanted.includes(name))
  const texts = `SELECT DISTINCT ${wanted.map((name) => `"${name}"`).join(' || ')} AS t FROM ${piecesSql(Object.fromEntries(pieces))}`
  const looked = `SELECT t, v, ${isPlainly?.('v')} AS plain, ${isExact('v')} AS exact FROM (SELECT t, ${tried} AS v FROM (${texts})) WHERE v IS NOT NULL`
  expect(await session.all(`SELECT t FROM (${looked}) WHERE plain AND NOT exact LIMIT 20`)).toEqual([])
  const [counts] = await session.all(`SELECT count(*) FILTER (plain) AS plainly, count(*) AS taken FROM (${looked})`)
  expect(counts?.['plainly']).toBeGreaterThan(3n)
  expect(counts?.['taken']).toBeGreaterThan(10n * (counts?.['plainly'] as bigint))
})

it.each(['float', 'double'] as const)('what is taken for a plain %s, the close look takes too', async (kind) => {
  const { tried, isPlainly, isExact } = checkedCast({ kind }, 't', { isDeclared: true })
  await using session = await kit.engine.session()
  const looked = `SELECT t, ${isPlainly?.('v')} AS plain, ${isExact('v')} AS exact FROM (SELECT t, ${tried} AS v FROM (SELECT unnest([${PRINTED.map(quoteText).join(', ')}]) AS t)) WHERE v IS NOT NULL`
  expect(await session.all(`SELECT t FROM (${looked}) WHERE plain AND NOT exact`)).toEqual([])
  const refused = await session.all(`SELECT trim(t) AS t FROM (${looked}) WHERE NOT exact`)
  const never = ['+-inf', '+-.5', '+-0', '+-1', '+-1e3', '9007199254740993', '1e400']
  expect(new Set(refused.map((row) => row['t']))).toEqual(
    new Set(kind === 'float' ? [...never, '16777217', ...SMALL] : never),
  )
  const [row] = await session.all(`SELECT count(*) FILTER (plain) AS plainly FROM (${looked})`)
  expect(row?.['plainly']).toBeGreaterThan(5n)
})
