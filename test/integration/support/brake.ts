import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { countWorkers, openBrake } from '../../../src/engine/brake.ts'

/** A process of engine-brake.test.ts: holds the brake alone, beside a worker, and after it; asks for memory in between. */
countWorkers()
const brake = await openBrake()
const limit = () => /Max data size.*/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[0]
const before = limit()
const held = () => Math.round(brake?.(0) ?? -1)
const alone = held()
const worker = new Worker('setInterval(() => {}, 1000)', { eval: true })
await once(worker, 'online')
const beside = held()
await worker.terminate()
const after = held()
const room = Buffer.alloc(64e6, 1).length
process.stdout.write(JSON.stringify({ alone, beside, after, room, isSame: limit() === before }))
