import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/**
 * A pipe of the kernel into which `cat` writes a file, as `cat FILE |` makes it. What Node calls a pipe is a socket, which
 * programs read otherwise (Icebox cannot widen it), and feeding it from here takes twice the CPU of `cat` (1.07 s for 1.5 GB).
 * The answer is the end that is read; to be closed here once the reader has it: a writer without readers ends.
 */
export async function pipeOf(file: string): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'icebox-pipe-'))
  try {
    const path = join(folder, 'pipe')
    await promisify(execFile)('mkfifo', [path])
    const cat = spawn('sh', ['-c', 'exec cat "$1" > "$2"', 'sh', file, path], { stdio: 'ignore' })
    // Opening waits for the other side.
    const [handle] = await Promise.all([open(path, 'r'), once(cat, 'spawn')])
    return handle
  } finally {
    await rm(folder, { recursive: true })
  }
}
