import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ICEBOX, icebox, rowsOf, type TemporaryFolder, temporaryFolder } from './support/cli.ts'

const run = promisify(execFile)
let folder: TemporaryFolder
let lake = ''
let csv = ''

/** 6 MB: more than a pipe holds, and quotes around line ends wherever a chunk may end. */
const ROWS = 60_000

beforeAll(async () => {
  folder = await temporaryFolder()
  lake = folder.in('lake')
  csv = folder.in('rows.csv')
  await icebox(['init', lake])
  const rows = Array.from({ length: ROWS }, (_, at) => `${at},"a ""text"",\nof two lines ${'x'.repeat(at % 120)}"\n`)
  await writeFile(csv, `id,note\n${rows.join('')}`)
  await icebox(['import', 's.file', csv], { cwd: lake })
})

afterAll(() => folder[Symbol.asyncDispose]())

/** A pipe as a shell makes it; what `spawn` gives is a socket. */
const throughPipe = (writer: string, table: string) =>
  run('/bin/sh', ['-c', `{ ${writer}; } | "$1" -C "$2" import "$3" - --format csv --json`, csv, ICEBOX, lake, table])

describe('a pipe of the shell', () => {
  it.each([
    ['all at once', 'cat "$0"'],
    ['in pieces', 'head -c 70000 "$0"; sleep 0.3; tail -c +70001 "$0" | dd bs=50000 status=none'],
  ])('gives the rows of the file: %s', async (name, writer) => {
    const table = `s.${name.replaceAll(' ', '_')}`
    await throughPipe(writer, table)
    const sum = (of: string) => `select count(*), sum(id), sum(hash(note))::varchar from ${of}`
    expect(await rowsOf(sum(table), { cwd: lake })).toEqual(await rowsOf(sum('s.file'), { cwd: lake }))
  })

  it('without a byte is refused', async () => {
    await expect(throughPipe('true', 's.nothing')).rejects.toMatchObject({
      stdout: expect.stringContaining('source/empty'),
    })
  })

  it('whose writer stalls does not hold up who cancels', async () => {
    const fifo = folder.in('fifo')
    await run('mkfifo', [fifo])
    const script = 'exec "$1" -C "$2" import s.stalled - --format csv < "$0"'
    const child = spawn('/bin/sh', ['-c', script, fifo, ICEBOX, lake], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    const writer = await open(fifo, 'w')
    try {
      await writer.writeFile(await readFile(csv))
      child.kill('SIGINT')
      expect(await ended).toEqual([130, null])
    } finally {
      await writer.close()
    }
    expect(await readdir(join(lake, '.icebox/spill'))).toEqual([])
  })
})
