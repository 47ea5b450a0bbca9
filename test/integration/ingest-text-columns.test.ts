import { expect, it } from 'vitest'
import { openKit } from './ingest-kit.ts'

const MiB = 1024 * 1024

// DuckDB makes the dictionary of each as large as it may become: 1 MiB by default, whatever the row group is.
it('200 columns of few texts are written within an engine of 64 MiB, with dictionaries', async () => {
  await using kit = await openKit({ memoryLimitBytes: 64 * MiB, threads: 1 })
  const names = Array.from({ length: 200 }, (_, at) => `c${at}`)
  const texts = ['open', 'closed', 'pending review', 'cancelled by the customer']
  const line = (row: number) => names.map((_, at) => texts[(row * 7 + at * (row % 5)) % 4]).join(',')
  const rows = 10_000
  const path = await kit.file(
    'texts.csv',
    `${names.join(',')}\n${Array.from({ length: rows }, (_, at) => line(at)).join('\n')}\n`,
  )
  const done = await kit.import({ sources: [path] })
  expect(done.rows).toBe(rows)
  const files = await kit.dataFiles()
  const list = files.map(({ filePath }) => `'${filePath.replace('file://', '')}'`).join(', ')
  await using session = await kit.engine.session()
  expect(
    await session.all(`
      SELECT count(DISTINCT path_in_schema) AS columns, count(*) FILTER (dictionary_page_offset IS NULL) AS plain
      FROM parquet_metadata([${list}])`),
  ).toEqual([{ columns: 200n, plain: 0n }])
})
