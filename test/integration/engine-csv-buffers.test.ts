import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { alignCsvBuffer } from '../../src/memory/index.ts'
import { startEngine } from './support/engine.ts'

it('quoted values across the ends of CSV buffers are read whole, at every aligned size', async () => {
  await using bench = await startEngine()
  await using session = await bench.engine.session()
  const file = join(bench.folder, 'quoted.csv')
  const lines = Array.from({ length: 20_000 }, (_, row) => `${row},"a comment of ${'words '.repeat(row % 17)}end"`)
  await writeFile(file, `id,comment\n${lines.join('\n')}\n`)
  for (let bytes = 20_000; bytes < 80_000; bytes += 4096) {
    const size = alignCsvBuffer(bytes)
    const [row] = await session.all(
      `SELECT count(*)::INTEGER AS n, count(*) FILTER (comment LIKE 'a comment of % end' OR comment = 'a comment of end')::INTEGER AS whole
       FROM read_csv('${file}', header = true, auto_detect = false, delim = ',', quote = '"',
                     columns = {'id': 'INTEGER', 'comment': 'VARCHAR'}, buffer_size = ${size}, max_line_size = 2000)`,
    )
    expect(row, `buffer_size ${size}`).toEqual({ n: 20_000, whole: 20_000 })
  }
})
