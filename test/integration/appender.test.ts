import { spawnSync } from 'node:child_process'
import { appendFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Lakehouse } from '../../src/lakehouse/index.ts'

let folder: string
let lakeFolder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-appender-'))
  lakeFolder = join(folder, 'lake')
  await Lakehouse.init(lakeFolder)
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const run = async (lake: Lakehouse, sql: string) => {
  for await (const result of lake.run(sql)) for await (const batch of result.batches) expect(batch.rowCount).toBe(0)
}
const spooled = () => readdir(join(lakeFolder, '.icebox/spool'), { recursive: true })
const ids = async (lake: Lakehouse) => (await lake.sql`select id from a.t order by id`).map(({ id }) => Number(id))
const numbers = (count: number, first = 0) => Array.from({ length: count }, (_, at) => ({ id: first + at }))

/** The lakehouse as another process would find it if this one died now. */
async function afterDeath(): Promise<string> {
  const copy = join(folder, 'copy')
  await cp(lakeFolder, copy, { recursive: true })
  const { pid } = spawnSync('true')
  for (const name of await readdir(join(copy, '.icebox/spool'), { recursive: true })) {
    if (!/owner\.\d+$/.test(name)) continue
    const path = join(copy, '.icebox/spool', name)
    const owner: unknown = JSON.parse(await readFile(path, 'utf8'))
    await writeFile(path, JSON.stringify({ ...(owner as object), pid }))
  }
  return copy
}
/** Opened after its tables were told that the folder moved; before, its streams cannot be committed and stay. */
const relocated = async (path: string) => {
  {
    await using lake = await Lakehouse.open(path)
    expect(lake.streamRecovery).toMatchObject({
      rows: 0,
      failures: expect.arrayContaining([
        { folder: expect.any(String), error: expect.objectContaining({ code: 'lake/moved' }) },
      ]),
    })
    await lake.relocate()
  }
  return await Lakehouse.open(path)
}

