import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isIceboxError } from '../../src/base/index.ts'
import { CountedReads } from '../unit/support/counted-reads.ts'
import {
  CountingStore,
  createStore,
  fileUri,
  LocalStore,
  MemoryStore,
  type ObjectStore,
} from '../../src/storage/index.ts'

const text = (value: string) => new TextEncoder().encode(value)
const read = async (store: ObjectStore, uri: string) => new TextDecoder().decode((await store.read(uri)).bytes)
const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise
  } catch (error) {
    if (isIceboxError(error)) return error.code
    throw error
  }
  return 'no error'
}
async function* chunks(...parts: readonly string[]): AsyncIterable<Uint8Array> {
  for (const part of parts) yield text(part)
}
const gather = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
const namesBelow = async (store: ObjectStore, prefix: string) =>
  (await gather(store.list(prefix))).map((info) => info.uri.slice(prefix.length)).sort()

const stores: Record<string, (folder: string) => { store: ObjectStore; base: string }> = {
  'local, file:///': (folder) => ({ store: new LocalStore(), base: fileUri(folder) }),
  'local, bare path': (folder) => ({ store: new LocalStore(), base: folder }),
  memory: () => ({ store: new MemoryStore(), base: 'memory:///bucket' }),
  'routed to local': (folder) => ({ store: createStore(), base: `file:${folder}` }),
  'routed to memory': () => ({ store: createStore(), base: 'memory:///bucket' }),
  counted: (folder) => ({ store: new CountingStore(new LocalStore()), base: fileUri(folder) }),
}

