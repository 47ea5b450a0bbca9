import { IceboxError, throwIfCancelled } from '../base/index.ts'
import type { BufferAllocator } from '../memory/index.ts'
import { type Binding, type Connection, type PreparedStatement, type Result, STATEMENT_KINDS } from './binding.ts'
import { engineError, type FailureScene } from './errors.ts'
import type { Gate } from './gate.ts'
import { requireRoomForFirst } from './chunk-memory.ts'
import type { MemoryKeeper } from './memory-keeper.ts'
import { bindParameters } from './parameters.ts'
import { discardingRows, ResultRows } from './result-rows.ts'
import { allRows } from './all-rows.ts'
import type { EngineSession, RunOptions, ScalarFunction, SqlValue } from './port.ts'
import { appendArrowBatches } from './arrow-append.ts'
import { registerScalarFunction } from './scalar-function.ts'
import { parseStatements } from './statements.ts'

const PROGRESS_INTERVAL_MS = 250
const INTERRUPT_AGAIN_MS = 50

/** What a session needs of the engine that made it. */
export interface SessionHost {
  readonly binding: Binding
  readonly connection: Connection
  readonly memoryLimitBytes: number
  /** Native calls that may run at once; each blocks a thread of Node's pool. */
  readonly gate: Gate
  readonly keeper: MemoryKeeper
  readonly buffers: BufferAllocator
  /** Functions that the instance has; they are of all its sessions. */
  readonly functions: Set<string>
  /** Sets the engine's threads until the function that it answers with is called. */
  readonly useThreads: (count: number) => Promise<() => Promise<void>>
  /** Results of all sessions that are not read to their end. */
  readonly openResults: () => number
  readonly onClose: () => void
}

interface StatementThreads extends AsyncDisposable {
  /** Nothing is computed ahead from now on. */
  readonly useOne: () => Promise<void>
}

/** One connection. A statement at a time: others wait for it; a result stream that is open must be closed first. */
export class Session implements EngineSession {
  readonly generation = 0
  readonly isLost = false
  readonly #host: SessionHost
  #last: Promise<unknown> = Promise.resolve()
  #open: ResultRows | undefined
  #isClosed = false
  #countsProgress = false

  constructor(host: SessionHost) {
    this.#host = host
  }

  get hasOpenResult(): boolean {
    return this.#open !== undefined
  }

