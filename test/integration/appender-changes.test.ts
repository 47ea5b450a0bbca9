import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Lakehouse } from '../../src/lakehouse/index.ts'

let folder: string
/** Has the appenders. */
let lake: Lakehouse
/** As another process: what it changes, the first is not told. */
let other: Lakehouse
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-appender-changes-'))
  await Lakehouse.init(folder)
  lake = await Lakehouse.open(folder)
  other = await Lakehouse.open(folder)
  await lake.sql`create schema s`
})
afterEach(async () => {
  await other.close()
  await lake.close().catch(() => undefined)
  await rm(folder, { recursive: true, force: true })
})

const run = async (by: Lakehouse, script: string) => {
  for await (const result of by.run(script)) for await (const batch of result.batches) expect(batch.rowCount).toBe(0)
}
const spooled = () => readdir(join(folder, '.icebox/spool'))

describe.each(['this process', 'another one'])('an appender whose table is changed by %s', (who) => {
  const by = () => (who === 'this process' ? lake : other)

  it('reads values by the columns of now: dropped and added again, with names exchanged', async () => {
    await run(lake, 'create table s.t (id int, at varchar, a int, b int)')
    await using writer = await lake.appender('s.t')
    await writer.append([{ id: 1, at: '2024-01-01T00:00:00', a: 1, b: 2 }])
    await run(
      by(),
      'alter table s.t drop column at; alter table s.t add column at timestamp; alter table s.t rename column a to x; alter table s.t rename column b to a; alter table s.t rename column x to b',
    )
    await writer.append([{ id: 2, at: '2024-01-02T00:00:00', a: 3, b: 4 }])
    await writer.commit()
    expect(await lake.sql`select * from s.t order by id`).toEqual([
      { id: 1, at: null, b: 1, a: 2 },
      { id: 2, at: '2024-01-02T00:00:00', a: 3, b: 4 },
    ])
  })

  it('refuses what a dropped column would get', async () => {
    await run(lake, 'create table s.t (id int, gone int, st struct(a int, gone int))')
    await using writer = await lake.appender('s.t')
    await writer.append([{ id: 1, gone: 1, st: { a: 1, gone: 1 } }])
    await run(by(), 'alter table s.t drop column gone; alter table s.t drop column st.gone')
    await expect(writer.append([{ id: 2, gone: 2 }])).rejects.toMatchObject({ code: 'source/row' })
    await expect(writer.append([{ id: 2, st: { gone: 2 } }])).rejects.toMatchObject({ code: 'source/row' })
    await writer.commit()
    expect(await lake.sql`select * from s.t`).toEqual([{ id: 1, st: { a: 1 } }])
  })

  it('stays with its table when that is renamed, and a table of the old name has a stream of its own', async () => {
    await run(lake, 'create table s.t (i int)')
    await using writer = await lake.appender('s.t')
    await run(by(), 'alter table s.t rename to s.t_2025; create table s.t (i int, extra int)')
    await using second = await lake.appender('s.t')
    await second.append([{ i: 42, extra: 1 }], { ack: 'committed' })
    await writer.append([{ i: 1 }], { ack: 'committed' })
    await using third = await lake.appender('s.t_2025')
    await third.append([{ i: 2 }], { ack: 'committed' })
    expect(await lake.sql`select * from s.t`).toEqual([{ i: 42, extra: 1 }])
    expect(await lake.sql`select * from s.t_2025 order by i`).toEqual([{ i: 1 }, { i: 2 }])
  })

  it('takes no rows once its table was dropped, and one that is made with its name takes others', async () => {
    await run(lake, 'create table s.t (i int)')
    const writer = await lake.appender('s.t')
    await writer.append([{ i: 1 }], { ack: 'committed' })
    await run(by(), 'drop table s.t; create table s.t (i int)')
    await expect(writer.append([{ i: 2 }])).rejects.toMatchObject({ code: 'table/gone' })
    await using second = await lake.appender('s.t')
    await second.append([{ i: 3 }], { ack: 'committed' })
    // All that it had acknowledged was in the table.
    await writer.close()
    expect(await lake.sql`select * from s.t`).toEqual([{ i: 3 }])
    expect(await spooled()).toHaveLength(1)
  })
})

