// Binds one text of so many bytes to each statement, and prints what became of it: rows, or the code of its error.
const [library, lake, engine, bytes, ...statements] = process.argv.slice(2)
const { Lakehouse } = await import(library)
const lakehouse = await Lakehouse.open(lake, { memory: '256MB', engine })
const text = 'a'.repeat(Number(bytes))
const found = []
for (const sql of statements) {
  try {
    let rows = 0
    for await (const batch of lakehouse.query(sql, [text])) rows += batch.rowCount
    found.push(rows)
  } catch (error) {
    found.push(error.code)
  }
}
await lakehouse.close()
process.stdout.write(JSON.stringify(found))
