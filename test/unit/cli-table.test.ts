import { describe, expect, it } from 'vitest'
import { fitColumns } from '../../src/cli/output/column-widths.ts'
import { tableWriter } from '../../src/cli/output/table-writer.ts'
import { textWidth } from '../../src/cli/output/text-width.ts'
import { makeStyle } from '../../src/cli/style.ts'
import type { ResultColumn, SqlValue } from '../../src/lakehouse/api.ts'
import { batchOf, TextSink } from './support/cli-batches.ts'

const plain = makeStyle(false)

async function table(
  columns: readonly ResultColumn[],
  rows: readonly SqlValue[][],
  { width, maxRows = 40 }: { width?: number; maxRows?: number } = {},
): Promise<string[]> {
  const sink = new TextSink()
  const writer = tableWriter(sink, { width, maxRows, style: plain })
  await writer.begin(columns)
  for (let at = 0; at < rows.length; at += 100) await writer.batch(batchOf(columns, rows.slice(at, at + 100)))
  await writer.end()
  return sink.text.split('\n').slice(0, -1)
}

const id = { name: 'id', type: 'BIGINT' }
const name = { name: 'name', type: 'VARCHAR' }

describe('fitting columns', () => {
  const text = (width: number) => ({ width, canShrink: true })
  const number = (width: number) => ({ width, canShrink: false })

  it('leaves columns alone that fit', () => {
    expect(fitColumns([text(10), number(5)], 17)).toEqual({
      shown: [0, 1],
      widths: [10, 5],
      hidden: 0,
      hiddenAfter: -1,
    })
  })

  it('narrows only the widest text columns, and uses the whole width', () => {
    const fit = fitColumns([number(12), text(6), text(100), text(50)], 80)
    expect(fit.widths.slice(0, 2)).toEqual([12, 6])
    expect(fit.widths.reduce((a, b) => a + b, 0) + 2 * 3).toBe(80)
  })

  it('hides columns in the middle when there are too many', () => {
    const fit = fitColumns(
      Array.from({ length: 30 }, () => text(20)),
      80,
    )
    expect(fit.hidden).toBe(30 - fit.shown.length)
    expect(fit.shown[0]).toBe(0)
    expect(fit.shown.at(-1)).toBe(29)
    expect(fit.widths.reduce((a, b) => a + b, 0) + 2 * fit.shown.length + 1).toBeLessThanOrEqual(80)
  })

  it('shows the first column even on a terminal of one column', () => {
    expect(fitColumns([text(10), text(10)], 1).shown).toEqual([0])
  })
})

describe('table', () => {
  it('aligns numbers to the right and marks NULL', async () => {
    expect(
      await table(
        [id, name],
        [
          [1n, 'ann'],
          [1234n, null],
        ],
        { width: 80 },
      ),
    ).toEqual(['    id  name', 'bigint  varchar', '──────  ───────', '     1  ann', '  1234  NULL'])
  })

  it('never is wider than the terminal', async () => {
    const columns = Array.from({ length: 25 }, (_, at) => ({
      name: `column_${at}`,
      type: at % 3 === 0 ? 'DOUBLE' : 'VARCHAR',
    }))
    const rows = Array.from({ length: 5 }, (_, row) =>
      columns.map((_, at) => (at % 3 === 0 ? row / 7 : '日本語 '.repeat(at))),
    )
    for (const width of [24, 40, 80, 200]) {
      const lines = await table(columns, rows, { width })
      for (const line of lines.slice(0, 8)) expect(textWidth(line)).toBeLessThanOrEqual(width)
    }
  })

  it('cuts text with … and never a number', async () => {
    const lines = await table([name, id], [['x'.repeat(100), 123456789012345n]], { width: 40 })
    expect(lines[3]).toContain('…  123456789012345')
  })

  it('says how many rows it does not show, across batches', async () => {
    const rows = Array.from({ length: 1234 }, (_, at) => [BigInt(at), 'x'])
    const lines = await table([id, name], rows, { width: 80, maxRows: 40 })
    expect(lines).toHaveLength(3 + 40 + 1)
    expect(lines.at(-1)).toBe('… 1,194 more rows (1,234 in all); --max-rows all shows them')
  })

  it('shows every row when asked to, also past the rows that decide the widths', async () => {
    const rows = Array.from({ length: 2500 }, (_, at) => [BigInt(at), at > 2000 ? 'longer than before' : 'x'])
    const lines = await table([id, name], rows, { width: 80, maxRows: Number.POSITIVE_INFINITY })
    expect(lines).toHaveLength(3 + 2500)
    expect(lines.at(-1)).toBe('  2499  longer…')
  })

  it('writes line ends and escape sequences of the data as escapes', async () => {
    const lines = await table([name], [['a\nb\u001b[2J']], { width: 80 })
    expect(lines).toEqual(['name', 'varchar', '───────────', 'a\\nb\\x1b[2J'])
  })

  it('shows nested values and binary', async () => {
    const lines = await table([name], [[[1n, null, { a: 'x' }]], [new Uint8Array([1, 255])]], {})
    expect(lines.slice(3)).toEqual(['[1, NULL, {a: x}]', '\\x01ff'])
  })

  it('shows maps as maps, which come as lists of pairs', async () => {
    const map = { name: 'm', type: 'MAP(VARCHAR, BIGINT)' }
    expect(
      (
        await table(
          [map],
          [
            [
              [
                ['a', 1n],
                ['b', null],
              ],
            ],
            [null],
          ],
        )
      ).slice(3),
    ).toEqual(['{a: 1, b: NULL}', 'NULL'])
  })

  it('shows the heading of a result without rows', async () => {
    expect(await table([id], [], { width: 80 })).toEqual(['    id', 'bigint', '──────'])
  })
})
