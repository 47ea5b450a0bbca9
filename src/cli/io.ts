import { IceboxError, messageOf, systemCode } from '../base/index.ts'

/**
 * Where text and bytes go. A write resolves when the reader can take more, so a slow reader slows the query; the bytes may
 * then be used again.
 */
export interface OutputStream {
  readonly isTerminal: boolean
  /** Width of the terminal in columns; undefined where there is none. */
  readonly width: number | undefined
  write(chunk: string | Uint8Array): Promise<void>
}

/** Standard input; a terminal where `isTTY`, which then has a raw mode. */
export interface InputStream extends NodeJS.ReadableStream {
  readonly isTTY?: boolean
  setRawMode?(isRaw: boolean): unknown
  destroy(): unknown
}

/** The world around a command; tests pass their own. */
export interface CliIo {
  readonly stdin: InputStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  /** Standard error itself where it is a terminal: live progress is drawn there. */
  readonly progressTerminal: NodeJS.WriteStream | undefined
  /** The terminal that the shell's line editor writes to, where standard input is one. */
  readonly editorTerminal: NodeJS.WriteStream | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

/** The pieces of standard input as they come. Rejects with the reason of the signal when it fires; the input is closed then. */
export async function* inputChunks(stdin: InputStream, signal: AbortSignal): AsyncGenerator<Buffer | string> {
  signal.throwIfAborted()
  const close = () => stdin.destroy()
  signal.addEventListener('abort', close, { once: true })
  try {
    for await (const chunk of stdin) yield chunk
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', close)
  }
  signal.throwIfAborted()
}

/** Columns of a terminal; undefined where it does not know (0: a new pseudo-terminal, as of `docker exec -t` or expect). */
export function terminalWidth({ columns }: { readonly columns?: number }): number | undefined {
  return columns === 0 ? undefined : columns
}

/** An output over a Node stream. A write to a pipe that nobody reads rejects `cancelled` with `context.outputClosed`. */
export function outputOver(stream: NodeJS.WriteStream, name: string): OutputStream {
  const failures: IceboxError[] = []
  const throwFailure = () => {
    if (failures[0] !== undefined) throw failures[0]
  }
  const waiting = new Set<() => void>()
  stream.on('error', (error) => {
    failures.push(outputError(error, name))
    for (const wake of waiting) wake()
  })
  return {
    isTerminal: stream.isTTY === true,
    get width() {
      return stream.isTTY === true ? terminalWidth(stream) : undefined
    },
    async write(chunk) {
      throwFailure()
      // What is below the mark may wait in the stream after this returns; what is above is written out before.
      const isCopied = typeof chunk !== 'string' && chunk.byteLength < stream.writableHighWaterMark
      if (!stream.write(isCopied ? Uint8Array.from(chunk) : chunk)) {
        await new Promise<void>((resolve) => {
          const wake = () => {
            stream.off('drain', wake)
            waiting.delete(wake)
            resolve()
          }
          waiting.add(wake)
          stream.once('drain', wake)
        })
      }
      throwFailure()
    },
  }
}

function outputError(error: unknown, name: string): IceboxError {
  const system = systemCode(error)
  if (system === 'EPIPE' || system === 'ERR_STREAM_DESTROYED') {
    return new IceboxError('cancelled', {
      message: `the reader of ${name} closed it`,
      context: { outputClosed: true },
      cause: error,
    })
  }
  return new IceboxError(system === 'ENOSPC' || system === 'EDQUOT' ? 'storage/full' : 'storage/io', {
    message: `cannot write to ${name}: ${messageOf(error)}`,
    context: { output: name },
    cause: error,
  })
}

/** True for the error of an output whose reader went away (`| head`). */
export function isOutputClosed(error: unknown): boolean {
  return error instanceof IceboxError && error.code === 'cancelled' && error.context.outputClosed === true
}
