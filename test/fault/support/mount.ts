import { execFile } from 'node:child_process'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TestContext } from 'vitest'

const run = promisify(execFile)

/** A small file system of its own. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string
  /** Takes all the room that is left. */
  fill(): Promise<void>
  /** Gives the room of {@link fill} back. */
  empty(): Promise<void>
  readOnly(isReadOnly: boolean): Promise<void>
}

/** An ext4 in a file, mounted at `path`; skips the test, saying so, where this user or machine cannot mount. */
export async function smallDisk(context: TestContext, path: string, sizeBytes: number): Promise<SmallDisk> {
  const image = `${path}.img`
  const file = await open(image, 'w')
  await file.truncate(sizeBytes)
  await file.close()
  await mkdir(path, { recursive: true })
  try {
    await run('mkfs.ext4', ['-q', '-F', '-m', '0', '-O', '^has_journal', image])
    await run('mount', ['-o', 'loop', image, path])
  } catch (error) {
    await rm(image)
    context.skip(`no small disk here: ${error instanceof Error ? error.message.split('\n')[0] : ''}`)
  }
  const ballast = join(path, 'ballast')
  return {
    path,
    fill: () => fill(ballast),
    empty: () => rm(ballast, { force: true }),
    readOnly: async (isReadOnly) => {
      await run('mount', ['-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, path])
    },
    [Symbol.asyncDispose]: async () => {
      // Lazily: the catalog's binding lets go of its file with the garbage collector.
      await run('umount', ['-l', path])
      await rm(image, { force: true })
    },
  }
}

export async function mountTmpfs(context: TestContext, path: string): Promise<AsyncDisposable> {
  await mkdir(path, { recursive: true })
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'none', path])
  } catch (error) {
    context.skip(`no tmpfs here: ${error instanceof Error ? error.message.split('\n')[0] : ''}`)
  }
  return {
    [Symbol.asyncDispose]: async () => {
      await run('umount', ['-l', path])
    },
  }
}

/** A second view of a folder, in which nothing can be written, as a container has of a volume. */
export async function bindReadOnly(context: TestContext, folder: string, path: string): Promise<AsyncDisposable> {
  await mkdir(path, { recursive: true })
  try {
    await run('mount', ['--bind', folder, path])
    await run('mount', ['-o', 'remount,bind,ro', path])
  } catch (error) {
    context.skip(`no bind mounts here: ${error instanceof Error ? error.message.split('\n')[0] : ''}`)
  }
  return {
    [Symbol.asyncDispose]: async () => {
      await run('umount', ['-l', path])
    },
  }
}

async function fill(path: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (const size of [1024 * 1024, 4096, 512]) {
      const piece = new Uint8Array(size)
      try {
        for (;;) if ((await file.write(piece)).bytesWritten < size) break
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
      }
    }
    await file.sync()
  } finally {
    await file.close()
  }
}