for (const [name, open] of Object.entries(stores)) {
  describe(`ObjectStore, ${name}`, () => {
    let folder: string
    let store: ObjectStore
    let base: string
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'icebox-'))
      ;({ store, base } = open(folder))
    })
    afterAll(() => rm(folder, { recursive: true }))

    it('gives back what was created, in missing folders, whole and in ranges', async () => {
      const uri = `${base}/a/b/c.txt`
      const before = Date.now()
      expect(await store.create(uri, text('hello world'))).toMatchObject({ uri, sizeBytes: 11 })
      expect(await read(store, uri)).toBe('hello world')
      expect(new TextDecoder().decode((await store.readRange(uri, 6, 5)).bytes)).toBe('world')
      expect((await store.readRange(uri, 11, 0)).bytes.byteLength).toBe(0)
      const info = await store.head(uri)
      expect(info).toMatchObject({ uri, sizeBytes: 11 })
      expect(Math.abs(info.lastModifiedMs - before)).toBeLessThan(60_000)
    })

    it('creates from a stream and reads as a stream of bounded chunks, an empty object too', async () => {
      const uri = `${base}/stream.txt`
      await store.create(uri, chunks('one ', 'two ', 'three'))
      const parts = await gather(store.readStream(uri, { chunkBytes: 5 }))
      expect(parts.map((part) => new TextDecoder().decode(part))).toEqual(['one t', 'wo th', 'ree'])
      await store.create(`${base}/empty`, new Uint8Array(0))
      expect(await gather(store.readStream(`${base}/empty`))).toEqual([])
      expect((await store.read(`${base}/empty`)).bytes.byteLength).toBe(0)
    })

    it('never overwrites: the second creator is refused and the first content stays', async () => {
      const uri = `${base}/once.txt`
      await store.create(uri, text('first'))
      expect(await codeOf(store.create(uri, text('second')))).toBe('storage/exists')
      expect(await codeOf(store.create(uri, chunks('third')))).toBe('storage/exists')
      expect(await read(store, uri)).toBe('first')
    })

    it('shows what is created unflushed at once, and says when it is durable', async () => {
      const uri = `${base}/unflushed/a`
      const { durable, ...info } = await store.createUnflushed(uri, chunks('by', 'tes'))
      expect(info).toMatchObject({ uri, sizeBytes: 5 })
      expect(await read(store, uri)).toBe('bytes')
      expect(await namesBelow(store, `${base}/unflushed`)).toEqual(['/a'])
      expect(await codeOf(store.createUnflushed(uri, text('second')))).toBe('storage/exists')
      await durable
      expect(await read(store, uri)).toBe('bytes')
      async function* broken(): AsyncIterable<Uint8Array> {
        yield text('half')
        throw new RangeError('source went away')
      }
      await expect(store.createUnflushed(`${base}/unflushed/b`, broken())).rejects.toThrow('source went away')
      expect(await namesBelow(store, `${base}/unflushed`)).toEqual(['/a'])
    })

    it('lets exactly one of many creators of a name win', async () => {
      const uri = `${base}/race/winner`
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, i) => codeOf(store.create(uri, text(`${i}`.repeat(1000))))),
      )
      expect(outcomes.filter((code) => code === 'no error')).toHaveLength(1)
      expect(outcomes.filter((code) => code === 'storage/exists')).toHaveLength(19)
      const winner = outcomes.indexOf('no error')
      expect(await read(store, uri)).toBe(`${winner}`.repeat(1000))
      expect(await namesBelow(store, `${base}/race`)).toEqual(['/winner'])
    })

    it('creates many objects in one folder at once', async () => {
      const names = Array.from({ length: 40 }, (_, i) => `/n${i}`)
      await Promise.all(names.map((each) => store.create(`${base}/many${each}`, text(each))))
      expect(await namesBelow(store, `${base}/many`)).toEqual([...names].sort())
    })

    it('leaves nothing behind when the body fails, and passes its error unchanged', async () => {
      const uri = `${base}/failed/x`
      const failure = Object.assign(new Error('source went away'), { code: 'ENOENT' })
      async function* broken(): AsyncIterable<Uint8Array> {
        yield text('half')
        throw failure
      }
      await expect(store.create(uri, broken())).rejects.toBe(failure)
      expect(await codeOf(store.head(uri))).toBe('storage/not-found')
      expect(await namesBelow(store, `${base}/failed`)).toEqual([])
      await store.create(uri, text('whole'))
      expect(await read(store, uri)).toBe('whole')
    })

    it('stops when the signal fires and leaves nothing behind', async () => {
      const controller = new AbortController()
      async function* slow(): AsyncIterable<Uint8Array> {
        yield text('a')
        controller.abort()
        yield text('b')
      }
      expect(await codeOf(store.create(`${base}/cancelled/x`, slow(), controller.signal))).toBe('cancelled')
      expect(await namesBelow(store, `${base}/cancelled`)).toEqual([])
      expect(await codeOf(store.create(`${base}/cancelled/y`, text('a'), controller.signal))).toBe('cancelled')
      expect(await codeOf(store.head(`${base}/once.txt`, controller.signal))).toBe('cancelled')
      expect(await codeOf(store.read(`${base}/once.txt`, { signal: controller.signal }))).toBe('cancelled')
      expect(await codeOf(gather(store.readStream(`${base}/stream.txt`, { signal: controller.signal })))).toBe(
        'cancelled',
      )
    })

    it('names what is missing, and refuses ranges past the end', async () => {
      const missing = `${base}/nowhere/x`
      expect(await codeOf(store.head(missing))).toBe('storage/not-found')
      expect(await codeOf(store.read(missing))).toBe('storage/not-found')
      expect(await codeOf(store.readRange(missing, 0, 1))).toBe('storage/not-found')
      expect(await codeOf(gather(store.readStream(missing)))).toBe('storage/not-found')
      await store.create(`${base}/short`, text('12345'))
      expect(await codeOf(store.readRange(`${base}/short`, 3, 5))).toBe('storage/short-read')
      await expect(store.readRange(`${base}/short`, 3, 5)).rejects.toMatchObject({
        context: { sizeBytes: 5, offset: 3 },
      })
    })

    it('does not take a folder for an object', async () => {
      await store.create(`${base}/folder/x`, text('x'))
      expect(await codeOf(store.head(`${base}/folder`))).toBe('storage/not-found')
    })

    it('refuses to read more than maxBytes at once', async () => {
      await store.create(`${base}/large`, new Uint8Array(2000))
      expect(await codeOf(store.read(`${base}/large`, { maxBytes: 1999 }))).toBe('storage/io')
      expect((await store.read(`${base}/large`, { maxBytes: 2000 })).bytes.byteLength).toBe(2000)
    })

    it('lists below a prefix by path segment, deeply, and nothing for a prefix that is not there', async () => {
      for (const each of ['t/data/1', 't/data/p=1/2', 't/metadata/3', 't2/4'])
        await store.create(`${base}/list/${each}`, text(each))
      expect(await namesBelow(store, `${base}/list/t`)).toEqual(['/data/1', '/data/p=1/2', '/metadata/3'])
      expect(await gather(store.list(`${base}/list/none`))).toEqual([])
      const [info] = await gather(store.list(`${base}/list/t2`))
      expect(info).toMatchObject({ uri: `${base}/list/t2/4`, sizeBytes: 4 })
    })

    it('deletes what is there, without complaint about what is not', async () => {
      await store.create(`${base}/gone/1`, text('1'))
      await store.create(`${base}/gone/2`, text('2'))
      await store.delete([`${base}/gone/1`, `${base}/gone/missing`, `${base}/gone/2`])
      expect(await namesBelow(store, `${base}/gone`)).toEqual([])
      await store.create(`${base}/gone/1`, text('again'))
      expect(await read(store, `${base}/gone/1`)).toBe('again')
    })

    it('takes names as raw strings: percent signs, spaces, Unicode and question marks are kept', async () => {
      for (const each of ['a%20b', 'a b', 'größe=5€', 'what?', '#1', '%2F']) {
        await store.create(`${base}/raw/${each}`, text(each))
        expect(await read(store, `${base}/raw/${each}`)).toBe(each)
      }
      expect(await namesBelow(store, `${base}/raw`)).toHaveLength(6)
    })
  })
}

