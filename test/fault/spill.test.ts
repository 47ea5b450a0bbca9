import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { ICEBOX } from '../e2e/support/cli.ts'
import { errorOf, type FaultLake, faultLake, filesBelow } from './support/lake.ts'
import { smallDisk } from './support/mount.ts'

/** A sort of some 400 MB, which at 256MB goes to disk. */
const SORT = 'select max(u) from (select uuid() as u, uuid() as v from range(6000000) order by u offset 10)'

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
}

/** Starts the sort, calls `act` once the first spilled file is there, and waits for the end. */
async function whileSpilling(lake: FaultLake, spill: string, act: () => Promise<void>): Promise<Ended> {
  const args = ['sql', SORT, '--memory', '256MB', '--json', '--set', `performance.memory.spill_directory=${spill}`]
  const child = spawn(ICEBOX, args, { cwd: lake.path, stdio: ['ignore', 'pipe', 'inherit'] })
  const out: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  const closed = once(child, 'close')
  let hasActed = false
  while (child.exitCode === null && child.signalCode === null) {
    if (!hasActed && (await filesBelow(spill)).length > 0) {
      hasActed = true
      await act()
    }
    await after(5)
  }
  await closed
  expect(hasActed, 'the sort went to disk').toBe(true)
  return { code: child.exitCode, signal: child.signalCode, out: Buffer.concat(out).toString('utf8') }
}

/** Either done in spite of it, or a code of ours; never a crash. */
function expectErrorOrAnswer(ended: Ended, codes: readonly string[]): void {
  expect(ended.signal).toBe(null)
  if (ended.code === 0) return
  const error = errorOf({ ...ended, err: '' })
  expect(codes, error.message).toContain(error.code)
}

describe('a spill folder that', () => {
  it('is removed while a sort goes to disk ends the statement at most, and the next one spills again', async () => {
    await using lake = await faultLake()
    const spill = lake.folder.in('spill')
    await mkdir(spill)
    const ended = await whileSpilling(lake, spill, () =>
      // A file that the sort makes meanwhile is removed in the next try.
      rm(spill, { recursive: true, force: true, maxRetries: 50, retryDelay: 1 }),
    )
    expectErrorOrAnswer(ended, ['storage/io'])
    await lake.json(['sql', SORT, '--memory', '256MB', '--set', `performance.memory.spill_directory=${spill}`])
    expect(await filesBelow(spill)).toEqual([])
  })

  it('becomes read-only while a sort goes to disk ends the statement at most', async (context) => {
    await using lake = await faultLake()
    await using disk = await smallDisk(context, lake.folder.in('disk'), 800_000_000)
    const spill = join(disk.path, 'spill')
    await mkdir(spill)
    const ended = await whileSpilling(lake, spill, async () => {
      // Busy while a file is open for writing: then it stays as it is, and the sort must succeed.
      await disk.readOnly(true).catch(() => undefined)
    })
    expectErrorOrAnswer(ended, ['storage/io', 'storage/denied'])
    await disk.readOnly(false)
  })

  it('is not there is made; one that cannot be made or written is refused by its path', async () => {
    await using lake = await faultLake()
    const set = (path: string) => ['--set', `performance.memory.spill_directory=${path}`]
    const made = lake.folder.in('new/deep')
    await lake.json(['sql', SORT, '--memory', '256MB', ...set(made)])
    expect(await filesBelow(made)).toEqual([])
    await chmod(lake.folder.path, 0o755)
    const locked = lake.folder.in('locked')
    await mkdir(locked, { mode: 0o555 })
    const uid = process.getuid?.() === 0 ? { uid: 65_534 } : {}
    for (const path of [locked, join(locked, 'below')]) {
      const ran = await lake.run(['sql', 'select 1', '--json', ...set(path)], uid)
      expect([ran.code, errorOf(ran).code], ran.out).toEqual([1, 'storage/denied'])
      expect(errorOf(ran).message).toContain(locked)
    }
    expect(await readdir(locked)).toEqual([])
  })
})

describe('a limit of the operating system below the budget', () => {
  it.each([
    ['data', '-d', 'RLIMIT_DATA'],
    ['address space', '-v', 'RLIMIT_AS'],
  ])(
    'on %s is refused at the start with both numbers, and obeyed with max_usage: auto or less',
    async (_, flag, name) => {
      await using lake = await faultLake()
      const run = async (kB: number, args: readonly string[]): Promise<Ended> => {
        const command = `ulimit ${flag} ${kB}; exec "$0" "$@"`
        const child = spawn('/bin/sh', ['-c', command, ICEBOX, ...args, '--json'], { cwd: lake.path })
        const out: Buffer[] = []
        child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
        await once(child, 'close')
        return { code: child.exitCode, signal: child.signalCode, out: Buffer.concat(out).toString('utf8') }
      }
      // Node itself reserves address space that it never touches: a limit on it is far above what is used.
      const limitKb = name === 'RLIMIT_AS' ? 40_000_000 : 1_000_000
      const ran = await run(limitKb, ['sql', 'select 1', '--memory', `${limitKb * 2}KB`])
      expect([ran.signal, ran.code], ran.out).toEqual([null, 3])
      const error = errorOf({ ...ran, err: '' })
      expect(error.code).toBe('memory/budget-too-large')
      expect(error.context).toMatchObject({ budgetBytes: limitKb * 2_000, limitBytes: limitKb * 1024, source: name })
      const fits = await run(limitKb, ['sql', 'select 1', '--memory', '256MB'])
      expect([fits.signal, fits.code], fits.out).toEqual([null, 0])
    },
  )
})
