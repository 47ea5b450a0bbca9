// Worker threads that use a lakehouse while the main thread has it open: node worker-threads.mjs LIBRARY LAKE. Each appends
// ten rows, and queries; of them one closes, one returns without closing, and one is ended from outside. Prints what the main
// thread sees then, and where the spill folders are while all live.
import { readdirSync } from 'node:fs'
import { once } from 'node:events'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
const [library, folder] = process.argv.slice(2)
const { Lakehouse } = await import(library)
const options = { memory: '1GB' }
const SET = ['performance.streaming.commit_interval=1h']
if (isMainThread) {
  const lake = await Lakehouse.open(folder, options)
  const count = async () => Number((await lake.sql`select count(*) as n, count(distinct id) as d from s.t`)[0].n)
  await count()
  const workers = ['closes', 'returns', 'is ended'].map(
    (how, at) =>
      new Worker(new URL(import.meta.url), {
        argv: [library, folder],
        workerData: { how, first: at * 10 },
        stdin: true,
        stdout: true,
      }),
  )
  const ended = workers.map((worker) => once(worker, 'exit'))
  const answers = (await Promise.all(workers.map(({ stdout }) => once(stdout, 'data')))).map(String)
  const spills = readdirSync(`${folder}/.icebox/spill`).length
  const whileTheyLive = (await lake.appender('s.t').then((writer) => writer.close()), lake.streamRecovery.rows)
  for (const worker of workers) worker.stdin.end('go on')
  await Promise.all([ended[0], ended[1]])
  await workers[2].terminate()
  const writer = await lake.appender('s.t')
  const recovered = lake.streamRecovery.rows
  await writer.close()
  const rows = await count()
  await lake.close()
  const again = await Lakehouse.open(folder, options)
  process.stdout.write(
    JSON.stringify({ answers, spills, whileTheyLive, recovered, rows, later: again.streamRecovery.rows }),
  )
  await again.close()
} else {
  const { how, first } = workerData
  try {
    const lake = await Lakehouse.open(folder, { ...options, set: SET })
    const writer = await lake.appender('s.t')
    await lake.sql`select count(*) from s.t`
    await writer.append(Array.from({ length: 10 }, (_, at) => ({ id: first + at })))
    process.stdout.write('appended')
    await once(process.stdin, 'data')
    if (how === 'closes') await lake.close()
    // Timers and the engine of an open lakehouse hold the thread up, as they would the process.
    if (how === 'returns') process.exit()
    if (how === 'is ended') setInterval(() => undefined, 1000)
  } catch (error) {
    process.stdout.write(`${how}: ${error.code}: ${error.message}`)
  }
}
