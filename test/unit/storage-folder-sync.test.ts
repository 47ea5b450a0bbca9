import { describe, expect, it } from 'vitest'
import { FolderSync } from '../../src/storage/folder-sync.ts'

/** A folder whose fsyncs end when they are told to. */
class Folder {
  readonly running: { end: () => void; fail: (error: Error) => void }[] = []
  started = 0

  sync(): Promise<void> {
    this.started++
    return new Promise((resolve, reject) => this.running.push({ end: resolve, fail: reject }))
  }

  async settle(how: 'end' | 'fail' = 'end'): Promise<void> {
    const first = this.running.shift()
    if (how === 'end') first?.end()
    else first?.fail(new RangeError('the disk is gone'))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('FolderSync (S5)', () => {
  it('lets writers that come while an fsync runs share the next one, and never join the running one', async () => {
    const folder = new Folder()
    const folders = new FolderSync(() => folder.sync())
    const done: string[] = []
    const ask = (name: string) => folders.sync('/f').then(() => done.push(name))
    const all = [ask('a'), ask('b'), ask('c')]
    expect(folder.started).toBe(1)
    await folder.settle()
    // The names of b and c may have come after the first fsync began: it does not count for them.
    expect(done).toEqual(['a'])
    expect(folder.started).toBe(2)
    all.push(ask('d'))
    await folder.settle()
    expect(done).toEqual(['a', 'b', 'c'])
    expect(folder.started).toBe(3)
    await folder.settle()
    await Promise.all(all)
    expect(done).toEqual(['a', 'b', 'c', 'd'])
  })

  it('gives a failure to those who waited for that fsync only, and goes on', async () => {
    const folder = new Folder()
    const folders = new FolderSync(() => folder.sync())
    const first = folders.sync('/f')
    const second = folders.sync('/f')
    const firstFails = expect(first).rejects.toThrow('the disk is gone')
    await folder.settle('fail')
    await firstFails
    await folder.settle()
    await second
    const third = folders.sync('/f')
    await folder.settle()
    await third
    expect(folder.started).toBe(3)
  })

  it('does not let one folder wait for another', async () => {
    const slow = new Folder()
    const fast = new Folder()
    const folders = new FolderSync((path) => (path === '/slow' ? slow : fast).sync())
    const waiting = folders.sync('/slow')
    const other = folders.sync('/fast')
    await fast.settle()
    await other
    await slow.settle()
    await waiting
  })
})