describe('rows that wait when this process changes their table', () => {
  it('go in before it, so that it sees them', async () => {
    await run(lake, 'create table s.t (i int, a int)')
    await using writer = await lake.appender('s.t')
    await writer.append([{ i: 1 }])
    await expect(lake.sql`alter table s.t alter column a set not null`).rejects.toThrow(/may hold null/)
    // Given, and not yet taken.
    const taken = writer.append([{ i: 3 }])
    await expect(lake.sql`alter table s.t alter column a set not null`).rejects.toThrow(/may hold null/)
    await taken
    await writer.append([{ i: 2, a: 2 }])
    await run(lake, 'create or replace table s.t (b int)')
    await writer.append([{ b: 3 }])
    await writer.commit()
    expect(await lake.sql`select * from s.t`).toEqual([{ b: 3 }])
    await writer.append([{ b: 4 }])
    await lake.dropTable('s.t')
    await writer.close()
    expect(await spooled()).toEqual([])
  })

  it('do not hold up the statement where they cannot go in', async () => {
    await run(lake, 'create table s.t (i int, a int)')
    const writer = await lake.appender('s.t')
    await writer.append([{ i: 1 }])
    await run(other, 'create or replace table s.t (i int, a int not null)')
    await expect(writer.commit()).rejects.toMatchObject({ code: 'stream/uncommitted' })
    await run(lake, 'alter table s.t alter column a drop not null')
    await writer.close()
    expect(await lake.sql`select * from s.t`).toEqual([{ i: 1, a: null }])
  })
})

describe('two names of one table', () => {
  it('have streams of their own: rows go where the appender was opened', async () => {
    await run(lake, 'create table s.t (i int)')
    await using first = await lake.appender('s.t')
    await first.append([{ i: 1 }], { ack: 'committed' })
    const { metadataLocation } = await lake.catalog.loadTable({ namespace: ['s'], name: 't' })
    await lake.registerTable('s.copy', metadataLocation)
    await using copy = await lake.appender('s.copy')
    await copy.append([{ i: 2 }], { ack: 'committed' })
    await first.append([{ i: 3 }], { ack: 'committed' })
    expect(await lake.sql`select i from s.t order by i`).toEqual([{ i: 1 }, { i: 3 }])
    expect(await lake.sql`select i from s.copy order by i`).toEqual([{ i: 1 }, { i: 2 }])
  })
})

describe('many appends at once', () => {
  it('read a table that others changed once, and not each', async () => {
    await run(lake, 'create table s.t (i int)')
    await using writer = await lake.appender('s.t')
    await writer.append([{ i: 0 }], { ack: 'committed' })
    await run(other, 'insert into s.t values (1)')
    const reads = vi.spyOn(lake.catalog, 'loadTable')
    await Promise.all(Array.from({ length: 200 }, (_, at) => writer.append([{ i: at }])))
    expect(reads.mock.calls.length).toBeLessThan(5)
  })
})

describe('an appender that was closed', () => {
  it('takes no rows while another one on its table is open', async () => {
    await run(lake, 'create table s.t (i int)')
    const [one, two] = [await lake.appender('s.t'), await lake.appender('s.t')]
    await two.close()
    await expect(two.append([{ i: 1 }])).rejects.toMatchObject({ code: 'usage/invalid' })
    await expect(two.commit()).rejects.toMatchObject({ code: 'usage/invalid' })
    await one.append([{ i: 2 }])
    await one.close()
    expect(await lake.sql`select * from s.t`).toEqual([{ i: 2 }])
  })

  it('is told of calls after its end failed, and leaves its rows to the next one', async () => {
    await run(lake, 'create table s.t (i int, a int)')
    const writer = await lake.appender('s.t')
    await writer.append([{ i: 1 }])
    await run(other, 'create or replace table s.t (i int, a int not null)')
    const both = Promise.allSettled([writer.commit(), writer.close()])
    await expect(both).resolves.toMatchObject([
      { reason: { code: 'stream/uncommitted' } },
      { reason: { code: 'stream/uncommitted' } },
    ])
    await expect(writer.commit()).rejects.toMatchObject({ code: 'usage/invalid' })
    await run(other, 'alter table s.t alter column a drop not null')
    await using next = await lake.appender('s.t')
    await next.append([{ i: 2, a: 2 }], { ack: 'committed' })
    expect(await lake.sql`select * from s.t order by i`).toEqual([
      { i: 1, a: null },
      { i: 2, a: 2 },
    ])
  })
})
