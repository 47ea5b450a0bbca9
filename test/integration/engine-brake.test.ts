import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { bundleScript } from './support/bundle.ts'

const run = promisify(execFile)

it.runIf(process.platform === 'linux')(
  'the brake gives back the limit that it found, and is not held beside a worker, whose V8 would end the process',
  async () => {
    const script = await bundleScript(new URL('./support/brake.ts', import.meta.url))
    try {
      const { stdout } = await run(process.execPath, [script.file])
      const said = JSON.parse(stdout) as Record<string, number>
      // No process holds 0 bytes: it is held as long as it may be.
      expect(said['alone']).toBeGreaterThanOrEqual(100)
      expect(said['after']).toBeGreaterThanOrEqual(100)
      expect(said).toMatchObject({ beside: 0, room: 64e6, isSame: true })
    } finally {
      await rm(script.folder, { recursive: true })
    }
  },
)
