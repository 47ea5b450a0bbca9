// Appends batches of rows to s.t until it is killed: node stream-writer.mjs LIBRARY LAKE JOB. What it writes to standard
// output, a line each: `now` what the table holds once it is open, `+ ROUND BATCH` before an append, `= ROUND BATCH` after
// its acknowledgement. A pipe is written synchronously, so a line that was written arrives whatever happens next.
const [library, folder, job] = process.argv.slice(2)
const { Lakehouse } = await import(library)
const { round, again, ack, rows, set } = JSON.parse(job)
const lake = await Lakehouse.open(folder, { memory: '512MB', set })
const say = (text) => process.stdout.write(`${text}\n`)
const counts =
  await lake.sql`select round, batch, count(*)::int as n, count(distinct row)::int as d from s.t group by all`
say(`now ${JSON.stringify({ counts, failures: lake.streamRecovery.failures.map(({ error }) => error.message) })}`)
const writer = await lake.appender('s.t', { ack })

async function append(inRound, batch) {
  say(`+ ${inRound} ${batch}`)
  const values = Array.from({ length: rows }, (_, row) => ({ round: inRound, batch, row, text: `row ${row}` }))
  await writer.append(values, { key: `${inRound}/${batch}` })
  say(`= ${inRound} ${batch}`)
}

for (const [inRound, batch] of again) await append(inRound, batch)
if (round === null) await lake.close()
else {
  let next = 0
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (;;) await append(round, next++)
    }),
  )
}
