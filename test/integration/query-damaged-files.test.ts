import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isIceboxError } from '../../src/base/index.ts'
import { openQueryLake, type QueryLake } from './query-lake.ts'

let lake: QueryLake
beforeAll(async () => {
  lake = await openQueryLake()
})
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
})

/** What a query of the file says; undefined where the reader does not see the damage: pages have no checksums. */
async function codeOf(path: string): Promise<string | undefined> {
  try {
    await lake.rows(`SELECT bit_xor(hash(f)) FROM read_parquet('${path}') f`)
    return undefined
  } catch (error) {
    if (!isIceboxError(error)) throw error
    return error.code
  }
}

const DAMAGED = new Set([undefined, 'storage/io', 'storage/short-read'])

describe('a Parquet file with damaged bytes is told as that, not as a mistake in the statement', () => {
  it.each(['snappy', 'zstd', 'gzip', 'lz4', 'uncompressed'])('%s', async (codec) => {
    const whole = join(lake.folder, `${codec}.parquet`)
    await using session = await lake.engine.session()
    await session.run(
      `COPY (SELECT i AS id, i * 1.5::DOUBLE AS d, (i * 7919) % 1000 AS n FROM range(20000) r(i)) TO '${whole}' (COMPRESSION ${codec}, ROW_GROUP_SIZE 5000)`,
    )
    const bytes = await readFile(whole)
    const chunks = await session.all(
      `SELECT coalesce(dictionary_page_offset, data_page_offset)::INTEGER AS at FROM parquet_metadata('${whole}')`,
    )
    const codes: (string | undefined)[] = []
    for (const { at } of chunks) {
      // The header of a page, and what is in the page.
      for (const offset of [0, 1, 3, 5, 9, 300]) {
        const damaged = Buffer.from(bytes)
        for (let place = Number(at) + offset; place < Number(at) + offset + (offset > 9 ? 200 : 1); place++)
          damaged[place] = (damaged[place] ?? 0) ^ 0x55
        const path = join(lake.folder, `${codec}-${codes.length}.parquet`)
        await writeFile(path, damaged)
        codes.push(await codeOf(path))
      }
    }
    expect(codes.filter((code) => !DAMAGED.has(code))).toEqual([])
    expect(codes).toContain('storage/io')
  })

  it('names the file where the reader does', async () => {
    const path = join(lake.folder, 'pages.parquet')
    await using session = await lake.engine.session()
    await session.run(`COPY (SELECT 'text ' || i AS t FROM range(50000) r(i)) TO '${path}' (COMPRESSION snappy)`)
    const bytes = await readFile(path)
    for (let at = 1000; at < 3000; at++) bytes[at] = (bytes[at] ?? 0) ^ 0x55
    await writeFile(path, bytes)
    await expect(lake.rows(`SELECT max(t) FROM '${path}'`)).rejects.toMatchObject({
      code: 'storage/io',
      context: { file: path },
    })
  })
})
