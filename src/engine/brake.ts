import { closeSync, openSync, readSync } from 'node:fs'
import { isMainThread, type Worker } from 'node:worker_threads'
import { type Brake, collectGarbage } from '../memory/index.ts'

/** getrlimit(2): the number of the limit in Linux's headers, and its two 64-bit values. */
const RLIMIT_DATA = 2
const RLIMIT_BYTES = 16
const MiB = 1024 * 1024
/** Left for pages of V8's heap, which its compiler may ask for in the background. */
const SLACK_BYTES = 2 * MiB
/** Made free in glibc's heap first: V8's compiler ends the process where its malloc fails. Below the threshold of mmap. */
const RESERVE_BLOCKS = 3
const RESERVE_BLOCK_BYTES = 3.5 * MiB
/** The event loop stands still as long; a computation was seen to fail within 40 ms of its next large allocation. */
const MOST_MS = 100
const LOOK_MS = 1

let workers = 0
let areCounted = false

/** Counts the worker threads of this process from now on: each has a V8 that ends the process where its allocation fails. */
export function countWorkers(): void {
  if (areCounted) return
  areCounted = true
  process.on('worker', (worker: Worker) => {
    workers++
    worker.once('exit', () => workers--)
  })
}

/**
 * The brake of this process: its data (heap, mappings that can be written) may not grow while it is held. The computation
 * that takes more and more fails then with its next allocation, `Out of Memory Error`, and DuckDB lives; so does V8, which
 * does not run meanwhile. Where there are workers it does, and the brake does nothing. Undefined where the system has no such
 * limit (RLIMIT_DATA counts mappings since Linux 4.7) or koffi is missing.
 */
export async function openBrake(): Promise<Brake | undefined> {
  if (process.platform !== 'linux' || !isMainThread) return undefined
  try {
    const { default: koffi } = await import('koffi')
    const libc = koffi.load('libc.so.6')
    const system: System = {
      getLimit: libc.func('int getrlimit(int resource, void *limit)'),
      setLimit: libc.func('int setrlimit(int resource, void *limit)'),
      malloc: libc.func('void *malloc(size_t bytes)'),
      free: libc.func('void free(void *block)'),
      pageBytes: Number(libc.func('int getpagesize()')()),
    }
    return (downToBytes) => (workers > 0 ? 0 : hold(system, downToBytes))
  } catch {
    // Another C library, no procfs, or koffi was left out of the installation: statements end by their interrupts alone.
    return undefined
  }
}

interface System {
  readonly getLimit: (resource: number, limit: Buffer) => unknown
  readonly setLimit: (resource: number, limit: Buffer) => unknown
  readonly malloc: (bytes: number) => unknown
  readonly free: (block: unknown) => unknown
  readonly pageBytes: number
}

function hold(system: System, downToBytes: number): number {
  const { getLimit, setLimit, pageBytes } = system
  // Room in both heaps, so that nothing needs a page of the system while the brake is held.
  collectGarbage('minor')
  const reserve = Array.from({ length: RESERVE_BLOCKS }, () => system.malloc(RESERVE_BLOCK_BYTES))
  for (const block of reserve) system.free(block)
  const before = Buffer.alloc(RLIMIT_BYTES)
  const braked = Buffer.alloc(RLIMIT_BYTES)
  const sleep = new Int32Array(new SharedArrayBuffer(4))
  using memory = new Statm(pageBytes)
  if (getLimit(RLIMIT_DATA, before) !== 0) return 0
  before.copy(braked)
  const startMs = performance.now()
  memory.read()
  const limitBytes = BigInt(memory.dataBytes + SLACK_BYTES)
  // The process has a limit of its own, and is as near to it.
  if (before.readBigUInt64LE() <= limitBytes) return 0
  braked.writeBigUInt64LE(limitBytes)
  if (setLimit(RLIMIT_DATA, braked) !== 0) return 0
  try {
    do {
      Atomics.wait(sleep, 0, 0, LOOK_MS)
      memory.read()
    } while (memory.residentBytes > downToBytes && performance.now() - startMs < MOST_MS)
  } finally {
    setLimit(RLIMIT_DATA, before)
  }
  return performance.now() - startMs
}

const SPACE = 0x20
const ZERO = 0x30
/** Fields of /proc/self/statm, in pages (proc(5)). */
const RESIDENT = 1
const DATA = 5

/** /proc/self/statm, read without making garbage. */
class Statm implements Disposable {
  readonly #file = openSync('/proc/self/statm', 'r')
  readonly #text = Buffer.alloc(128)
  readonly #pageBytes: number
  residentBytes = 0
  /** Data and stack, of which the limit counts the first. */
  dataBytes = 0

  constructor(pageBytes: number) {
    this.#pageBytes = pageBytes
  }

  read(): void {
    const length = readSync(this.#file, this.#text, 0, this.#text.length, 0)
    let field = 0
    let pages = 0
    for (let at = 0; at < length && field <= DATA; at++) {
      const byte = this.#text[at] ?? SPACE
      if (byte > SPACE) {
        pages = pages * 10 + byte - ZERO
        continue
      }
      if (field === RESIDENT) this.residentBytes = pages * this.#pageBytes
      if (field === DATA) this.dataBytes = pages * this.#pageBytes
      field++
      pages = 0
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#file)
  }
}
