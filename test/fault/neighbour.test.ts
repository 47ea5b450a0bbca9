import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { makeMemoryLimit } from '../../src/bench/measure/memory-limit.ts'
import { ICEBOX } from '../e2e/support/cli.ts'
import { errorOf, faultLake, ordersCsv } from './support/lake.ts'

const LIMIT_BYTES = 600_000_000
const HOG_BYTES = 300_000_000

/** Takes memory in the same group as the command, and holds it until the command has ended. */
const BESIDE_A_HOG = `node -e 'const all = Buffer.alloc(${HOG_BYTES}, 1); console.error("taken"); setInterval(() => all.fill(2), 1000)' 2>/dev/null &
hog=$!
sleep 1
"$0" "$@"
code=$?
kill $hog || exit 99
exit $code`

describe('memory that another process of the container takes', () => {
  it.each([
    ['an import', ['import', 'a.t', '../orders.csv']],
    [
      'a sort that wants all of the budget',
      ['sql', 'select max(u) from (select uuid() as u, uuid() as v from range(20000000) order by u offset 10)'],
    ],
    [
      'a group by of many keys',
      ['sql', 'select count(*) from (select uuid() as u, count(*) from range(12000000) group by u)'],
    ],
  ] as const)('%s goes on with what is left, or is refused; the kernel ends nobody', async (_, args) => {
    await using lake = await faultLake()
    await using limit = await makeMemoryLimit(LIMIT_BYTES)
    // A limit on data is of each process alone: then there is no neighbour to feel.
    await writeFile(lake.folder.in('orders.csv'), ordersCsv(1_000_000))
    const wrapped = limit.wrap('/bin/sh', ['-c', BESIDE_A_HOG, ICEBOX, ...args, '--memory', '512MB', '--json'])
    const child = spawn(wrapped.command, wrapped.args, { cwd: lake.path, stdio: ['ignore', 'pipe', 'inherit'] })
    const out: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    await once(child, 'close')
    const text = Buffer.concat(out).toString('utf8')
    expect(child.signalCode, text).toBe(null)
    if (child.exitCode === 0) return
    expect(child.exitCode, text).toBe(3)
    expect(errorOf({ code: 3, signal: null, out: text, err: '' }).code).toMatch(/^memory\//)
  })
})
