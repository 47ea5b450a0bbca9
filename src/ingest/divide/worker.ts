import { parentPort, workerData } from 'node:worker_threads'
import { ChunkDivider, type ChunkDividerOptions } from './chunk-divider.ts'
import type { DivideReply, DivideRequest } from './protocol.ts'

// A thread that divides text: the entry of dist/divide-worker.js. Its data are the options of its divider.

const divider = new ChunkDivider(workerData as ChunkDividerOptions)

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
