import { IceboxError, isIceboxError } from '../../base/index.ts'
import type { BufferAllocator } from '../../memory/index.ts'
import { ArrowBody } from '../arrow-out/body.ts'
import { FrameReader, writeFrame } from './frames.ts'
import type { Launched } from './launch.ts'
import { type AnswerValue, type FromEngine, fromWire, isFromEngine, strayMessage, type ToEngine } from './protocol.ts'

type WithoutId<Message> = Message extends { readonly id: number } ? Omit<Message, 'id'> : never
/** A request whose id the channel gives. */
export type Request = WithoutId<Exclude<ToEngine, { kind: 'read' | 'credit' | 'cancel' | 'appendBatch' | 'appendEnd' }>>

export interface RequestHooks {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: { fraction: number | undefined; rows: number | undefined }) => void) | undefined
  /** Told the id before anything is sent. */
  readonly onId?: (id: number) => void
  /** A batch of an append was taken. */
  readonly onTaken?: () => void
}

/** What a stream is told. */
export interface StreamReceiver {
  body(body: ArrowBody): void
  end(error: IceboxError | undefined): void
}

interface Pending {
  readonly hooks: RequestHooks
  readonly resolve: (value: AnswerValue) => void
  readonly reject: (error: IceboxError) => void
}

export interface ChannelHooks {
  /** The process tells what it holds and spills. */
  readonly onFigures: (figures: Extract<FromEngine, { kind: 'figures' }>) => void
  readonly onGone: () => void
}

/** The socket to one process of the engine: requests and their answers, and the batches of streams. */
export class Channel {
  /** Resolves once the process is gone, whyever. */
  readonly gone: Promise<IceboxError>
  readonly #launched: Launched
  readonly #buffers: BufferAllocator
  readonly #pending = new Map<number, Pending>()
  readonly #streams = new Map<number, StreamReceiver>()
  readonly #hooks: ChannelHooks
  #lost: IceboxError | undefined
  #isKilled = false
  #nextId = 1

  constructor(launched: Launched, buffers: BufferAllocator, hooks: ChannelHooks) {
    this.#launched = launched
    this.#buffers = buffers
    this.#hooks = hooks
    const { socket, process: child } = launched
    const reader = new FrameReader((message, payloadBytes) => this.#begin(message, payloadBytes))
    socket.on('data', (chunk: Buffer) => {
      // What was on its way when the process died is not told any more.
      if (this.#lost === undefined) reader.push(chunk)
    })
    // The process's end says more than its socket's.
    socket.on('error', () => child.kill('SIGKILL'))
    socket.on('close', () => child.kill('SIGKILL'))
    // Not before it is gone: files that it wrote are then as they stay.
    this.gone = new Promise((resolve) =>
      child.once('exit', (code, signal) => {
        const error = this.#crashed(code, signal)
        this.#lose(error)
        hooks.onGone()
        resolve(error)
      }),
    )
  }

  get pid(): number {
    return this.#launched.pid
  }

  /** Why nothing can be asked any more; undefined while the process lives. */
  get lost(): IceboxError | undefined {
    return this.#lost
  }

  /** Ends the process at once. */
  kill(): void {
    // Its end is told soon, and somebody may wait for it.
    this.#isKilled = true
    this.#refer()
    this.#launched.process.kill('SIGKILL')
  }

  /** Rejects with the error of the request, or `engine/crashed` when the process dies before it answers. */
  request(request: Request, hooks: RequestHooks = {}): Promise<AnswerValue> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost)
    const id = this.#nextId++
    const { signal } = hooks
    const cancel = () => this.send({ kind: 'cancel', id })
    const answer = new Promise<AnswerValue>((resolve, reject) => {
      this.#pending.set(id, { hooks, resolve, reject })
      this.#refer()
      hooks.onId?.(id)
      this.send({ ...request, id })
      if (signal?.aborted === true) cancel()
      else signal?.addEventListener('abort', cancel, { once: true })
    })
    return answer.finally(() => signal?.removeEventListener('abort', cancel))
  }

  /** Sends what has no answer. */
  send(message: ToEngine, payload?: Uint8Array): void {
    if (this.#lost === undefined) writeFrame(this.#launched.socket, message, payload)
  }

  /** Batches of the stream go to the receiver until it ends or is forgotten. */
  receive(id: number, receiver: StreamReceiver): void {
    this.#streams.set(id, receiver)
    this.#refer()
  }

  forget(id: number): void {
    this.#streams.delete(id)
    this.#refer()
  }

  /**
   * The process is waited for as long as somebody waits for an answer of it: the socket for the answer, and the process for
   * its end, since the socket of one that dies closes before that is told, and Node would leave with nobody answered.
   */
  #refer(): void {
    const { socket, process: child } = this.#launched
    if (this.#pending.size + this.#streams.size > 0 || this.#isKilled) {
      socket.ref()
      child.ref()
    } else {
      socket.unref()
      child.unref()
    }
  }

  #begin(message: unknown, payloadBytes: number): { target: Uint8Array | undefined; done: () => void } {
    if (!isFromEngine(message)) throw strayMessage(message)
    if (message.kind !== 'body') return { target: undefined, done: () => this.#take(message) }
    const receiver = this.#streams.get(message.id)
    // A stream that was closed meanwhile: its batch is read past.
    if (receiver === undefined) return { target: undefined, done: () => undefined }
    try {
      const body = new ArrowBody(message.layout, this.#buffers.lease(payloadBytes, 'engine/arrow'))
      return {
        target: body.bytes,
        done: () => (this.#streams.has(message.id) ? receiver.body(body) : body[Symbol.dispose]()),
      }
    } catch (error) {
      if (!isIceboxError(error)) throw error
      receiver.end(error)
      return { target: undefined, done: () => undefined }
    }
  }

  #take(message: Exclude<FromEngine, { kind: 'body' }>): void {
    switch (message.kind) {
      case 'ok':
        this.#settle(message.id)?.resolve(message.value)
        return
      case 'error':
        this.#settle(message.id)?.reject(fromWire(message.error))
        return
      case 'progress':
        this.#pending.get(message.id)?.hooks.onProgress?.(message)
        return
      case 'taken':
        this.#pending.get(message.id)?.hooks.onTaken?.()
        return
      case 'end':
        this.#streams.get(message.id)?.end(message.error === undefined ? undefined : fromWire(message.error))
        return
      case 'figures':
        this.#hooks.onFigures(message)
        return
      default:
        message satisfies never
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    this.#refer()
    return pending
  }

  #lose(error: IceboxError): void {
    this.#lost = error
    const pending = [...this.#pending.values()]
    const streams = [...this.#streams.values()]
    this.#pending.clear()
    this.#streams.clear()
    this.#launched.socket.destroy()
    for (const { reject } of pending) reject(error)
    for (const stream of streams) stream.end(error)
  }

  #crashed(code: number | null, signal: NodeJS.Signals | null): IceboxError {
    const complaint = this.#launched.complaints().trim().split('\n').at(-1) ?? ''
    const how = signal === null ? `with exit code ${code}` : `by ${signal}`
    return new IceboxError('engine/crashed', {
      message: `the engine's process ${this.pid} ended ${how}${complaint === '' ? '' : `: ${complaint}`}`,
      remedy: 'run the statement again; a new process is started for it',
      context: { pid: this.pid, exitCode: code, signal },
      retryable: true,
    })
  }
}
