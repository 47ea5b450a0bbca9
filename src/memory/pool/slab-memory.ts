import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { IceboxError } from '../../base/index.ts'

/** Where the bytes of slabs come from and go to. */
export interface SlabMemory {
  /** Throws RangeError where the system has no such memory. */
  make(bytes: number): ArrayBuffer
  /** Afterwards the buffer and the views of it have no bytes, and their pages are the system's. */
  giveBack(buffer: ArrayBuffer): void
}

let closedPort: MessagePort | undefined

/**
 * Ordinary buffers, given back by a transfer to nobody: a closed port detaches what is posted to it and drops the message
 * (HTML, "message port post message steps", 4 to 6), and Node frees the memory before `postMessage` returns. A resizable
 * buffer gives its pages back too, but its views are 3 to 5 times slower by the element and 20 to 30 times through a
 * DataView, and `fetch` and `Response` refuse them (docs/decisions/0012-buffer-pool.md). Node 20 has no
 * `ArrayBuffer.prototype.transfer`.
 */
export const systemSlabMemory: SlabMemory = {
  make: (bytes) => new ArrayBuffer(bytes),
  giveBack(buffer) {
    closedPort ??= openClosedPort()
    closedPort.postMessage(undefined, [buffer])
    if (buffer.byteLength > 0) {
      throw new IceboxError('internal/unreachable', {
        message: `a slab of ${buffer.byteLength} bytes could not be detached`,
        remedy: 'report this as a bug of Icebox',
      })
    }
  },
}

/** Its own side must be closed: while only the other one is closing, messages are kept until the event loop turns. */
function openClosedPort(): MessagePort {
  const { port1 } = new MessageChannel()
  port1.close()
  return port1
}
