// Appends rows of long texts to s.t0, s.t1 … from several calls at once for each: node append-wide.mjs LIBRARY LAKE JOB. Prints
// what became of them, and what the tables hold after the streams were closed, as one JSON document.
import { randomBytes } from 'node:crypto'

const [library, folder, job] = process.argv.slice(2)
const { Lakehouse } = await import(library)
const { memory, tables, appends, atOnce, rows, characters, beside } = JSON.parse(job)
const names = Array.from({ length: tables }, (_, at) => `s.t${at}`)
const lake = await Lakehouse.open(folder, { memory })
// One text that zstd makes three quarters of, held once: what is measured is what an append takes, not the program's rows.
const text = randomBytes(Math.ceil((characters * 3) / 4))
  .toString('base64')
  .slice(0, characters)
const query = beside === undefined ? undefined : lake.sql([beside])
const refusals = {}
async function appendTo(name) {
  const writer = await lake.appender(name)
  let next = 0
  const call = async () => {
    while (next < appends) {
      const first = next++ * rows
      const values = Array.from({ length: rows }, (_, at) => ({ id: first + at, text }))
      try {
        await writer.append(values)
      } catch (error) {
        refusals[error.code] = (refusals[error.code] ?? 0) + 1
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, call))
  await writer.close()
}
await Promise.all(names.map(appendTo))
const answer = await query
const all = names.map((name) => `select '${name}' as name, * from ${name}`).join(' union all ')
const [found] = await lake.sql([
  `select count(*) as rows, count(distinct name || ' ' || id) as ids, sum(strlen(text)) as characters from (${all})`,
])
await lake.close()
const asText = (_key, value) => (typeof value === 'bigint' ? Number(value) : value)
process.stdout.write(JSON.stringify({ refusals, found, answer }, asText))
