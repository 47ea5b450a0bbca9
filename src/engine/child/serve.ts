import { Socket } from 'node:net'
import { IceboxError } from '../../base/index.ts'
import type { Reliever } from '../../memory/index.ts'
import { openOwnEngine, type OwnEngine } from '../own-engine.ts'
import type { ScalarFunction } from '../port.ts'
import type { ResultRows } from '../result-rows.ts'
import type { Session } from '../session.ts'
import { removeOwnSpill } from '../spill.ts'
import { Credit } from './credit.ts'
import { IncomingBatches } from './incoming-batches.ts'
import { FrameReader, writeFrame } from './frames.ts'
import {
  type AnswerValue,
  type FromEngine,
  isToEngine,
  STREAM_CREDIT,
  strayMessage,
  type ToEngine,
  type WireOptions,
  wireError,
} from './protocol.ts'

/** The socket to the parent is this file descriptor. */
const SOCKET_FD = 3
/** Figures of memory are told at most so often. */
const FIGURES_INTERVAL_MS = 20

/** Functions of TypeScript that this process can make, by the name of their family. */
export type ScalarFamilies = Readonly<Record<string, (values: readonly (string | number)[]) => ScalarFunction>>

/** Serves one engine to the parent process until the parent closes it, or is gone. */
export function serveEngine(families: ScalarFamilies): void {
  // The parent decides what ends: Ctrl-C in a terminal goes to the whole group.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
  const socket = new Socket({ fd: SOCKET_FD, readable: true, writable: true })
  new EngineServer(socket, families).start()
}

interface OpenStream {
  readonly rows: ResultRows
  /** Batches that may still be sent. */
  readonly credit: Credit
}

class EngineServer {
  readonly #socket: Socket
  readonly #families: ScalarFamilies
  readonly #cancels = new Map<number, AbortController>()
  readonly #sessions = new Map<number, Session>()
  readonly #streams = new Map<number, OpenStream>()
  readonly #appends = new Map<number, IncomingBatches>()
  readonly #relievers = new Set<Reliever>()
  #engine: OwnEngine | undefined
  #spillDirectory: string | undefined
  #nextSession = 1
  #toldAtMs = 0

  constructor(socket: Socket, families: ScalarFamilies) {
    this.#socket = socket
    this.#families = families
  }

  start(): void {
    const reader = new FrameReader((message, payloadBytes) => {
      if (!isToEngine(message)) throw strayMessage(message)
      const target = payloadBytes === 0 ? undefined : new Uint8Array(payloadBytes)
      return { target, done: () => this.#take(message, target) }
    })
    this.#socket.on('data', (chunk: Buffer) => reader.push(chunk))
    // The parent is gone: nobody waits for an answer, and nobody else may find this process.
    this.#socket.on('close', () => this.#die())
    this.#socket.on('error', () => this.#die())
  }

  #die(): void {
    if (this.#spillDirectory !== undefined) removeOwnSpill(this.#spillDirectory)
    // Not exit(): its handlers would wait for threads of the engine that still work.
    process.kill(process.pid, 'SIGKILL')
  }

  #send(message: FromEngine, payload?: Uint8Array, written?: () => void): void {
    writeFrame(this.#socket, message, payload, written)
  }

  #take(message: ToEngine, payload: Uint8Array | undefined): void {
    switch (message.kind) {
      case 'cancel':
        this.#cancels.get(message.id)?.abort()
        return
      case 'credit':
        this.#streams.get(message.id)?.credit.give()
        return
      case 'read': {
        const stream = this.#streams.get(message.id)
        if (stream !== undefined) void this.#pump(message.id, stream, message)
        return
      }
      case 'appendBatch':
        this.#appends.get(message.id)?.add(payload ?? new Uint8Array())
        return
      case 'appendEnd':
        this.#appends.get(message.id)?.end(message.failed)
        return
      default:
        void this.#answer(message)
    }
  }

