import { MemoryStore } from '../../../src/storage/index.ts'

/** A store whose flushes end when they are told to. */
export class SlowDisk extends MemoryStore {
  readonly flushes: { uri: string; end: () => void; fail: (error: unknown) => void }[] = []

  override async createUnflushed(...args: Parameters<MemoryStore['createUnflushed']>) {
    const object = await super.createUnflushed(...args)
    return { ...object, durable: this.flushOf(object.uri) }
  }

  flushOf(uri: string): Promise<void> {
    return new Promise<void>((resolve, reject) => this.flushes.push({ uri, end: resolve, fail: reject }))
  }
}
