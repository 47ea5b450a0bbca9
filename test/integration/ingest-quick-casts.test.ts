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
