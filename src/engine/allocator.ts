import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { IceboxError, messageOf } from '../base/index.ts'
import type { AllocatorControl } from '../memory/index.ts'

/** What the engine's allocator (jemalloc inside DuckDB's library) holds, in bytes. */
export interface AllocatorFigures {
  /** Pages that it holds of the operating system. */
  readonly residentBytes: number
  /** Bytes that DuckDB has allocated. */
  readonly allocatedBytes: number
}

export interface Allocator {
  /** About 35 microseconds. */
  read(): AllocatorFigures
  /** Returns all free pages to the operating system at once; works while statements run. */
  purge(): void
  /** Returns what glibc's heap has free at its end. */
  trim(): void
}

/** Where the allocator cannot be purged: free pages go back at once, at 35 to 60% more time on scans. */
const RETURN_AT_ONCE = 'dirty_decay_ms:0,muzzy_decay_ms:0,narenas:1'
const SETTING = 'DUCKDB_JE_MALLOC_CONF'

/** Every arena, in jemalloc's numbering (MALLCTL_ARENAS_ALL). */
const PURGE_ALL = 'arena.4096.purge'

/** mallopt(3): the parameters' numbers of glibc's malloc.h. */
const M_TRIM_THRESHOLD = -1
const M_MMAP_THRESHOLD = -3
const M_ARENA_MAX = -8
const MiB = 1024 * 1024

/**
 * How the engine's allocator can be controlled on this machine, found out without loading anything:
 * `libduckdb.so` of the npm package exports `duckdb_je_mallctl`; a static build does not.
 */
export function allocatorControl(): AllocatorControl {
  if (libraryPath() !== undefined && koffiPath() !== undefined) return 'purge'
  return process.platform === 'linux' ? 'decay' : 'none'
}

/** Sets what must stand in the environment before the library is loaded. */
export function prepareEnvironment(control: 'purge' | 'other'): void {
  if (control === 'other') process.env[SETTING] ??= RETURN_AT_ONCE
}

/**
 * Reaches the allocator of the library that is loaded.
 * Rejects `engine/unavailable` where {@link allocatorControl} was wrong to promise it.
 */
export async function openAllocator(): Promise<Allocator> {
  const path = libraryPath()
  try {
    if (path === undefined) throw new RangeError('no libduckdb.so')
    const koffi = (await import('koffi')).default
    const control = koffi
      .load(path)
      .func('int duckdb_je_mallctl(const char *name, void *oldp, void *oldlenp, void *newp, size_t newlen)')
    return new Jemalloc(control, tuneLibc(koffi.load))
  } catch (error) {
    throw new IceboxError('engine/unavailable', {
      message: `the engine's allocator cannot be reached: ${messageOf(error)}`,
      remedy: `set ${SETTING}=${RETURN_AT_ONCE} in the environment`,
      cause: error,
    })
  }
}

type Native = (...args: unknown[]) => unknown

class Jemalloc implements Allocator {
  readonly #control: Native
  readonly #trim: Native | undefined
  readonly #value = Buffer.alloc(8)
  readonly #length = Buffer.alloc(8)
  readonly #epoch = Buffer.alloc(8)

  constructor(control: Native, trim: Native | undefined) {
    this.#control = control
    this.#trim = trim
    this.#epoch.writeBigUInt64LE(1n)
    this.read()
  }

  read(): AllocatorFigures {
    // Figures are of the last time that the epoch was advanced.
    this.#control('epoch', null, null, this.#epoch, 8)
    return { residentBytes: this.#figure('stats.resident'), allocatedBytes: this.#figure('stats.allocated') }
  }

  purge(): void {
    this.#control(PURGE_ALL, null, null, null, 0)
  }

  trim(): void {
    this.#trim?.(0)
  }

  #figure(name: string): number {
    this.#length.writeBigUInt64LE(8n)
    const code = this.#control(name, this.#value, this.#length, null, 0)
    if (code !== 0) throw new RangeError(`mallctl ${name}: ${String(code)}`)
    return Number(this.#value.readBigUInt64LE())
  }
}

/**
 * The knobs of glibc that the launcher sets by the environment, for a process that did not come through it.
 * Arenas that are there already stay. Answers with malloc_trim, or undefined where the C library has none (musl).
 */
function tuneLibc(load: (path: string) => { func: (signature: string) => Native }): Native | undefined {
  try {
    const libc = load('libc.so.6')
    const mallopt = libc.func('int mallopt(int parameter, int value)')
    mallopt(M_ARENA_MAX, 1)
    // Compression contexts of a few hundred KiB come and go with each page: mapped anew each time, their pages are zeroed
    // anew (7 to 16% of a partitioned import; docs/decisions/0011-partitioned-writes.md). `trim` gives back what stays.
    mallopt(M_TRIM_THRESHOLD, 16 * MiB)
    mallopt(M_MMAP_THRESHOLD, 4 * MiB)
    return libc.func('int malloc_trim(size_t pad)')
  } catch {
    // Another C library: its memory is small beside the engine's, and goes without.
    return undefined
  }
}

/** Where the shared library of the native package lies. */
function libraryPath(): string | undefined {
  const require = createRequire(import.meta.url)
  try {
    const bindings = createRequire(require.resolve('@duckdb/node-bindings'))
    const native = bindings.resolve(`@duckdb/node-bindings-${process.platform}-${process.arch}/package.json`)
    const path = join(dirname(native), 'libduckdb.so')
    return existsSync(path) ? path : undefined
  } catch {
    // No package for this platform; loading the engine will say so.
    return undefined
  }
}

function koffiPath(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve('koffi')
  } catch {
    // koffi was left out of the installation.
    return undefined
  }
}
