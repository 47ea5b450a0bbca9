import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** The command as the package ships it: the launcher over dist/. */
export const ICEBOX = resolve(import.meta.dirname, '../../../bin/icebox')

export interface Ran {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly stdin?: string | Buffer
  readonly env?: Readonly<Record<string, string>>
  /** Runs as this user; only root may. */
  readonly uid?: number
  /** Called when the process has started; with it standard input stays open unless `stdin` is given. */
  readonly onStart?: (child: ChildProcessWithoutNullStreams) => void
}

/** Variables of the machine that would change what the command does. */
const CLEARED = { ICEBOX_HOME: '', NO_COLOR: '', ICEBOX_DEBUG: '' }

/** Runs `icebox` to its end. */
export function icebox(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((done, fail) => {
    const child = spawn(ICEBOX, [...args], {
      cwd: options.cwd,
      env: { ...process.env, ...CLEARED, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.on('error', fail)
    // A command that fails before it reads leaves a closed pipe behind; that is no failure of the test.
    child.stdin.on('error', () => {})
    child.on('close', (code, signal) =>
      done({ code, signal, out: Buffer.concat(out).toString('utf8'), err: Buffer.concat(err).toString('utf8') }),
    )
    if (options.onStart === undefined || options.stdin !== undefined) child.stdin.end(options.stdin ?? '')
    options.onStart?.(child)
  })
}

/** Runs a command that must succeed, with `--json`, and gives its document. */
export async function iceboxJson(args: readonly string[], options: RunOptions = {}): Promise<unknown> {
  const ran = await icebox([...args, '--json'], options)
  if (ran.code !== 0) throw new Error(`icebox ${args.join(' ')} ended with ${ran.code}: ${ran.out}${ran.err}`)
  return JSON.parse(ran.out)
}

/** The rows of a query. */
export async function rowsOf(sql: string, options: RunOptions = {}): Promise<unknown[][]> {
  const document = await iceboxJson(['sql', sql], options)
  if (typeof document !== 'object' || document === null || !('rows' in document) || !Array.isArray(document.rows))
    throw new Error('no rows')
  return document.rows as unknown[][]
}

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string
  in(name: string): string
}

export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'icebox-')))
  return {
    path,
    in: (name) => join(path, name),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/** Waits until something holds, looking again every few milliseconds; fails after a minute. */
export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`a minute passed and still not: ${what}`)
    await new Promise((wake) => setTimeout(wake, 20))
  }
}

export const ORDERS_CSV = `id,region,amount,ordered_at
1,north,10.50,2026-01-05
2,south,20.00,2026-01-06
3,north,30.25,2026-02-01
4,,40.00,2026-02-02
`
