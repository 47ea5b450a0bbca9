// Appends rows of long texts to s.t from several calls at once: node append-wide.mjs LIBRARY LAKE JOB. Prints what became of
// them, and what the table holds after the stream was closed, as one JSON document.
import { randomBytes } from 'node:crypto'

const [library, folder, job] = process.argv.slice(2)
const { Lakehouse } = await import(library)
const { memory, appends, atOnce, rows, characters, beside } = JSON.parse(job)
const lake = await Lakehouse.open(folder, { memory })
const writer = await lake.appender('s.t')
// One text that zstd makes three quarters of, held once: what is measured is what an append takes, not the program's rows.
const text = randomBytes(Math.ceil((characters * 3) / 4))
  .toString('base64')
  .slice(0, characters)
const query = beside === undefined ? undefined : lake.sql([beside])
const refusals = {}
let next = 0
await Promise.all(
  Array.from({ length: atOnce }, async () => {
    while (next < appends) {
      const first = next++ * rows
      const values = Array.from({ length: rows }, (_, at) => ({ id: first + at, text }))
      try {
        await writer.append(values)
      } catch (error) {
        refusals[error.code] = (refusals[error.code] ?? 0) + 1
      }
    }
  }),
)
const answer = await query
await writer.close()
const [found] = await lake.sql`select count(distinct id) as ids, sum(strlen(text)) as characters from s.t`
await lake.close()
const asText = (_key, value) => (typeof value === 'bigint' ? Number(value) : value)
process.stdout.write(JSON.stringify({ refusals, found, answer }, asText))
