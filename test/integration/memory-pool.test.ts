import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import koffi from 'koffi'
import { describe, expect, it } from 'vitest'
import { Governor, type Lease, ownMemory, SlabPool } from '../../src/memory/index.ts'
import { ManualClock } from '../unit/support/pool-clock.ts'

const MB = 1e6

function openPool(clock = new ManualClock()): SlabPool {
  return new SlabPool({
    budget: Governor.create({ budgetBytes: 500 * MB }),
    poolSizeBytes: 100 * MB,
    maxBytes: 500 * MB,
    defragThreshold: 0.3,
    clock,
  })
}

function fill(pool: SlabPool, totalBytes: number): Lease[] {
  const leases: Lease[] = []
  for (let bytes = 0, at = 0; bytes < totalBytes; at++) {
    const size = [64_000, 300_000, MB, 2 * MB, 5 * MB, 8 * MB][at % 6] ?? MB
    const lease = pool.lease(size, 'burst')
    lease.pin().fill(at + 1)
    lease.unpin()
    leases.push(lease)
    bytes += size
  }
  return leases
}

/** As the launcher and the engine do (src/engine/allocator.ts): what has 4 MiB is mapped, and unmapped at once. */
function mapLargeBlocks(): void {
  const M_MMAP_THRESHOLD = -3
  koffi.load('libc.so.6').func('int mallopt(int parameter, int value)')(M_MMAP_THRESHOLD, 4 * 1024 * 1024)
}

const isGlibc =
  process.platform === 'linux' && 'glibcVersionRuntime' in (process.report.getReport() as { header: object }).header

describe.runIf(isGlibc)('memory of the process', () => {
  it.each(['idle for 30 s', 'under pressure', 'half of it moved together'])(
    'what a burst took stays resident (%s)',
    (how) => {
      mapLargeBlocks()
      const clock = new ManualClock()
      const pool = openPool(clock)
      for (const lease of fill(pool, 20 * MB)) lease.release()
      pool.trim(0)
      const before = ownMemory().rssBytes
      const leases = fill(pool, 300 * MB)
      expect(ownMemory().rssBytes - before).toBeGreaterThan(250 * MB)
      const kept = how === 'half of it moved together' ? leases.filter((lease) => lease.byteLength < MB) : []
      for (const lease of leases) if (!kept.includes(lease)) lease.release()
      if (how === 'idle for 30 s') clock.advance(60_000)
      else pool.relieve(300 * MB)
      const leftBytes = pool.statistics().pooledBytes
      expect(ownMemory().rssBytes - leftBytes).toBeLessThan(before * 1.1)
      // 39 cycles of 16.4 MB: 364 kB of each are kept, some 14 MB in all.
      expect(leftBytes).toBeLessThanOrEqual(kept.length === 0 ? 0 : 20 * MB)
    },
  )
})

describe('a view of a lease is taken by Node as any bytes are', () => {
  it('a file, a socket, a hash, zlib, a decoder or fetch refuses it or gets other bytes', async () => {
    const pool = openPool()
    using lease = pool.lease(100_000, 'test')
    const view = lease.pin()
    for (let at = 0; at < view.length; at++) view[at] = 65 + (at % 26)
    const expected = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ'.repeat(3847)).subarray(0, 100_000)
    const folder = await mkdtemp(join(tmpdir(), 'icebox-pool-'))
    const received: Buffer[] = []
    const server = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => received.push(chunk))
      request.on('end', () => response.end(view))
    }).listen(0, '127.0.0.1')
    try {
      await once(server, 'listening')
      const file = await open(join(folder, 'a'), 'w')
      await file.write(view, 0, view.length)
      await file.writev([view])
      await file.close()
      expect((await readFile(join(folder, 'a'))).equals(Buffer.concat([expected, expected]))).toBe(true)
      const { port } = server.address() as AddressInfo
      const answer = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: view })
      expect(Buffer.from(await answer.arrayBuffer()).equals(expected)).toBe(true)
      expect(Buffer.concat(received).equals(expected)).toBe(true)
    } finally {
      server.closeAllConnections()
      server.close()
      await rm(folder, { recursive: true })
    }
    expect(Buffer.from(await new Response(view).arrayBuffer()).equals(expected)).toBe(true)
    expect(createHash('sha256').update(view).digest('hex')).toBe(createHash('sha256').update(expected).digest('hex'))
    expect(gzipSync(view).equals(gzipSync(expected))).toBe(true)
    expect(new TextDecoder().decode(view)).toBe(expected.toString())
    lease.unpin()
  })
})
