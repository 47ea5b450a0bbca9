import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { failure, type Kit, openKit } from './ingest-kit.ts'

let kit: Kit
beforeEach(async () => {
  kit = await openKit()
})
afterEach(() => kit[Symbol.asyncDispose]())

const MB = 1_000_000
const LINES_A_CHUNK = 2_000
/** Wide enough that the first piece, 32 MB, is full after some hundred thousand. */
const NOTE = 'n'.repeat(180)

/** A text in chunks of odd sizes: lines `first..end`. */
async function* chunks(header: string, end: number, line: (id: number) => string): AsyncGenerator<Buffer> {
  let rest = header
  for (let id = 0; id < end; id += LINES_A_CHUNK) {
    const text = rest + Array.from({ length: Math.min(LINES_A_CHUNK, end - id) }, (_, at) => line(id + at)).join('')
    const cut = text.length - 7
    rest = text.slice(cut)
    yield Buffer.from(text.slice(0, cut))
  }
  yield Buffer.from(rest)
}

const csv = (id: number) => `${id},"line one\nof ${id}, ""${NOTE}""",${id % 7}.5\n`
const json = (id: number) => `{"id":${id},"note":"${NOTE}","x":${id % 7}.5}\n`
const spooled = async () => (await readdir(kit.folder, { recursive: true })).filter((name) => name.includes('stdin-'))
const ROWS = 260_000
const SUM = BigInt((ROWS * (ROWS - 1)) / 2)