describe('an appender', () => {
  it('a value of any type comes back as it was given', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await run(
      lake,
      `create schema a; create table a.t (id bigint, b boolean, i int, f real, d double, m decimal(38, 4), s varchar, u uuid,
       x blob, day date, t time, ts timestamp, tz timestamptz, l int[], st struct(a int, "B c" varchar[]), mp map(varchar, date))`,
    )
    const writer = await lake.appender('a.t')
    await writer.append([
      {
        id: 9223372036854775807n,
        b: true,
        i: -2147483648,
        f: 0.1,
        d: 5e-324,
        m: '-9999999999999999999999999999999999.9999',
        s: 'a "quoted"\nline\u0000 \u{1F600} \\',
        u: 'f79c3e09-677c-4bbd-a479-3f349cb785e7',
        x: new Uint8Array([0, 255, 10]),
        day: '9999-12-31',
        t: '23:59:59.999999',
        ts: '0001-01-01T00:00:00.000001',
        tz: '2024-02-29T23:30:00.5-05:30',
        l: [1, null, 3],
        st: { a: null, 'B c': ['', null] },
        mp: new Map([['k', '1970-01-01']]),
      },
      { id: 1, s: '', d: -0, f: 'NaN', l: [], mp: [], m: 12.5, ts: new Date(0), tz: new Date(1), day: new Date(0) },
      { id: -9223372036854775808n, d: '-Infinity', st: {} },
      {},
    ])
    await writer.close()
    const rows = await lake.sql`select * from a.t order by id nulls last`
    expect(rows).toHaveLength(4)
    const nothing = Object.fromEntries(
      ['id', 'b', 'i', 'f', 'd', 'm', 's', 'u', 'x', 'day', 't', 'ts', 'tz', 'l', 'st', 'mp'].map((name) => [
        name,
        null,
      ]),
    )
    expect(rows[0]).toEqual({ ...nothing, id: -9223372036854775808n, d: -Infinity, st: { a: null, 'B c': null } })
    expect(rows[1]).toEqual({
      ...nothing,
      id: 1n,
      s: '',
      d: -0,
      f: NaN,
      l: [],
      mp: [],
      m: '12.5000',
      ts: '1970-01-01T00:00:00',
      tz: '1970-01-01T00:00:00.001Z',
      day: '1970-01-01',
    })
    expect(rows[2]).toEqual({
      id: 9223372036854775807n,
      b: true,
      i: -2147483648,
      f: Math.fround(0.1),
      d: 5e-324,
      m: '-9999999999999999999999999999999999.9999',
      s: 'a "quoted"\nline\u0000 \u{1F600} \\',
      u: 'f79c3e09-677c-4bbd-a479-3f349cb785e7',
      x: new Uint8Array([0, 255, 10]),
      day: '9999-12-31',
      t: '23:59:59.999999',
      ts: '0001-01-01T00:00:00.000001',
      tz: '2024-03-01T05:00:00.500Z',
      l: [1, null, 3],
      st: { a: null, 'B c': ['', null] },
      mp: [['k', '1970-01-01']],
    })
    expect(rows[3]).toEqual(nothing)
  })

  it('1,000 appends of 100 rows make few files and few snapshots, and leave nothing in the spool', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await run(lake, 'create schema a; create table a.t (id bigint, text varchar)')
    const writer = await lake.appender('a.t')
    for (let at = 0; at < 1000; at++)
      await writer.append(Array.from({ length: 100 }, (_, row) => ({ id: at * 100 + row, text: `row ${row}` })))
    await writer.close()
    expect(await lake.sql`select count(*) as n, count(distinct id) as d, sum(id)::bigint as s from a.t`).toEqual([
      { n: 100_000n, d: 100_000n, s: 4_999_950_000n },
    ])
    const table = await lake.describeTable('a.t')
    expect([table.files, table.snapshots]).toEqual([1, 1])
    expect(Object.keys(table.properties).filter((key) => key.startsWith('icebox.'))).toEqual([])
    expect(await spooled()).toEqual([])
  })

  it('a row that does not fit is refused with its place, value and type, and nothing of its call is kept', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await run(lake, 'create schema a; create table a.t (id bigint not null, m decimal(5, 2), tags varchar[])')
    await using writer = await lake.appender('a.t')
    const refused = async (bad: Record<string, unknown>) => {
      const error: unknown = await writer.append([{ id: 1 }, bad]).catch((reason: unknown) => reason)
      return error as { code: string; message: string; context: Record<string, unknown> }
    }
    expect(await refused({ id: 2, m: '1.005' })).toMatchObject({
      code: 'source/row',
      message: expect.stringContaining("row 1, column 'm': '1.005' does not fit into decimal(5, 2) without rounding"),
      context: { row: 1, column: 'm', value: "'1.005'", expected: 'decimal(5, 2)' },
    })
    expect(await refused({ m: 1 })).toMatchObject({ code: 'source/row', context: { row: 1, column: 'id' } })
    expect(await refused({ id: 3, tag: [] })).toMatchObject({
      message: expect.stringContaining("no column 'tag'"),
      remedy: expect.stringContaining('tags'),
    })
    expect(await refused({ id: 2 ** 53 })).toMatchObject({ message: expect.stringContaining('bigint') })
    expect(await refused({ id: 4, tags: ['a', 5] })).toMatchObject({ message: expect.stringContaining("'tags[1]'") })
    expect(await refused({ id: 5, tags: 'a' })).toMatchObject({ message: expect.stringContaining('not a list') })
    await writer.append(numbers(2))
    await writer.commit()
    expect(await ids(lake)).toEqual([0, 1])
  })

  it('columns named like what every object has are columns like others', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await run(lake, 'create schema a; create table a.t (id int, constructor varchar, "__proto__" varchar)')
    await using writer = await lake.appender('a.t')
    const named: unknown = JSON.parse('{"id":1,"constructor":"c","__proto__":"p"}')
    await writer.append([named as Record<string, unknown>, { id: 2 }])
    await writer.commit()
    const rows = await lake.sql`select * from a.t order by id`
    expect(rows.map((row) => JSON.stringify(row))).toEqual([
      '{"id":1,"constructor":"c","__proto__":"p"}',
      '{"id":2,"constructor":null,"__proto__":null}',
    ])
  })

  it('a call that is refused for what it was given leaves the rows of the others', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await run(lake, 'create schema a; create table a.t (id bigint)')
    const writer = await lake.appender('a.t')
    const wrong: unknown[] = [new Set(numbers(1)), new Map(), 'abc', { id: 1 }, null, numbers(1).values()]
    const all = await Promise.allSettled([
      writer.append(numbers(2)),
      ...wrong.map(async (rows) => writer.append(rows as { id: number }[])),
      writer.append(numbers(2, 2)),
    ])
    expect(all.map((one) => (one.status === 'rejected' ? (one.reason as { code: string }).code : 'kept'))).toEqual([
      'kept',
      ...wrong.map(() => 'usage/invalid'),
      'kept',
    ])
    await using next = await relocated(await afterDeath())
    expect(await ids(next)).toEqual([0, 1, 2, 3])
  })

  it('the same key twice is one append, before the commit, after it, and after the lakehouse was opened again', async () => {
    {
      await using lake = await Lakehouse.open(lakeFolder)
      await run(lake, 'create schema a; create table a.t (id bigint)')
      const writer = await lake.appender('a.t')
      const both = await Promise.all([writer.append(numbers(2), { key: 'k' }), writer.append(numbers(2), { key: 'k' })])
      expect(both.map(({ isRepeated }) => isRepeated)).toEqual([false, true])
      await writer.commit()
      expect(await writer.append(numbers(2), { key: 'k' })).toEqual({ rows: 0, isRepeated: true })
      await expect(writer.append(numbers(3), { key: 'k' })).rejects.toMatchObject({ code: 'ingest/duplicate-key' })
      await writer.close()
    }
    await using lake = await Lakehouse.open(lakeFolder)
    await using writer = await lake.appender('a.t')
    expect(await writer.append(numbers(2), { key: 'k', ack: 'committed' })).toEqual({ rows: 0, isRepeated: true })
    expect(await ids(lake)).toEqual([0, 1])
  })

  it.each([
    ['a column was added', 'add column z int'],
    ['a column was moved', 'alter column v first'],
    ['a column was moved back', 'alter column v first; alter table a.t alter column v after f'],
    ['a float became a double', 'alter column f set data type double'],
    ['an int became a bigint', 'alter column id set data type bigint'],
    ['a decimal got more digits', 'alter column m set data type decimal(12, 2)'],
    ['a part of a struct became a double', 'alter column st.x set data type double'],
    ['a part of a struct was added', 'add column st.z int'],
    [
      'all of it',
      'alter column v first; alter table a.t alter column f set data type double; alter table a.t add column z int first',
    ],
  ])('the same rows under a key are the same after %s, and other rows are other ones', async (_what, changes) => {
    await using lake = await Lakehouse.open(lakeFolder)
    await run(
      lake,
      'create schema a; create table a.t (id int, f real, v varchar, m decimal(9, 2), st struct(x float, y int)[], mp map(varchar, float))',
    )
    const row = { id: 10, f: 0.1, v: 'x', m: '1.10', st: [{ x: 0.2, y: 1 }], mp: [['k', 0.3]] }
    const writer = await lake.appender('a.t')
    await writer.append([row, { id: 11 }], { key: 'k' })
    await writer.commit()
    if (changes.includes('st.')) await run(lake, `alter table a.t ${changes.replace('st.', 'st.element.')}`)
    else await run(lake, `alter table a.t ${changes}`)
    expect(await writer.append([row, { id: 11 }], { key: 'k' })).toEqual({ rows: 0, isRepeated: true })
    for (const other of [
      { ...row, f: 0.2 },
      { ...row, v: null },
    ])
      await expect(writer.append([other, { id: 11 }], { key: 'k' })).rejects.toMatchObject({
        code: 'ingest/duplicate-key',
      })
    await writer.close()
    expect(await ids(lake)).toEqual([10, 11])
  })

  it('keys with half a surrogate pair are refused: all have the same bytes, and the rows of the second were dropped', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await run(lake, 'create schema a; create table a.t (id bigint)')
    await using writer = await lake.appender('a.t')
    for (const key of ['user \ud83d', 'user \udc7e', '\udc7e\ud83d'])
      await expect(writer.append(numbers(1), { key })).rejects.toMatchObject({ code: 'usage/invalid' })
    await expect(lake.appender('a.t', { key: 'user \ud83d' })).rejects.toMatchObject({ code: 'usage/invalid' })
    const failed = lake.import({ table: 'a.t', source: 'x.csv', mode: 'append', key: 'user \ud83d' })
    await expect(failed).rejects.toMatchObject({ code: 'usage/invalid' })
    for (const [at, key] of ['user 😀', 'user 👾', 'user \ufffd'].entries())
      expect(await writer.append(numbers(1, at), { key })).toMatchObject({ rows: 1, isRepeated: false })
    await writer.commit()
    expect(await ids(lake)).toEqual([0, 1, 2])
  })

  it('a program that appends the same calls under the key of its appender again adds what is missing', async () => {
    for (const calls of [2, 4]) {
      await using lake = await Lakehouse.open(lakeFolder)
      if (calls === 2) await run(lake, 'create schema a; create table a.t (id bigint)')
      await using writer = await lake.appender('a.t', { key: 'load' })
      await Promise.all(Array.from({ length: calls }, (_, at) => writer.append(numbers(2, at * 2))))
    }
    await using lake = await Lakehouse.open(lakeFolder)
    expect(await ids(lake)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })

  it('calls that failed have their numbers: run again, the program ends with every row once, whichever calls fail', async () => {
    const cancelled = AbortSignal.abort()
    /** What each run does with three calls; `A!` is a call that fails before anything is kept. */
    const runs: readonly string[][] = [
      ['A!', 'B', 'C'],
      ['A', 'B!', 'B', 'C'],
      ['A!', 'B!', 'C!', 'C', 'A'],
      ['A', 'B', 'C'],
    ]
    for (const [at, calls] of runs.entries()) {
      await using lake = await Lakehouse.open(lakeFolder)
      if (at === 0) await run(lake, 'create schema a; create table a.t (id bigint)')
      await using writer = await lake.appender('a.t', { key: 'run' })
      for (const call of calls) {
        const rows = [{ id: call.charCodeAt(0) }]
        const appended = writer.append(rows, call.endsWith('!') ? { signal: cancelled } : {})
        if (call.endsWith('!')) await expect(appended).rejects.toMatchObject({ code: 'cancelled' })
        else await appended
      }
    }
    await using lake = await Lakehouse.open(lakeFolder)
    expect(await ids(lake)).toEqual([65, 66, 67])
  })

  it('a call whose rows are kept and not committed has its number, and so has the next', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await run(lake, 'create schema a; create table a.t (id bigint)')
    const data = join(lakeFolder, 'warehouse/a/t/data')
    await writeFile(data, '')
    const writer = await lake.appender('a.t', { key: 'run', ack: 'committed' })
    await expect(writer.append(numbers(1))).rejects.toMatchObject({ code: 'stream/uncommitted' })
    await rm(data)
    expect(await writer.append(numbers(1, 1))).toMatchObject({ rows: 1 })
    expect(await writer.append(numbers(1))).toEqual({ rows: 0, isRepeated: true })
    expect(await writer.append(numbers(1, 2))).toMatchObject({ rows: 1 })
    await writer.close()
    await using again = await lake.appender('a.t', { key: 'run', ack: 'committed' })
    for (const id of [0, 1, 2]) expect(await again.append(numbers(1, id))).toEqual({ rows: 0, isRepeated: true })
    expect(await ids(lake)).toEqual([0, 1, 2])
  })

  it('arguments of other kinds are refused by name', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await run(lake, 'create schema a; create table a.t (id bigint)')
    await using writer = await lake.appender('a.t')
    const wrong: unknown[] = ['k', null, { key: 5 }, { key: null }, { key: '' }, { ack: 'soon' }, { signal: {} }]
    for (const options of wrong)
      await expect(writer.append(numbers(1), options as object)).rejects.toMatchObject({ code: 'usage/invalid' })
    for (const options of ['k', null, { key: 5 }, { key: '' }, { key: 'k'.repeat(600) }, { ack: 5 }])
      await expect(lake.appender('a.t', options as object)).rejects.toMatchObject({ code: 'usage/invalid' })
    await writer.commit()
    expect(await ids(lake)).toEqual([])
  })

  it('two processes that append the same key at once add it once, and what else they append', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await using other = await Lakehouse.open(lakeFolder)
    await run(lake, 'create schema a; create table a.t (id bigint)')
    const writer = await lake.appender('a.t')
    const second = await other.appender('a.t')
    await writer.append(numbers(1), { key: 'k' })
    await second.append(numbers(1, 10))
    await second.append(numbers(1), { key: 'k' })
    await second.append(numbers(1, 20), { key: 'other' })
    await Promise.all([writer.close(), second.close()])
    expect(await ids(lake)).toEqual([0, 10, 20])
    expect(await spooled()).toEqual([])
  })

  it.each(['durable', 'committed'] as const)(
    'another process used the key for other rows before: ack %s is refused at once, the same rows are the same append',
    async (ack) => {
      await using lake = await Lakehouse.open(lakeFolder)
      await using other = await Lakehouse.open(lakeFolder)
      await run(lake, 'create schema a; create table a.t (id bigint)')
      await using writer = await lake.appender('a.t')
      await using second = await other.appender('a.t')
      await second.append(numbers(1, 2), { key: 'k', ack: 'committed' })
      await expect(writer.append(numbers(1, 1), { key: 'k', ack })).rejects.toMatchObject({
        code: 'ingest/duplicate-key',
        context: { key: 'k' },
      })
      expect(await writer.append(numbers(1, 2), { key: 'k', ack })).toEqual({ rows: 0, isRepeated: true })
      await writer.commit()
      expect(await ids(lake)).toEqual([2])
    },
  )

  describe('two processes that use a key for other rows before either of them commits', () => {
    const both = async () => {
      const lake = await Lakehouse.open(lakeFolder)
      const other = await Lakehouse.open(lakeFolder)
      await run(lake, 'create schema a; create table a.t (id bigint)')
      return { lake, other, writer: await lake.appender('a.t'), second: await other.appender('a.t') }
    }
    const late = {
      code: 'ingest/duplicate-key',
      message: expect.stringContaining("its key 'k' was used for other rows"),
      context: { key: 'k', rows: 2, file: expect.stringContaining('.icebox/rejects/a.t-'), line: 1 },
    }
    const rejected = async (call: Promise<unknown>) => {
      const error: unknown = await call.then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(error).toMatchObject(late)
      return (error as { context: { file: string } }).context.file
    }

    it('the one that commits later is told by commit() with the key, once, and its rows are in a file', async () => {
      const { lake, other, writer, second } = await both()
      const sibling = await lake.appender('a.t')
      await writer.append(numbers(1), { key: 'before' })
      await writer.append([{ id: 1 }, {}], { key: 'k' })
      await writer.append(numbers(1, 10))
      await second.append(numbers(1, 2), { key: 'k', ack: 'committed' })
      const file = await rejected(writer.commit())
      expect(await readFile(file, 'utf8')).toBe('{"1":1}\n{}\n')
      expect(await ids(lake)).toEqual([0, 2, 10])
      // Each appender of the process, since they share what they append; and nobody twice.
      await writer.commit()
      expect(await rejected(sibling.close())).toBe(file)
      await Promise.all([writer.close(), second.close()])
      await Promise.all([lake.close(), other.close()])
      expect(await spooled()).toEqual([])
    })

    it('several are told together, with the place of the rows of each in their file', async () => {
      const { lake, other, writer, second } = await both()
      const keys = ['x', 'y', 'z']
      for (const [at, key] of keys.entries()) {
        await writer.append(numbers(2, at * 2), { key })
        await writer.append(numbers(1, 100 + at))
      }
      for (const key of ['x', 'z']) await second.append(numbers(1, 50), { key })
      await second.append(numbers(2, 2), { key: 'y' })
      await second.commit()
      const error: unknown = await writer.commit().catch((reason: unknown) => reason)
      expect(error).toMatchObject({
        code: 'ingest/duplicate-key',
        message: expect.stringMatching(/^2 appends .* its key 'x' .* from line 1 on$/),
        context: { appends: 2 },
      })
      const [file = ''] = (error as { context: { files: string[] } }).context.files
      expect(await readFile(file, 'utf8')).toBe('{"1":0}\n{"1":1}\n{"1":4}\n{"1":5}\n')
      expect(await ids(lake)).toEqual([2, 3, 50, 50, 100, 101, 102])
      await Promise.all([writer.close(), second.close()])
      await Promise.all([lake.close(), other.close()])
    })

    it('it is told by close(), and by the end of the lakehouse at the latest', async () => {
      for (const [end, left] of [
        ['writer', 2],
        ['lake', 3],
      ] as const) {
        const { lake, other, writer, second } = end === 'writer' ? await both() : await reopened()
        await writer.append([{ id: 1 }, {}], { key: 'k' })
        await second.append(numbers(1, left), { key: 'k', ack: 'committed' })
        await rejected(end === 'writer' ? writer.close() : lake.close())
        await second.close()
        await Promise.all([lake.close().catch(() => undefined), other.close()])
        expect(await spooled()).toEqual([])
      }
    })
    const reopened = async () => {
      const lake = await Lakehouse.open(lakeFolder)
      await run(lake, 'drop table a.t; create table a.t (id bigint)')
      const other = await Lakehouse.open(lakeFolder)
      return { lake, other, writer: await lake.appender('a.t'), second: await other.appender('a.t') }
    }

    it('with ack committed it is not acknowledged, and equal rows are told as repeated', async () => {
      const { lake, other, writer, second } = await both()
      await writer.append(numbers(1, 100))
      const [first, last] = await Promise.allSettled(
        [writer, second].map((some, at) => some.append([{ id: at }, {}], { key: 'k', ack: 'committed' })),
      )
      const told = [first, last].map((one) => one?.status)
      expect(new Set(told)).toEqual(new Set(['fulfilled', 'rejected']))
      for (const one of [first, last])
        if (one?.status === 'rejected') expect(one.reason).toMatchObject({ code: 'ingest/duplicate-key' })
      const same = await Promise.all(
        [writer, second].map((some) => some.append(numbers(1, 50), { key: 'same', ack: 'committed' })),
      )
      expect(same.toSorted((a, b) => a.rows - b.rows)).toEqual([
        { rows: 0, isRepeated: true },
        { rows: 1, isRepeated: false },
      ])
      // The appends themselves were told: there is nothing left to tell.
      await Promise.all([writer.close(), second.close()])
      expect((await lake.sql`select count(*)::int as n from a.t`)[0]?.['n']).toBe(4)
      await Promise.all([lake.close(), other.close()])
    })
  })

  it('rows that wait follow the columns of their table when those are renamed, dropped, added and widened', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await run(lake, 'create schema a; create table a.t (id int, old varchar, gone int, st struct(x int, y int))')
    await using writer = await lake.appender('a.t')
    await writer.append([{ id: 1, old: 'kept', gone: 7, st: { x: 1, y: 2 } }])
    // By another lakehouse: this one would have the rows go in before it.
    await using other = await Lakehouse.open(lakeFolder)
    await run(other, 'alter table a.t rename column old to new; alter table a.t drop column gone')
    await run(other, 'alter table a.t add column more varchar; alter table a.t alter column id type bigint')
    await writer.append([{ id: 2n ** 40n, new: 'fresh', more: 'm' }])
    await writer.commit()
    expect(await lake.sql`select * from a.t order by id`).toEqual([
      { id: 1n, new: 'kept', st: { x: 1, y: 2 }, more: null },
      { id: 1099511627776n, new: 'fresh', st: null, more: 'm' },
    ])
  })

  it('rows go into the partitions of their table', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await run(lake, 'create schema a; create table a.t (id bigint, d date) partitioned by (month(d))')
    await using writer = await lake.appender('a.t')
    await writer.append([{ id: 0, d: '2024-01-31' }, { id: 1, d: '2024-02-01' }, { id: 2, d: '2024-01-01' }, { id: 3 }])
    await writer.commit()
    expect(await ids(lake)).toEqual([0, 1, 2, 3])
    expect((await lake.describeTable('a.t')).files).toBe(3)
  })

  it('rows are committed by themselves after the interval, and after the size', async () => {
    for (const set of ['performance.streaming.commit_interval=1ms', 'performance.streaming.commit_size=1024B']) {
      await using lake = await Lakehouse.open(lakeFolder, { set: [set] })
      await run(lake, 'create schema if not exists a; create or replace table a.t (id bigint)')
      await using writer = await lake.appender('a.t')
      await writer.append(numbers(100))
      await vi.waitFor(async () => expect(await ids(lake)).toHaveLength(100), { timeout: 30_000, interval: 20 })
    }
  })

  it('appends wait for a commit when too much is on disk, instead of filling it', async () => {
    await using lake = await Lakehouse.open(lakeFolder, { set: ['performance.streaming.commit_size=1024B'] })
    await run(lake, 'create schema a; create table a.t (id bigint)')
    await using writer = await lake.appender('a.t')
    let most = 0
    for (let at = 0; at < 40; at++) {
      await writer.append(numbers(50, at * 50))
      const segments = (await spooled()).filter((name) => /\.(open|rows)$/.test(name))
      most = Math.max(most, segments.length)
    }
    await writer.commit()
    expect(await ids(lake)).toHaveLength(2000)
    // Four times the commit size, in segments of about 600 bytes each; never all 40.
    expect(most).toBeLessThan(12)
  })

  it('a closed appender takes no rows, and closing twice is closing once', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await run(lake, 'create schema a; create table a.t (id bigint)')
    const writer = await lake.appender('a.t')
    const pending = writer.append(numbers(3))
    await Promise.all([writer.close(), writer.close()])
    await pending
    await expect(writer.append(numbers(1))).rejects.toMatchObject({ code: 'usage/invalid' })
    await expect(lake.appender('a.missing')).rejects.toMatchObject({ code: 'table/not-found' })
    expect(await ids(lake)).toEqual([0, 1, 2])
  })
})

