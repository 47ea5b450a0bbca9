import { parentPort, workerData } from 'node:worker_threads'
import { ChunkDivider } from './chunk-divider.ts'
import type { DivideReply, DivideRequest, DivideStart } from './protocol.ts'

// A thread that divides text: the entry of dist/divide-worker.js. It gets `DivideStart` as its data.

const start = workerData as DivideStart
const divider = new ChunkDivider(start)

function answer(request: DivideRequest): DivideReply {
  try {
    return request === 'finish' ? { files: divider.finish() } : { done: divider.divide(request) }
  } catch (error) {
    // Codes of the file system would be lost on the way.
    const { code, message } = error as NodeJS.ErrnoException
    return { failure: { code, message } }
  }
}

parentPort?.on('message', (request: DivideRequest) => parentPort?.postMessage(answer(request), []))
