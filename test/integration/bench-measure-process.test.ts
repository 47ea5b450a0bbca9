import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { measureProcess } from '../../src/bench/measure/measure-process.ts'
import { type TemporaryFolder, temporaryFolder } from '../e2e/support/cli.ts'

afterEach(() => vi.unstubAllEnvs())

/** A folder for temporary files that nobody else uses. */
async function ownTemporaries(folder: TemporaryFolder): Promise<string> {
  const path = folder.in('tmp')
  await mkdir(path)
  vi.stubEnv('TMPDIR', path)
  return path
}

describe('a command that is fed a file', () => {
  it('gets all of it through a pipe of the kernel, and its end', async () => {
    await using folder = await temporaryFolder()
    const temporaries = await ownTemporaries(folder)
    const file = folder.in('text')
    await writeFile(file, 'x'.repeat(3_000_000))
    const code = `
      const { fstatSync, readSync } = require('node:fs')
      let bytes = 0
      for (let read = 1; read > 0; bytes += read) read = readSync(0, Buffer.alloc(65536))
      console.log(fstatSync(0).isFIFO(), bytes)`
    const figures = await measureProcess(process.execPath, ['-e', code], { stdinFile: file })
    expect(figures.stderr).toBe('')
    expect(figures.stdout).toBe('true 3000000\n')
    expect(await readdir(temporaries)).toEqual([])
  })

  it('may end before it has read all', async () => {
    await using folder = await temporaryFolder()
    const file = folder.in('text')
    await writeFile(file, 'x'.repeat(3_000_000))
    const figures = await measureProcess('sh', ['-c', 'head -c 10; exit 7'], { stdinFile: file })
    expect(figures).toMatchObject({ exitCode: 7, stdout: 'x'.repeat(10), stdoutBytes: 10 })
  })

  it('that cannot be started is named', async () => {
    await using folder = await temporaryFolder()
    const temporaries = await ownTemporaries(folder)
    const file = folder.in('text')
    await writeFile(file, 'x')
    await expect(measureProcess('/nowhere/command', [], { stdinFile: file })).rejects.toMatchObject({
      code: 'bench/failed',
    })
    expect(await readdir(temporaries)).toEqual([])
  })
})