describe('after a process died', () => {
  it('its acknowledged rows are in the table after the next start, its torn ones are not', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await run(lake, 'create schema a; create table a.t (id bigint)')
    const writer = await lake.appender('a.t')
    await writer.append(numbers(3))
    await writer.append(numbers(3, 3), { key: 'k' })
    const copy = await afterDeath()
    const [open = ''] = (await readdir(join(copy, '.icebox/spool'), { recursive: true })).filter((name) =>
      name.endsWith('.open'),
    )
    await appendFile(join(copy, '.icebox/spool', open), '{"#":[[3,1,100,9,null,1],2]}\n{"1":9')
    await using next = await relocated(copy)
    expect(next.streamRecovery).toEqual({ rows: 6, streams: 1, failures: [] })
    expect(await ids(next)).toEqual([0, 1, 2, 3, 4, 5])
    expect(await readdir(join(copy, '.icebox/spool'))).toEqual([])
    await using again = await next.appender('a.t')
    expect(await again.append(numbers(3, 3), { key: 'k' })).toEqual({ rows: 0, isRepeated: true })
    expect(
      Object.keys((await next.describeTable('a.t')).properties).filter((key) => key.startsWith('icebox.')),
    ).toEqual([])
  })

  it.each([
    ['an append in the middle', '"1":3}'],
    ['the frame of one', '{"#":[[4,'],
    ['the first line', '"schema-id"'],
  ])('%s that was changed on the disk is told, and nothing of the file is lost', async (_what, place) => {
    await using lake = await Lakehouse.open(lakeFolder)
    await run(lake, 'create schema a; create table a.t (id bigint)')
    const writer = await lake.appender('a.t')
    for (const row of numbers(100)) await writer.append([row])
    const copy = await afterDeath()
    const [open = ''] = (await readdir(join(copy, '.icebox/spool'), { recursive: true })).filter((name) =>
      name.endsWith('.open'),
    )
    const path = join(copy, '.icebox/spool', open)
    const whole = await readFile(path)
    const damaged = Buffer.from(whole)
    damaged[whole.indexOf(place) + 4] = 0x7e
    expect(damaged).not.toEqual(whole)
    await writeFile(path, damaged)
    {
      await using next = await Lakehouse.open(copy)
      expect(next.streamRecovery).toMatchObject({ rows: 0, failures: [{ error: { code: 'stream/damaged' } }] })
    }
    expect(await readFile(path)).toEqual(damaged)
    await writeFile(path, whole)
    await using last = await relocated(copy)
    expect(await ids(last)).toHaveLength(100)
  })

  it('an append whose key another process has used for other rows meanwhile is told, and its rows are in a file', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await using other = await Lakehouse.open(lakeFolder)
    await run(lake, 'create schema a; create table a.t (id bigint)')
    const writer = await lake.appender('a.t')
    await writer.append(numbers(2, 5))
    await writer.append(numbers(2), { key: 'k' })
    await (await other.appender('a.t')).append(numbers(1, 9), { key: 'k', ack: 'committed' })
    const copy = await afterDeath()
    await using next = await relocated(copy)
    expect(next.streamRecovery).toMatchObject({
      rows: 2,
      streams: 2,
      failures: [{ error: { code: 'ingest/duplicate-key', context: { rows: 2, keyDigest: expect.any(String) } } }],
    })
    const file = String(next.streamRecovery.failures[0]?.error.context['file'])
    expect(await readFile(file, 'utf8')).toBe('{"1":0}\n{"1":1}\n')
    expect(await ids(next)).toEqual([5, 6, 9])
    expect(await readdir(join(copy, '.icebox/spool'))).toEqual([])
    await writer.close().catch(() => undefined)
  })

  it('what it had committed and not yet removed from the spool is not added again, whatever snapshots expired', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await run(lake, 'create schema a; create table a.t (id bigint)')
    const writer = await lake.appender('a.t')
    await writer.append(numbers(3))
    const spool = join(folder, 'spool')
    await cp(join(lakeFolder, '.icebox/spool'), spool, { recursive: true })
    await writer.commit()
    const copy = await afterDeath()
    for (const name of (await readdir(spool, { recursive: true })).filter((some) => /\.(open|rows)$/.test(some)))
      await cp(join(spool, name), join(copy, '.icebox/spool', name))
    await using next = await relocated(copy)
    expect(next.streamRecovery).toEqual({ rows: 0, streams: 1, failures: [] })
    expect(await ids(next)).toEqual([0, 1, 2])
    expect(await readdir(join(copy, '.icebox/spool'))).toEqual([])
  })

  it('a stream whose table was dropped keeps its rows, says so, and holds up nothing', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await run(lake, 'create schema a; create table a.t (id bigint); create table a.u (id bigint)')
    const writer = await lake.appender('a.t')
    await (await lake.appender('a.u')).append(numbers(2))
    await writer.append(numbers(3))
    await using other = await Lakehouse.open(lakeFolder)
    await other.dropTable('a.t')
    const copy = await afterDeath()
    await (await relocated(copy)).close()
    await using next = await Lakehouse.open(copy)
    expect(await next.sql`select count(*) as n from a.u`).toEqual([{ n: 2n }])
    expect(next.streamRecovery).toMatchObject({ streams: 0, failures: [{ error: { code: 'table/gone' } }] })
    expect(await readdir(join(copy, '.icebox/spool'))).toHaveLength(1)
    await expect(writer.close()).rejects.toMatchObject({ code: 'stream/uncommitted' })
  })
})
