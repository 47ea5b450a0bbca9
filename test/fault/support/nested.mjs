// Runs a statement of many literals between the rows of another one: node nested.mjs LIBRARY LAKE. Prints what became of it,
// and of the same statement afterwards.
const [library, folder] = process.argv.slice(2)
const { Lakehouse } = await import(library)
const lake = await Lakehouse.open(folder, { memory: '256MB' })
const literals = (count, step) => Array.from({ length: count }, (_, at) => at * step + 1).join(',')
const inner = `select count(*)::int as n from range(100000) t(i) where i in (${literals(110_000, 5)})`
const run = async () => {
  try {
    for await (const batch of lake.query(inner)) return batch.rows()[0].n
  } catch (error) {
    return error.code
  }
}
const found = []
for await (const _ of lake.query(`select i from range(100000) t(i) where i not in (${literals(120_000, 3)})`)) {
  found.push(await run())
  break
}
found.push(await run())
await lake.close()
process.stdout.write(JSON.stringify(found))