  async run(sql: string, options: RunOptions = {}): Promise<void> {
    await this.#inTurn(options, async () => {
      const { binding, connection } = this.#host
      await using _threads = await this.#withThreads(options)
      if (options.parameters === undefined || options.parameters.length === 0) {
        await this.#execute(() => binding.query(connection, sql), options)
        return
      }
      const prepared = await this.#prepareLast(sql, options)
      try {
        await this.#execute(() => binding.execute_prepared(prepared), options)
      } finally {
        binding.destroy_prepare_sync(prepared)
      }
    })
  }

  async all(sql: string, options: RunOptions = {}): Promise<Record<string, SqlValue>[]> {
    await using stream = await this.stream(sql, options)
    return await allRows(stream)
  }

  async stream(sql: string, options: RunOptions = {}): Promise<ResultRows> {
    return this.#inTurn(options, async () => {
      const threads = await this.#withThreads(options)
      try {
        const result = await this.#begin(sql, options, threads)
        const rows: ResultRows = new ResultRows({
          host: this.#host,
          result,
          signal: options.signal,
          maxValueBytes: options.maxValueBytes,
          room: this.#host.keeper,
          useOneThread: threads.useOne,
          buffers: this.#host.buffers,
          execute: (act) => this.#execute(act, options),
          explainFailure: () => this.#explainFailure(sql, options),
          onClose: async () => {
            if (this.#open === rows) this.#open = undefined
            // The rows were computed as they were read: the threads were the statement's until now.
            await threads[Symbol.asyncDispose]()
          },
        })
        this.#open = rows
        return rows
      } catch (error) {
        await threads[Symbol.asyncDispose]()
        throw error
      }
    })
  }

  async statementKinds(sql: string): Promise<readonly string[]> {
    return this.#inTurn({}, async () => {
      const { binding, connection } = this.#host
      const { handle, count } = await parseStatements(binding, connection, sql, this.#host.memoryLimitBytes)
      const kinds: string[] = []
      for (let index = 0; index < count; index++) {
        const prepared = await binding
          .prepare_extracted_statement(connection, handle, index)
          .catch((error: unknown) => {
            throw engineError(error, this.#scene())
          })
        kinds.push(STATEMENT_KINDS[binding.prepared_statement_type(prepared)] ?? 'INVALID')
        binding.destroy_prepare_sync(prepared)
      }
      return kinds
    })
  }

  async registerScalar(definition: ScalarFunction): Promise<void> {
    await this.#inTurn({}, async () => {
      if (this.#host.functions.has(definition.name)) return
      registerScalarFunction(this.#host.binding, this.#host.connection, definition)
      this.#host.functions.add(definition.name)
    })
  }

  async appendArrow(table: string, batches: AsyncIterable<unknown>, options: RunOptions = {}): Promise<number> {
    return this.#inTurn(options, () => appendArrowBatches(this.#host, table, batches, options.signal))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#open?.[Symbol.asyncDispose]()
    await this.#last.catch(() => undefined)
    this.#host.binding.disconnect_sync(this.#host.connection)
    this.#host.onClose()
  }

  /** Runs after what was asked before it; a failure of that is not ours. */
  #inTurn<T>(options: RunOptions, act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(async () => {
      if (this.#isClosed) throw new IceboxError('internal/unreachable', { message: 'a closed session was used' })
      if (this.#open !== undefined) {
        throw new IceboxError('internal/unreachable', {
          message: 'a session was used while a result of it is open',
          remedy: 'read the result to its end or close it, or use another session',
        })
      }
      throwIfCancelled(options.signal)
      return act()
    })
    this.#last = turn.catch(() => undefined)
    return turn
  }

  /** The engine has the threads that the statement asks for, or one later, until this is disposed. */
  async #withThreads({ threads }: RunOptions): Promise<StatementThreads> {
    const restores: (() => Promise<void>)[] = []
    const take = async (count: number): Promise<void> => {
      restores.push(await this.#host.useThreads(count))
    }
    if (threads !== undefined) await take(threads)
    let isOne = false
    return {
      useOne: async () => {
        if (isOne) return
        isOne = true
        await take(1)
      },
      [Symbol.asyncDispose]: async () => {
        for (const restore of restores.splice(0).reverse()) await restore()
      },
    }
  }

  async #begin(sql: string, options: RunOptions, threads: StatementThreads): Promise<Result> {
    const { binding, connection, keeper } = this.#host
    if (options.isSmallResult === true) return await this.#execute(() => binding.query(connection, sql), options)
    const prepared = await this.#prepareLast(sql, options)
    try {
      if (requireRoomForFirst(columnTypeIds(binding, prepared), keeper).isTight) await threads.useOne()
      return await this.#execute(() => binding.execute_prepared_streaming(prepared), options)
    } finally {
      binding.destroy_prepare_sync(prepared)
    }
  }

  /** Runs all statements of the text but the last, and prepares that with its parameters bound. */
  async #prepareLast(sql: string, options: RunOptions): Promise<PreparedStatement> {
    const { binding, connection } = this.#host
    const { handle, count } = await parseStatements(binding, connection, sql, this.#host.memoryLimitBytes)
    if (count === 0) {
      throw new IceboxError('sql/syntax', { message: 'there is no statement in the text', remedy: 'write one' })
    }
    for (let index = 0; index < count; index++) {
      const prepared = await this.#execute(
        () => binding.prepare_extracted_statement(connection, handle, index),
        options,
      )
      if (index === count - 1) {
        try {
          bindParameters(binding, prepared, options.parameters ?? [])
        } catch (error) {
          binding.destroy_prepare_sync(prepared)
          throw engineError(error, this.#scene())
        }
        return prepared
      }
      try {
        await this.#execute(() => binding.execute_prepared(prepared), options)
      } finally {
        binding.destroy_prepare_sync(prepared)
      }
    }
    throw new IceboxError('internal/unreachable', { message: 'no last statement' })
  }

  /**
   * Why a stream failed after its first rows: the binding tells that it failed and not why, so the statement is run
   * once more with its rows thrown away, and fails with its reason.
   */
  async #explainFailure(sql: string, options: RunOptions): Promise<IceboxError> {
    const { binding } = this.#host
    try {
      const prepared = await this.#prepareLast(discardingRows(sql), options)
      try {
        await this.#execute(() => binding.execute_prepared(prepared), options)
      } finally {
        binding.destroy_prepare_sync(prepared)
      }
    } catch (error) {
      const reason = engineError(error, this.#scene())
      // The wrapped text can be what cannot be parsed (several statements, SHOW); that is not the reason.
      if (reason.code !== 'sql/syntax') return reason
    }
    return new IceboxError('engine/failed', {
      message: 'the statement failed while its rows were read; run once more to find the reason, it did not fail',
      remedy: 'try again; if memory was short, raise performance.memory.max_usage',
      retryable: true,
    })
  }

  #scene(signal?: AbortSignal): FailureScene {
    const { memoryLimitBytes, openResults } = this.#host
    return { signal, memoryLimitBytes, otherResults: openResults() - (this.#open === undefined ? 0 : 1) }
  }

  /** A native call: counted at the gate, interrupted by the signal, its progress reported, its error converted. */
  async #execute<T>(act: () => Promise<T>, options: RunOptions): Promise<T> {
    const { binding, connection, gate, keeper } = this.#host
    const { signal, onProgress } = options
    await gate.enter(signal)
    keeper.enter()
    let again: NodeJS.Timeout | undefined
    const interrupt = () => {
      // Once may be too early: the flag is cleared when the statement starts.
      binding.interrupt(connection)
      again ??= setInterval(() => binding.interrupt(connection), INTERRUPT_AGAIN_MS)
    }
    const ticker =
      onProgress === undefined
        ? undefined
        : setInterval(() => {
            const { percentage, rows_processed: rows } = binding.query_progress(connection)
            onProgress({
              fraction: percentage < 0 ? undefined : Math.min(1, percentage / 100),
              rows: rows <= 0n ? undefined : Number(rows),
            })
          }, PROGRESS_INTERVAL_MS)
    try {
      throwIfCancelled(signal)
      if (onProgress !== undefined && !this.#countsProgress) {
        // DuckDB counts progress only where its bar is on (0.8% of an import); showing it is ours.
        await binding.query(connection, 'SET enable_progress_bar = true; SET enable_progress_bar_print = false')
        this.#countsProgress = true
      }
      signal?.addEventListener('abort', interrupt, { once: true })
      return await act()
    } catch (error) {
      throw engineError(error, this.#scene(signal))
    } finally {
      signal?.removeEventListener('abort', interrupt)
      clearInterval(again)
      clearInterval(ticker)
      keeper.leave()
      gate.leave()
    }
  }
}

function columnTypeIds(binding: Binding, prepared: PreparedStatement): number[] {
  const count = binding.prepared_statement_column_count(prepared)
  return Array.from({ length: count }, (_, at) => binding.prepared_statement_column_type(prepared, at))
}
