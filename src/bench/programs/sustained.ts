// Imports one after another in one process: bench-sustained.js LAKE SOURCE BUDGET WARM_UP COUNT. Prints the peak of each
// after the warm-up: writing 5 to clear_refs sets the high-water mark back to what is resident (proc(5)), so that VmHWM
// after the import is the exact peak of this one.
import { writeFile } from 'node:fs/promises'
import { ownMemory } from '../../memory/index.ts'
import { Lakehouse } from '../../lakehouse/index.ts'

const TABLE = 'bench.sustained'

const [folder, source, memory, warmUp, count] = process.argv.slice(2)
if (
  folder === undefined ||
  source === undefined ||
  memory === undefined ||
  warmUp === undefined ||
  count === undefined
) {
  console.error('usage: bench-sustained LAKE SOURCE BUDGET WARM_UP COUNT')
  process.exitCode = 2
} else {
  await using lake = await Lakehouse.open(folder, { memory })
  const peaks: number[] = []
  let rows = 0
  for (let run = -Number(warmUp); run < Number(count); run++) {
    await writeFile('/proc/self/clear_refs', '5')
    rows = (await lake.import({ table: TABLE, source })).rows
    if (run >= 0) peaks.push(ownMemory().peakRssBytes)
    await lake.dropTable(TABLE, { purge: true })
  }
  console.log(JSON.stringify({ rows, peaks }))
}