describe('CountingStore', () => {
  it('counts requests and bytes of what passes, failures as requests too', async () => {
    const store = new CountingStore(new MemoryStore())
    await store.create('memory:///a', text('12345'))
    await store.read('memory:///a')
    await store.readRange('memory:///a', 1, 2)
    await gather(store.readStream('memory:///a', { chunkBytes: 2 }))
    await gather(store.list('memory:///'))
    await codeOf(store.head('memory:///none'))
    await store.delete(['memory:///a'])
    const { elapsedMs, ...counts } = store.counters()
    expect(counts).toEqual({ requests: 7, readRequests: 5, writeRequests: 2, bytesRead: 12, bytesWritten: 5 })
    expect(elapsedMs).toBeGreaterThan(0)
  })

  it('closes the inner stream when its reader stops early', async () => {
    let isClosed = false
    class Watched extends MemoryStore {
      override async *readStream(): AsyncIterable<Uint8Array> {
        try {
          yield text('1')
          yield text('2')
        } finally {
          isClosed = true
        }
      }
    }
    for await (const chunk of new CountingStore(new Watched()).readStream('memory:///a')) {
      expect(new TextDecoder().decode(chunk)).toBe('1')
      break
    }
    expect(isClosed).toBe(true)
  })
})

describe('createStore', () => {
  it('refuses schemes that it does not serve by name', async () => {
    const store = createStore()
    await expect(store.read('s3://bucket/key')).rejects.toMatchObject({
      code: 'storage/unsupported',
      context: { scheme: 's3' },
    })
    await expect(store.create('s3a://bucket/key', text(''))).rejects.toMatchObject({ context: { scheme: 's3' } })
    await expect(store.head('gs://bucket/key')).rejects.toMatchObject({
      code: 'storage/unsupported',
      context: { scheme: 'gs' },
    })
    await expect(store.head('relative/path')).rejects.toMatchObject({ code: 'storage/unsupported' })
    await expect(store.head('file://otherhost/path')).rejects.toMatchObject({ code: 'storage/unsupported' })
  })

  it('deletes across schemes in one call', async () => {
    const store = createStore()
    await store.create('memory:///x', text('x'))
    await store.delete(['memory:///x', `file://${tmpdir()}/icebox-was-never-there`])
    expect(await codeOf(store.head('memory:///x'))).toBe('storage/not-found')
  })
})

describe('MemoryStore', () => {
  it('refuses what passes its limit, and takes it again after a delete', async () => {
    const store = new MemoryStore({ maxBytes: 10 })
    await store.create('memory:///a', new Uint8Array(8))
    expect(await codeOf(store.create('memory:///b', new Uint8Array(3)))).toBe('storage/full')
    await store.delete(['memory:///a'])
    expect(await codeOf(store.create('memory:///b', new Uint8Array(3)))).toBe('no error')
  })
})

/** Stores that were given memory to read into. */
const readers: Record<string, (reads: CountedReads) => ObjectStore> = {
  local: (reads) => new LocalStore({ reads }),
  memory: (reads) => new MemoryStore({ reads }),
  routed: (reads) => createStore({ reads }),
  counted: (reads) => new CountingStore(createStore({ reads })),
}
for (const [name, open] of Object.entries(readers)) {
  describe(`memory of reading, ${name}`, () => {
    let folder: string
    let reads: CountedReads
    let store: ObjectStore
    let uri: string
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'icebox-'))
      reads = new CountedReads()
      store = open(reads)
      uri = name === 'memory' ? 'memory:///x' : `${folder}/x`
    })
    afterEach(() => rm(folder, { recursive: true }))

    it("objects and ranges are read into the buffers of the store, which are the reader's to give back", async () => {
      expect(store.reads).toBe(reads)
      await store.create(uri, text('hello world'))
      {
        using whole = await store.read(uri)
        using part = await store.readRange(uri, 6, 5)
        expect(new TextDecoder().decode(whole.bytes)).toBe('hello world')
        expect(new TextDecoder().decode(part.bytes)).toBe('world')
        expect(reads.heldBuffers).toBe(2)
      }
      expect(reads.heldBuffers).toBe(0)
      // What was given back is the store's no more.
      expect(await read(store, uri)).toBe('hello world')
    })

    it('a read that fails holds nothing', async () => {
      await store.create(uri, text('12345'))
      expect(await codeOf(store.readRange(uri, 3, 5))).toBe('storage/short-read')
      expect(await codeOf(store.read(uri, { maxBytes: 4 }))).toBe('storage/io')
      expect(await codeOf(store.read(`${uri}-missing`))).toBe('storage/not-found')
      expect(reads.heldBuffers).toBe(0)
    })
  })
}
