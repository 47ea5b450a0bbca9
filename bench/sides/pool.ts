// Buffers as imports and streams use them, from one allocation strategy: pool.js STRATEGY SECONDS POOL_BYTES
// Prints rates, memory and GC pauses. Run with the environment of bin/icebox, which sets glibc's thresholds.
import { PerformanceObserver, performance } from 'node:perf_hooks'
import { Governor, ownMemory, SlabPool } from '../../src/memory/index.ts'
import { isStrategy, type Strategy, strategies } from '../lib/buffer-strategies.ts'
import { median } from '../../src/bench/index.ts'

const KB = 1e3
const MB = 1e6
const IN_FLIGHT = 12
const BURST_BYTES = 200 * MB

const [name, seconds, poolBytes] = process.argv.slice(2)
if (name === undefined || !isStrategy(name) || seconds === undefined || poolBytes === undefined)
  throw new Error('usage: pool STRATEGY SECONDS POOL_BYTES')

/** Numerical Recipes' generator: the same sizes in every process. */
let state = 20_261_125
function random(): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return state / 2 ** 32
}

/** Arrow messages and Avro blocks of 64 kB to 1 MB, stream buffers of 1 MB, object ranges and spool buffers of 2 to 8 MB. */
function nextSize(): number {
  const kind = random()
  if (kind < 0.6) return Math.round(64 * KB * (1000 / 64) ** random())
  if (kind < 0.85) return MB
  return Math.round(2 * MB * 4 ** random())
}

const source = new Uint8Array(8 * MB + 1).fill(65)

/** As an IPC writer does: offsets by the element, values by copy, then a reader that sums some of it. */
function use(view: Uint8Array<ArrayBuffer>): number {
  view.set(source.subarray(0, view.length))
  const offsets = new DataView(view.buffer, view.byteOffset, view.length)
  for (let at = 0; at < view.length - 4; at += 64) offsets.setInt32(at, at, true)
  let sum = 0
  for (let at = 0; at < view.length; at += 256) sum += view[at] ?? 0
  return sum
}

let clockMs = 0
let idle: (() => void) | undefined
const governor = Governor.create({ budgetBytes: 1000 * MB })
const poolOf = (memory?: ConstructorParameters<typeof SlabPool>[0]['memory']) =>
  new SlabPool({
    budget: governor,
    poolSizeBytes: Number(poolBytes),
    maxBytes: 1000 * MB,
    defragThreshold: 0.3,
    clock: {
      nowMs: () => clockMs + performance.now(),
      after: (_, run) => {
        idle = run
        return () => undefined
      },
    },
    ...(memory === undefined ? {} : { memory }),
  })
const strategy: Strategy = strategies[name](poolOf)

const pauses: number[] = []
const fragmentation: number[] = []
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) pauses.push(entry.duration)
})
observer.observe({ entryTypes: ['gc'] })
const turn = () => new Promise(setImmediate)

async function work(forMs: number): Promise<{ bytes: number; buffers: number; elapsedMs: number; cpuMs: number }> {
  const held: { release(): void }[] = []
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  let bytes = 0
  let buffers = 0
  while (performance.now() - startMs < forMs) {
    const size = nextSize()
    const buffer = strategy.take(size)
    use(buffer.view)
    buffer.done()
    held.push(buffer)
    bytes += size
    buffers++
    if (held.length > IN_FLIGHT) held.splice(Math.floor(random() * held.length), 1)[0]?.release()
    if (buffers % 8 !== 0) continue
    fragmentation.push(strategy.fragmentation())
    await turn()
  }
  for (const buffer of held) buffer.release()
  const used = process.cpuUsage(cpu)
  return { bytes, buffers, elapsedMs: performance.now() - startMs, cpuMs: (used.user + used.system) / 1000 }
}

await work(500)
const warm = strategy.counts()
pauses.length = 0
fragmentation.length = 0
const steady = await work(Number(seconds) * 1000)
const after = strategy.counts()
await turn()
const steadyPauses = [...pauses]
const steadyPeakBytes = ownMemory().peakRssBytes

/** Everything at once, then nothing: what the process has before, at most and after. */
async function burst(settle: () => void): Promise<{ before: number; during: number; after: number }> {
  settle()
  await turn()
  const before = ownMemory().rssBytes
  const held: { release(): void }[] = []
  for (let bytes = 0; bytes < BURST_BYTES; ) {
    const size = nextSize()
    const buffer = strategy.take(size)
    use(buffer.view)
    buffer.done()
    held.push(buffer)
    bytes += size
  }
  const during = ownMemory().rssBytes
  for (const buffer of held) buffer.release()
  held.length = 0
  await turn()
  settle()
  await turn()
  return { before, during, after: ownMemory().rssBytes }
}
const idleBurst = await burst(() => {
  clockMs += 30_000
  idle?.()
})
const pressureBurst = await burst(() => strategy.relieve())
/** Taking and releasing alone. */
const leaseNs: number[] = []
for (let round = 0; round < 5; round++) {
  const startMs = performance.now()
  for (let at = 0; at < 100_000; at++) {
    const buffer = strategy.take(64 * KB)
    buffer.done()
    buffer.release()
  }
  leaseNs.push((performance.now() - startMs) * 10)
}

console.log(
  JSON.stringify({
    strategy: name,
    bytesPerSecond: steady.bytes / (steady.elapsedMs / 1000),
    bytesPerCpuSecond: steady.bytes / (steady.cpuMs / 1000),
    hitRate: (after.hits - warm.hits) / (after.taken - warm.taken),
    fragmentation: median(fragmentation),
    leaseNs: median(leaseNs),
    peakRssBytes: steadyPeakBytes,
    gcPauses: steadyPauses.length,
    gcMs: steadyPauses.reduce((sum, pause) => sum + pause, 0),
    longestGcMs: Math.max(0, ...steadyPauses),
    idleBurst,
    pressureBurst,
  }),
)
