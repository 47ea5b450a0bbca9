import { open } from 'node:fs/promises'

/** An open folder, as far as it is needed here. */
interface SyncHandle {
  sync(): Promise<void>
}

/**
 * Makes names in folders durable. Writers that wait for the same folder at the same time share one fsync: a name is safe
 * once an fsync that began after the name was made has ended, so a call joins the next fsync of its folder, never the running one.
 */
export class FolderSync {
  private readonly running = new Map<string, Promise<void>>()
  private readonly next = new Map<string, Promise<void>>()

  /** With a handle of the folder that stays open until the promise settles, or without one. */
  sync(folder: string, handle?: SyncHandle): Promise<void> {
    const joined = this.next.get(folder)
    if (joined !== undefined) return joined
    const before = this.running.get(folder)
    if (before === undefined) return this.start(folder, handle)
    const queued = before.then(
      () => this.startQueued(folder, handle),
      () => this.startQueued(folder, handle),
    )
    this.next.set(folder, queued)
    return queued
  }

  private startQueued(folder: string, handle: SyncHandle | undefined): Promise<void> {
    this.next.delete(folder)
    return this.start(folder, handle)
  }

  private start(folder: string, handle: SyncHandle | undefined): Promise<void> {
    const run = (handle === undefined ? syncFolder(folder) : handle.sync()).finally(() => {
      if (this.running.get(folder) === run) this.running.delete(folder)
    })
    this.running.set(folder, run)
    return run
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
