import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** What the engine's allocator (jemalloc inside DuckDB's library) holds, in bytes. */
export interface AllocatorFigures {
  /** Pages that it holds of the operating system, touched. */
  readonly residentBytes: number
  /** Bytes that DuckDB has allocated. */
  readonly allocatedBytes: number
}

export interface Allocator {
  /** About 35 microseconds. */
  read(): AllocatorFigures
  /** Returns all free pages to the operating system at once; works while statements run. */
  purge(): void
}

/** Every arena, in jemalloc's numbering (MALLCTL_ARENAS_ALL). */
const PURGE_ALL = 'arena.4096.purge'

/**
 * Reaches the allocator of the library that is loaded: `libduckdb.so` of the npm package exports `duckdb_je_mallctl`.
 * Undefined where there is none (other platforms, static builds).
 */
export async function openAllocator(): Promise<Allocator | undefined> {
  const path = libraryPath()
  if (path === undefined) return undefined
  try {
    const koffi = (await import('koffi')).default
    const library = koffi.load(path)
    const control = library.func(
      'int duckdb_je_mallctl(const char *name, void *oldp, void *oldlenp, void *newp, size_t newlen)',
    )
    return allocatorOf((name, old, oldLength, next, nextLength): unknown =>
      control(name, old, oldLength, next, nextLength),
    )
  } catch {
    // The symbol is not there, or koffi has no build for this machine: the environment switch is the other way.
    return undefined
  }
}

function allocatorOf(
  control: (
    name: string,
    old: Buffer | null,
    oldLength: Buffer | null,
    next: Buffer | null,
    nextLength: number,
  ) => unknown,
): Allocator | undefined {
  const value = Buffer.alloc(8)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(8n)
  const epoch = Buffer.alloc(8)
  epoch.writeBigUInt64LE(1n)
  const read = (name: string): number => {
    length.writeBigUInt64LE(8n)
    return control(name, value, length, null, 0) === 0 ? Number(value.readBigUInt64LE()) : Number.NaN
  }
  const allocator: Allocator = {
    read: () => {
      control('epoch', null, null, epoch, 8)
      return { residentBytes: read('stats.resident'), allocatedBytes: read('stats.allocated') }
    },
    purge: () => {
      control(PURGE_ALL, null, null, null, 0)
    },
  }
  return Number.isNaN(allocator.read().residentBytes) ? undefined : allocator
}

/** Where the shared library of the native package lies. */
function libraryPath(): string | undefined {
  const require = createRequire(import.meta.url)
  try {
    const bindings = require.resolve('@duckdb/node-bindings')
    const native = createRequire(bindings).resolve(
      `@duckdb/node-bindings-${process.platform}-${process.arch}/package.json`,
    )
    const path = join(dirname(native), 'libduckdb.so')
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}