describe('standard input that is imported while it is read', () => {
  it.each([
    ['csv', () => chunks('id,note,x\n', ROWS, csv), 2],
    ['ndjson', () => chunks('', ROWS, json), 1],
  ] as const)('%s: every row is in the table once, in one commit of few files', async (format, source, linesANote) => {
    const outcome = await kit.import({ sources: ['-'], format, standardInput: source() })
    expect(outcome).toMatchObject({ rows: ROWS, created: true })
    expect(outcome.bytesRead).toBeGreaterThan(40 * MB)
    const [row] = await kit.read(
      `SELECT count(*) AS n, count(DISTINCT id) AS d, sum(id)::BIGINT AS s, max(len(string_split(note, chr(10)))) AS l, sum(x)::DOUBLE AS x FROM $T`,
    )
    const x = Array.from({ length: ROWS }, (_, id) => (id % 7) + 0.5).reduce((sum, value) => sum + value, 0)
    expect(row).toEqual({ n: BigInt(ROWS), d: BigInt(ROWS), s: SUM, l: BigInt(linesANote), x })
    expect((await kit.table()).metadata.snapshots).toHaveLength(1)
    expect(await kit.dataFiles()).toHaveLength(1)
    expect(await spooled()).toEqual([])
  })

  it('one that is at its end before the import begins is named as standard input too, also where rows are set aside', async () => {
    const good = (line: (id: number) => string) => Array.from({ length: 3000 }, (_, id) => line(id)).join('')
    const inputs: readonly (readonly ['csv' | 'ndjson', string, number])[] = [
      ['csv', `id,n\n${good((id) => `${id},1\n`)}x,1\n`, 3002],
      ['ndjson', `${good((id) => `{"id":${id}}\n`)}{"id":"x"}\n`, 3001],
      ['ndjson', `${good((id) => `{"id":${id}}\n`)}{"id":1,"id":2}\n`, 3001],
    ]
    for (const [format, text, line] of inputs) {
      const source = () => Readable.from([Buffer.from(text)])
      const error = await failure(kit.import({ sources: ['-'], format, standardInput: source() }))
      expect(error.message).toMatch(new RegExp(`^standard input, line ${line}\\b`))
      expect(error.context).toMatchObject({ file: 'standard input', line })
      const table = { namespace: ['ns'], name: `t${line}${format}` }
      const outcome = await kit.import({
        sources: ['-'],
        format,
        standardInput: source(),
        onError: 'reject',
        table,
        mode: 'append',
      })
      expect(outcome).toMatchObject({ rows: 3000, rejectedRows: 1 })
      expect(JSON.parse(await readFile(outcome.rejectsFile ?? '', 'utf8'))).toMatchObject({
        file: 'standard input',
        line,
      })
    }
    // The plan fails here: the sample shows it.
    const early = Readable.from([Buffer.from('{"a":1}\n{"a":\n')])
    expect(await failure(kit.import({ sources: ['-'], format: 'ndjson', standardInput: early }))).toMatchObject({
      message: expect.stringMatching(/^standard input, line 2 is not JSON/),
    })
    expect(await spooled()).toEqual([])
  })

  it('a row that does not fit far behind the sample is named by its line from the start, and nothing is left', async () => {
    const bad = ROWS - 1000
    const source = chunks('id,note,x\n', ROWS, (id) => (id === bad ? csv(id).replace(/^\d+/, '12x') : csv(id)))
    const error = await failure(kit.import({ sources: ['-'], format: 'csv', standardInput: source }))
    // The header, two lines for each row before, and the line itself.
    const line = 1 + bad * 2 + 1
    expect(error).toMatchObject({ code: 'source/row', context: { line, column: 'id', value: '12x' } })
    expect(error.message).toContain(`standard input, line ${line}, column 'id'`)
    const broken = chunks('', ROWS, (id) => (id === bad ? '{"id":\n' : json(id)))
    expect(await failure(kit.import({ sources: ['-'], standardInput: broken }))).toMatchObject({
      code: 'source/row',
      context: { line: bad + 1 },
    })
    expect(await spooled()).toEqual([])
    expect((await readdir(kit.folder, { recursive: true })).filter((name) => name.endsWith('.parquet'))).toEqual([])
    await expect(kit.table()).rejects.toMatchObject({ code: 'namespace/not-found' })
  })

  it('a NUL byte, a quote that never closes and gzip that ends early are told, with the line', async () => {
    const nul = chunks('id,note\n', ROWS, (id) => (id === 200_000 ? `${id},a\u0000b\n` : `${id},${NOTE}\n`))
    expect(await failure(kit.import({ sources: ['-'], standardInput: nul }))).toMatchObject({
      code: 'source/encoding',
      context: { line: 200_002 },
    })
    const small = { ...kit.services, settings: { ...kit.services.settings, maxLineSizeBytes: 2 * MB } }
    const endless = chunks('id,note\n', ROWS, (id) => (id === 200_000 ? `${id},"open\n` : `${id},${NOTE}\n`))
    const { planImport, executeImport } = await import('../../src/ingest/index.ts')
    const request = {
      table: { namespace: ['ns'], name: 't' },
      tableName: 'ns.t',
      mode: 'create' as const,
      sources: ['-'],
    }
    const both = async () => {
      const plan = await planImport({ ...request, standardInput: endless }, small)
      return executeImport(plan, { table: request.table, services: small })
    }
    expect(await failure(both())).toMatchObject({ code: 'source/line-too-long', context: { line: 200_002 } })
    const text = Array.from({ length: 50_000 }, (_, id) => `${id},${Math.random()}\n`).join('')
    const packed = gzipSync(`id,x\n${text}`)
    const cut = packed.subarray(0, packed.length - 1000)
    expect(await failure(kit.import({ sources: ['-'], standardInput: Readable.from([cut]) }))).toMatchObject({
      code: 'source/truncated',
    })
    expect(await spooled()).toEqual([])
  })

  it('gzip is read as what it holds, and repeated under its key does nothing, whichever way it comes', async () => {
    const packed = gzipSync(`id,note\n${Array.from({ length: 200_000 }, (_, id) => `${id},${NOTE}\n`).join('')}`)
    const first = await kit.import({ sources: ['-'], key: 'k', standardInput: Readable.from([packed]) })
    expect(first).toMatchObject({ rows: 200_000, skipped: false, bytesRead: packed.length })
    const again = await kit.import({ sources: ['-'], key: 'k', mode: 'append', standardInput: Readable.from([packed]) })
    expect(again.skipped).toBe(true)
    const file = await kit.file('same.csv.gz', packed)
    expect((await kit.import({ sources: [file], key: 'k', mode: 'append' })).skipped).toBe(true)
    const other = Readable.from([gzipSync('id,note\n1,x\n')])
    const refused = kit.import({ sources: ['-'], key: 'k', mode: 'append', standardInput: other })
    expect(await failure(refused)).toMatchObject({ code: 'ingest/duplicate-key' })
  })

  it.each(['csv', 'ndjson'] as const)(
    'gzip of %s that is cut or damaged is told as that, of standard input',
    async (format) => {
      const gzip = gzipSync(format === 'csv' ? 'a,b\n1,2\n3,4\n' : '{"a":1}\n{"a":2}\n')
      const damaged = [
        [gzip.subarray(0, 20), 'ends in the middle'],
        [Buffer.concat([gzip, Buffer.from('garbage')]), 'damaged'],
        [Buffer.concat([gzip.subarray(0, 10), Buffer.from('garbage garbage')]), 'damaged'],
      ] as const
      for (const [bytes, text] of damaged) {
        // Imported while it is read, told by its beginning, and spooled as a whole first.
        for (const options of [{ format }, {}, { format, onError: 'reject' as const }]) {
          const standardInput = Readable.from([bytes])
          const error = await failure(kit.import({ sources: ['-'], standardInput, ...options }))
          expect(error).toMatchObject({ code: 'source/truncated', context: { file: 'standard input' } })
          expect(error.message).toMatch(/^standard input /)
          expect(error.message).toContain(text)
          expect(error.remedy).toBeDefined()
        }
      }
      expect(await spooled()).toEqual([])
    },
  )

  it('what cannot be cut is spooled as a whole: a JSON array, a partitioned table, rows set aside', async () => {
    const array = `[${Array.from({ length: 100 }, (_, id) => `{"id":${id}}`).join(',\n')}]`
    expect(await kit.import({ sources: ['-'], standardInput: Readable.from([Buffer.from(array)]) })).toMatchObject({
      rows: 100,
    })
    const lines = () => Readable.from([Buffer.from('id,k\n1,a\n2,b\n'), Buffer.from('x,c\n')])
    const table = { namespace: ['ns'], name: 'p' }
    const rejected = await kit.import({
      table,
      sources: ['-'],
      standardInput: lines(),
      onError: 'reject',
      partitionBy: 'k',
      schemaFile: await kit.file('schema.sql', 'id bigint, k varchar'),
    })
    expect(rejected).toMatchObject({ rows: 2, rejectedRows: 1 })
    expect(await spooled()).toEqual([])
  })

  it('a source that stalls does not hold up who cancels, and nothing is left', async () => {
    async function* stalled(): AsyncGenerator<Buffer> {
      yield* chunks('id,note,x\n', ROWS - 60_000, csv)
      await new Promise(() => {})
    }
    // Within the first piece, and behind it.
    for (const stopAt of [MB, 38 * MB]) {
      const stop = new AbortController()
      const source = stalled()
      let seen = 0
      async function* watched(): AsyncGenerator<Buffer> {
        for await (const chunk of source) {
          seen += chunk.length
          if (seen > stopAt) stop.abort()
          yield chunk
        }
      }
      const importing = kit.import({ sources: ['-'], format: 'csv', standardInput: watched(), signal: stop.signal })
      expect(await failure(importing)).toMatchObject({ code: 'cancelled' })
      expect(await spooled()).toEqual([])
    }
    expect(await readdir(join(kit.folder, 'state/writes'))).toEqual([])
  })
})
