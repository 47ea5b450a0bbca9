import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ICEBOX } from '../../e2e/support/cli.ts'

/** Folders and files as they are at one moment; synchronous, so that a step is seen as soon as it is made. */
export interface Sight {
  /** Names below a folder of the lakehouse, at any depth. */
  below(folder: string): string[]
  /** Changes with every write to a file. */
  stamp(file: string): string
}

/** A moment of a write: true once it is there. `before` is what was there before the command started. */
export interface Step {
  readonly name: string
  reached(now: Sight, table: string, before: ReadonlySet<string>): boolean
}

const isNew = (now: Sight, folder: string, before: ReadonlySet<string>, test: (name: string) => boolean) =>
  now.below(folder).some((name) => test(name) && !before.has(`${folder}/${name}`))

/** The moments of a write that adds files, in their order. `table` is the folder of the table. */
export const WRITE_STEPS: readonly Step[] = [
  { name: 'spill folder', reached: (now) => now.below('.icebox/spill').length > 0 },
  { name: 'journal entry', reached: (now) => now.below('.icebox/writes').length > 0 },
  {
    name: 'first staged file',
    reached: (now, table) =>
      now.below(`${table}/data`).some((name) => name.includes('.icebox-') && name.endsWith('.parquet')),
  },
  {
    name: 'first data file in place',
    reached: (now, table, before) =>
      isNew(now, `${table}/data`, before, (name) => !name.includes('.icebox-') && name.endsWith('.parquet')),
  },
  {
    name: 'first file of metadata',
    reached: (now, table, before) => isNew(now, `${table}/metadata`, before, () => true),
  },
  {
    name: 'manifest',
    reached: (now, table, before) => isNew(now, `${table}/metadata`, before, (name) => /-m\d+\.avro$/.test(name)),
  },
  {
    name: 'manifest list',
    reached: (now, table, before) => isNew(now, `${table}/metadata`, before, (name) => name.startsWith('snap-')),
  },
  {
    name: 'metadata file',
    reached: (now, table, before) => isNew(now, `${table}/metadata`, before, (name) => name.endsWith('.metadata.json')),
  },
]

/** After the metadata file, the next change of the catalog's log: the commit itself. */
export function catalogStep(): Step {
  let stamp: string | undefined
  return {
    name: 'catalog change',
    reached: (now, table, before) => {
      if (!isNew(now, `${table}/metadata`, before, (name) => name.endsWith('.metadata.json'))) return false
      const current = now.stamp('catalog.sqlite-wal')
      stamp ??= current
      return current !== stamp
    },
  }
}

export function sightOf(root: string): Sight {
  return {
    below: (folder) => {
      try {
        return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      } catch {
        // Not there yet, or changing under the look: the next look sees it.
        return []
      }
    },
    stamp: (file) => {
      const info = statSync(join(root, file), { throwIfNoEntry: false, bigint: true })
      return info === undefined ? '' : `${info.size} ${info.mtimeNs}`
    },
  }
}

/**
 * Starts `icebox`, stops it (SIGSTOP) at a moment, runs something else meanwhile, and lets it go on. Fails where the moment
 * was not seen.
 */
export async function held(
  args: readonly string[],
  cwd: string,
  when: () => boolean,
  meanwhile: () => Promise<void>,
): Promise<Interrupted> {
  let stopped: (child: ChildProcessWithoutNullStreams) => void = () => {}
  const stop = new Promise<ChildProcessWithoutNullStreams>((done) => {
    stopped = done
  })
  const ended = interrupted(args, cwd, 'SIGSTOP', when, '', (child) => stopped(child))
  const first = await Promise.race([stop, ended])
  if ('out' in first) throw new TypeError(`the command ended before it could be stopped: ${first.out}${first.err}`)
  try {
    await meanwhile()
  } finally {
    first.kill('SIGCONT')
  }
  return await ended
}

export interface Interrupted {
  /** True when the signal met a live process. */
  readonly landed: boolean
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** Starts `icebox` and sends it a signal when `when` says so; `when` is asked as often as the machine allows. */
export async function interrupted(
  args: readonly string[],
  cwd: string,
  signal: NodeJS.Signals,
  when: (elapsedMs: number) => boolean,
  stdin = '',
  onSent?: (child: ChildProcessWithoutNullStreams) => void,
): Promise<Interrupted> {
  const child: ChildProcessWithoutNullStreams = spawn(ICEBOX, [...args], { cwd, stdio: 'pipe' })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  child.stdin.on('error', () => {})
  child.stdin.end(stdin)
  const closed = once(child, 'close')
  const startedAt = performance.now()
  let landed = false
  while (child.exitCode === null && child.signalCode === null && !landed) {
    if (when(performance.now() - startedAt)) landed = child.kill(signal)
    await new Promise((next) => setImmediate(next))
  }
  if (landed) onSent?.(child)
  await closed
  // A process that had just ended takes the signal too, without effect.
  if (signal === 'SIGKILL') landed = child.signalCode === 'SIGKILL'
  return {
    landed,
    code: child.exitCode,
    signal: child.signalCode,
    out: Buffer.concat(out).toString('utf8'),
    err: Buffer.concat(err).toString('utf8'),
  }
}
