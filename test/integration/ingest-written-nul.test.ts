import { afterEach, beforeEach, expect, it } from 'vitest'
import { failure, type Kit, nothingLeft, openKit } from './ingest-kit.ts'

let kit: Kit
beforeEach(async () => {
  kit = await openKit()
})
afterEach(() => kit[Symbol.asyncDispose]())

const LINES = 800_000

const few = (at: number) => `${at + 1},${at % 3 === 0 ? 'open' : 'closed'},a b c d e f`

/** A file whose first rows have few different texts; lines from `from` on are those of `other`. */
function file(name: string, from: number, other: (at: number) => string): Promise<string> {
  const lines = Array.from({ length: LINES }, (_, at) => (at < from ? few(at) : other(at)))
  const text = `id,"the ""state""",rest\n${lines.join('\n')}\n`
  // Below 16 MB every row is looked at.
  expect(text.length).toBeGreaterThan(16_000_000)
  return kit.file(name, text)
}

it('a NUL byte far behind the sample, in a column of few texts, is named with its line, and nothing is left', async () => {
  const path = await file('nul.csv', 700_000, (at) => (at === 700_000 ? '700001,op\0en,a b c d e f' : few(at)))
  const error = await failure(kit.import({ sources: [path] }))
  expect([error.code, error.context['line']]).toEqual(['source/encoding', 700_002])
  await nothingLeft(kit)
})

it('a column that has many texts after all is imported whole', async () => {
  const path = await file('many.csv', 600_000, (at) => `${at + 1},text ${at},a b c d e é`)
  const done = await kit.import({ sources: [path] })
  expect(done.rows).toBe(LINES)
  expect(await kit.read('SELECT count(DISTINCT "the ""state""") AS texts, count(rest) AS rest FROM $T')).toEqual([
    { texts: 200_002n, rest: BigInt(LINES) },
  ])
})

it('a NUL byte among many texts is named, too', async () => {
  const path = await file('many-nul.csv', 600_000, (at) =>
    at === LINES - 1 ? `${LINES},te\0xt,a b c d e é` : `${at + 1},text ${at},a b c d e é`,
  )
  const error = await failure(kit.import({ sources: [path] }))
  expect([error.code, error.context['line']]).toEqual(['source/encoding', LINES + 1])
  await nothingLeft(kit)
})