  async #answer(message: Exclude<ToEngine, { kind: 'cancel' | 'credit' | 'read' | 'appendBatch' | 'appendEnd' }>) {
    const { id } = message
    const abort = new AbortController()
    this.#cancels.set(id, abort)
    try {
      const value = await this.#do(message, abort.signal)
      this.#send({ kind: 'ok', id, value })
      if (message.kind === 'close') this.#socket.end(() => process.exit(0))
    } catch (error) {
      this.#send({ kind: 'error', id, error: wireError(error) })
      this.#cancels.delete(id)
    } finally {
      // A stream can be cancelled for as long as it is read.
      if (message.kind !== 'stream') this.#cancels.delete(id)
    }
  }

  async #do(
    message: Exclude<ToEngine, { kind: 'cancel' | 'credit' | 'read' | 'appendBatch' | 'appendEnd' }>,
    signal: AbortSignal,
  ): Promise<AnswerValue> {
    switch (message.kind) {
      case 'open':
        this.#spillDirectory = message.options.spillDirectory
        this.#engine = await openOwnEngine({
          ...message.options,
          governor: {
            measured: (_name, residentBytes) => this.#tell({ kind: 'figures', residentBytes }),
            spilled: (spilledBytes) => this.#send({ kind: 'figures', spilledBytes }),
            purged: () => this.#send({ kind: 'figures', isPurged: true }),
            registerReliever: (reliever) => {
              this.#relievers.add(reliever)
              return () => this.#relievers.delete(reliever)
            },
          },
        })
        return undefined
      case 'session': {
        const session = await this.#open().session(signal)
        const number = this.#nextSession++
        this.#sessions.set(number, session)
        return { session: number }
      }
      case 'closeSession': {
        const session = this.#sessions.get(message.session)
        this.#sessions.delete(message.session)
        await session?.[Symbol.asyncDispose]()
        return undefined
      }
      case 'run':
        await this.#session(message.session).run(message.sql, this.#options(message.id, message.options, signal))
        return undefined
      case 'kinds':
        return { kinds: await this.#session(message.session).statementKinds(message.sql) }
      case 'register': {
        const make = this.#families[message.family]
        if (make === undefined) throw unknownFamily(message.family)
        await this.#session(message.session).registerScalar(make(message.values))
        return undefined
      }
      case 'stream': {
        const options = this.#options(message.id, message.options, signal)
        const rows = await this.#session(message.session).stream(message.sql, options)
        this.#streams.set(message.id, { rows, credit: new Credit(STREAM_CREDIT) })
        return { shape: { columns: rows.columns, types: rows.types } }
      }
      case 'closeStream': {
        const stream = this.#streams.get(message.stream)
        if (stream !== undefined) await this.#closeStream(message.stream, stream)
        return undefined
      }
      case 'append': {
        const batches = new IncomingBatches(() => this.#send({ kind: 'taken', id: message.id }))
        this.#appends.set(message.id, batches)
        try {
          return { rows: await this.#session(message.session).appendArrow(message.table, batches, { signal }) }
        } finally {
          this.#appends.delete(message.id)
        }
      }
      case 'memory':
        return { memory: await this.#open().memory() }
      case 'follow':
        await this.#open().follow(message.plan, message.isUrgent)
        return undefined
      case 'relieve': {
        let relievedBytes = 0
        for (const reliever of this.#relievers) relievedBytes += await reliever.relieve(message.bytes)
        return { relievedBytes }
      }
      case 'close':
        await this.#engine?.[Symbol.asyncDispose]()
        return undefined
      default:
        return message satisfies never
    }
  }

  /** Sends the rows as long as there is credit; a reader that takes nothing stops the statement. */
  async #pump(id: number, stream: OpenStream, how: Extract<ToEngine, { kind: 'read' }>): Promise<void> {
    try {
      for await (const body of stream.rows.bodies(how.form, how.limits)) {
        if (!(await stream.credit.take())) {
          body[Symbol.dispose]()
          return
        }
        this.#send({ kind: 'body', id, layout: body.layout }, body.bytes, () => body[Symbol.dispose]())
      }
      await this.#forget(id, stream)
      this.#send({ kind: 'end', id })
    } catch (error) {
      await this.#forget(id, stream)
      this.#send({ kind: 'end', id, error: wireError(error) })
    }
  }

  async #closeStream(id: number, stream: OpenStream): Promise<void> {
    stream.credit.close()
    await this.#forget(id, stream)
  }

  async #forget(id: number, stream: OpenStream): Promise<void> {
    this.#streams.delete(id)
    this.#cancels.delete(id)
    await stream.rows[Symbol.asyncDispose]()
  }

  #options(id: number, { wantsProgress, ...options }: WireOptions, signal: AbortSignal) {
    if (wantsProgress !== true) return { ...options, signal }
    return {
      ...options,
      signal,
      onProgress: ({ fraction, rows }: { fraction: number | undefined; rows: number | undefined }) =>
        this.#send({ kind: 'progress', id, fraction, rows }),
    }
  }

  #tell(message: FromEngine): void {
    const now = performance.now()
    if (now - this.#toldAtMs < FIGURES_INTERVAL_MS) return
    this.#toldAtMs = now
    this.#send(message)
  }

  #open(): OwnEngine {
    if (this.#engine !== undefined) return this.#engine
    throw new IceboxError('internal/unreachable', { message: 'the engine was used before it was opened' })
  }

  #session(number: number): Session {
    const session = this.#sessions.get(number)
    if (session !== undefined) return session
    throw new IceboxError('internal/unreachable', { message: 'a closed session was used' })
  }
}

function unknownFamily(family: string): IceboxError {
  return new IceboxError('internal/unreachable', {
    message: `the process of the engine knows no functions of the family ${family}`,
  })
}
