import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { judgeProcess, ownProcess } from '../../src/base/index.ts'
import { WriteJournal } from '../../src/ingest/index.ts'

/** No process has it: pids end at 2^22 on Linux. */
const NO_PID = 2 ** 22 + 1

let state = ''
let journal: WriteJournal
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'icebox-'))
  journal = new WriteJournal(state)
})
afterEach(() => rm(state, { recursive: true }))

/** An entry as another process would have left it. */
async function entryOf(changes: Record<string, unknown>): Promise<string> {
  const entry = await journal.begin({ dataFolder: '/nowhere/data' })
  const path = join(state, 'writes', `${entry.writeId}.json`)
  await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...changes }))
  return path
}

describe('a process', () => {
  it('that runs is alive, one whose number is free or belongs to a later one is gone', () => {
    expect(judgeProcess(ownProcess())).toBe('alive')
    expect(judgeProcess({ ...ownProcess(), pid: NO_PID })).toBe('gone')
    expect(judgeProcess({ ...ownProcess(), processStart: '1' })).toBe('gone')
  })

  it('of an earlier boot of this machine is gone; one of another machine or container cannot be judged', () => {
    expect(judgeProcess({ ...ownProcess(), boot: 'earlier' })).toBe('gone')
    expect(judgeProcess({ ...ownProcess(), pid: NO_PID, host: 'elsewhere' })).toBe('unknown')
    expect(judgeProcess({ ...ownProcess(), pid: NO_PID, pidNamespace: 'pid:[1]' })).toBe('unknown')
  })
})

describe('the journal', () => {
  it('does not take the write of another container for dead while it shows signs of life', async () => {
    const path = await entryOf({ pid: NO_PID, host: 'elsewhere' })
    expect((await journal.abandoned()).entries).toEqual([])
    const long = new Date(Date.now() - 16 * 60_000)
    await utimes(path, long, long)
    expect((await journal.abandoned()).entries).toHaveLength(1)
  })

  it('tells a writer whose entry was removed not to commit', async () => {
    const entry = await journal.begin({ dataFolder: '/nowhere/data' })
    await journal.hold(entry)
    await rm(join(state, 'writes'), { recursive: true })
    await expect(journal.hold(entry)).rejects.toMatchObject({ code: 'storage/io' })
    await journal.end(entry)
  })

  it('removes the half entry of a process that died while it wrote it', async () => {
    const entry = await journal.begin({})
    await writeFile(join(state, 'writes', `${NO_PID}-${entry.writeId}.tmp`), '{"writeId":')
    await writeFile(join(state, 'writes', `${process.pid}-${entry.writeId}.tmp`), '{"writeId":')
    expect(await journal.abandoned()).toEqual({ entries: [], unreadable: [] })
    expect((await readdir(join(state, 'writes'))).sort()).toEqual(
      [`${process.pid}-${entry.writeId}.tmp`, `${entry.writeId}.json`].sort(),
    )
  })

  it('names an entry that is none, and leaves it', async () => {
    await journal.begin({})
    const path = join(state, 'writes', 'strange.json')
    await writeFile(path, '{"writeId": 5}')
    expect((await journal.abandoned()).unreadable.join()).toContain(path)
    expect(await readFile(path, 'utf8')).toBe('{"writeId": 5}')
  })
})
