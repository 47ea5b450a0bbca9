import { open } from 'node:fs/promises'

/**
 * Makes names in folders durable. Writers that wait for the same folder at the same time share one fsync: a name is safe
 * once an fsync that began after the name was made has ended, so a call joins the next fsync of its folder, never the running one.
 */
export class FolderSync {
  private readonly syncFolder: (folder: string) => Promise<void>
  private readonly running = new Map<string, Promise<void>>()
  private readonly next = new Map<string, Promise<void>>()

  constructor(syncFolder: (folder: string) => Promise<void> = syncOnDisk) {
    this.syncFolder = syncFolder
  }

  sync(folder: string): Promise<void> {
    const joined = this.next.get(folder)
    if (joined !== undefined) return joined
    const before = this.running.get(folder)
    if (before === undefined) return this.start(folder)
    const queued = before.then(
      () => this.startQueued(folder),
      () => this.startQueued(folder),
    )
    this.next.set(folder, queued)
    return queued
  }

  private startQueued(folder: string): Promise<void> {
    this.next.delete(folder)
    return this.start(folder)
  }

  private start(folder: string): Promise<void> {
    const run = this.syncFolder(folder).finally(() => {
      if (this.running.get(folder) === run) this.running.delete(folder)
    })
    this.running.set(folder, run)
    return run
  }
}

async function syncOnDisk(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
