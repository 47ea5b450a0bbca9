// Opens a lakehouse, sorts, and closes it, again and again: node reopen.mjs LIBRARY LAKE ENGINE TIMES. Prints how often it
// went, and the errors of the others.
const [library, folder, engine, times] = process.argv.slice(2)
const { Lakehouse } = await import(library)
const errors = []
for (let at = 0; at < Number(times); at++) {
  const lake = await Lakehouse.open(folder, { memory: '256MB', engine })
  try {
    for await (const _ of lake.query('select i::varchar as s, hash(i) as h from range(1000000) t(i) order by 2'));
  } catch (error) {
    errors.push(`${at}: ${error.code}: ${error.message}`)
  }
  await lake.close()
}
process.stdout.write(JSON.stringify(errors))
