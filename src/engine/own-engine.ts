import { formatBytes, IceboxError, throwIfCancelled } from '../base/index.ts'
import type { BufferAllocator, EnginePlan } from '../memory/index.ts'
import { HeapBuffers } from './arrow-out/heap-buffers.ts'
import { prepareEnvironment } from './allocator.ts'
import { type Binding, type Connection, type Database, loadBinding } from './binding.ts'
import { engineError } from './errors.ts'
import { Gate } from './gate.ts'
import { type EngineGovernor, MemoryKeeper } from './memory-keeper.ts'
import type { Engine, EngineMemory } from './port.ts'
import { Session } from './session.ts'
import { openSpillFolder, type SpillFolder } from './spill.ts'

export interface OwnEngineOptions {
  readonly plan: EnginePlan
  readonly governor: EngineGovernor
  /** A folder on a disk; the engine makes one of its own in it and removes it. */
  readonly spillDirectory: string
  readonly maxSpillBytes: number
  /** Folders that SQL may touch; undefined: any file of the machine (the command line on one's own machine). */
  readonly allowedDirectories?: readonly string[]
  /** Connections at once (default 16). */
  readonly maxSessions?: number
  /** Where the buffers of Arrow batches come from (default: ArrayBuffers of their own). */
  readonly buffers?: BufferAllocator
}

/**
 * What DuckDB computes ahead of a reader: a chunk or two. It counts vectors and not the texts that they point to: with its
 * default of 1 MB it held all 50,000 texts of 20 kB, 1.0 GB; with this 190 MB, and 2M x 7 rows took no longer.
 */
const STREAMING_BUFFER = '1KB'

/** Partitions that a COPY keeps open, more than writers ask for at once; the default is 100. */
const MAX_OPEN_FILES = 192

/** Native calls that may block at once: one less than the threads of Node's pool. */
const threadPool = (): number => Math.max(1, Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) - 1)

/**
 * Starts DuckDB in this process with the settings that the plan says. Nothing native is loaded before this call.
 * Rejects `engine/unavailable`, `storage/spill-on-memory`, `storage/denied`.
 */
export async function openOwnEngine(options: OwnEngineOptions): Promise<OwnEngine> {
  const spill = await openSpillFolder(options.spillDirectory)
  try {
    prepareEnvironment(options.plan.purgeAboveBytes === undefined ? 'other' : 'purge')
    const binding = await loadBinding()
    const database = await openDatabase(binding, options, spill.path)
    const connection = await binding.connect(database)
    for (const statement of settingsAfterOpen(options, spill.path)) await binding.query(connection, statement)
    return new OwnEngine({ binding, database, connection, spill, options })
  } catch (error) {
    await spill[Symbol.asyncDispose]()
    throw engineError(error, { memoryLimitBytes: options.plan.memoryLimitBytes })
  }
}

/** Settings of memory.md section 4, and nothing fetched from the network behind the user's back. */
function openDatabase(binding: Binding, { plan }: OwnEngineOptions, spillPath: string): Promise<Database> {
  const config = binding.create_config()
  const settings: Record<string, string> = {
    memory_limit: `${plan.memoryLimitBytes}B`,
    threads: String(plan.threads),
    temp_directory: spillPath,
    preserve_insertion_order: 'false',
    partitioned_write_max_open_files: String(MAX_OPEN_FILES),
    enable_external_file_cache: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  }
  for (const [name, value] of Object.entries(settings)) binding.set_config(config, name, value)
  return binding.open(':memory:', config)
}

function settingsAfterOpen({ allowedDirectories, maxSpillBytes }: OwnEngineOptions, spillPath: string): string[] {
  const settings = [
    "SET GLOBAL TimeZone = 'UTC'",
    // Given with the configuration it is shown by DuckDB and not kept (1.5.5).
    `SET GLOBAL max_temp_directory_size = '${maxSpillBytes}B'`,
  ]
  if (allowedDirectories !== undefined) {
    const list = [...allowedDirectories, spillPath].map((path) => `'${path.replaceAll("'", "''")}'`).join(', ')
    settings.push(
      `SET GLOBAL allowed_directories = [${list}]`,
      "SET GLOBAL allowed_paths = ['/dev/null']",
      'SET GLOBAL enable_external_access = false',
    )
  }
  return settings
}

/** Some 10 kB each in DuckDB, and what their results hold, which the engine's limit counts. */
const MOST_SESSIONS = 1_000

interface Parts {
  readonly binding: Binding
  readonly database: Database
  /** For settings and figures of the engine itself; never handed out. */
  readonly connection: Connection
  readonly spill: SpillFolder
  readonly options: OwnEngineOptions
}

export class OwnEngine implements Engine {
  readonly #parts: Parts
  readonly #calls = new Gate(threadPool())
  readonly #sessions = new Set<Session>()
  #connecting = 0
  readonly #keeper: MemoryKeeper
  readonly #buffers: BufferAllocator
  readonly #functions = new Set<string>()
  /** Threads that running statements asked for, oldest first. */
  readonly #threadWishes: { readonly count: number }[] = []
  /** What DuckDB was told last; unknown after it refused. */
  #threadsSet: number | undefined
  #threadsTurn: Promise<void> = Promise.resolve()
  #plan: EnginePlan
  #isClosed = false

  constructor(parts: Parts) {
    const { governor, plan, buffers } = parts.options
    this.#parts = parts
    this.#plan = plan
    this.#threadsSet = plan.threads
    this.#buffers = buffers ?? new HeapBuffers()
    this.#keeper = new MemoryKeeper({ governor, plan, spill: parts.spill })
  }

  get plan(): EnginePlan {
    return this.#plan
  }

  get threads(): number {
    return this.#plan.threads
  }

  get memoryLimitBytes(): number {
    return this.#plan.memoryLimitBytes
  }

  async follow(plan: EnginePlan, isUrgent = false): Promise<void> {
    // Between native calls: DuckDB lowers its limit under a running one slowly or not at all.
    if (plan.memoryLimitBytes < this.memoryLimitBytes && !isUrgent) return this.#calls.alone(() => this.#apply(plan))
    return this.#apply(plan)
  }

  async session(signal?: AbortSignal): Promise<Session> {
    throwIfCancelled(signal)
    const { binding, database, options } = this.#parts
    const most = options.maxSessions ?? MOST_SESSIONS
    if (this.#sessions.size + this.#connecting >= most) throw tooManySessions(most)
    const limitBytes = () => this.memoryLimitBytes
    this.#connecting++
    try {
      if (this.#isClosed) throw new IceboxError('internal/unreachable', { message: 'a closed engine was used' })
      const connection = await binding.connect(database)
      await binding.query(connection, `SET streaming_buffer_size = '${STREAMING_BUFFER}'`)
      const session: Session = new Session({
        binding,
        connection,
        get memoryLimitBytes() {
          return limitBytes()
        },
        gate: this.#calls,
        keeper: this.#keeper,
        buffers: this.#buffers,
        functions: this.#functions,
        useThreads: (count) => this.#useThreads(count),
        openResults: () => [...this.#sessions].filter(({ hasOpenResult }) => hasOpenResult).length,
        onClose: () => {
          this.#sessions.delete(session)
        },
      })
      this.#sessions.add(session)
      return session
    } catch (error) {
      throw engineError(error, { memoryLimitBytes: this.memoryLimitBytes })
    } finally {
      this.#connecting--
    }
  }

  async memory(): Promise<EngineMemory> {
    const { binding, connection, spill } = this.#parts
    const result = await binding
      .query(connection, 'SELECT sum(memory_usage_bytes)::DOUBLE FROM duckdb_memory()')
      .catch((error: unknown) => {
        throw engineError(error, { memoryLimitBytes: this.memoryLimitBytes })
      })
    const bytes = binding.vector_get_data(binding.data_chunk_get_vector(binding.result_get_chunk(result, 0), 0), 8)
    return {
      usedBytes: new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true),
      limitBytes: this.memoryLimitBytes,
      residentBytes: (await this.#keeper.figures())?.residentBytes,
      spilledBytes: await spill.usedBytes(),
    }
  }

  giveBack(): Promise<void> {
    this.#keeper.giveBack()
    return Promise.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const session of this.#sessions) await session[Symbol.asyncDispose]()
    const { binding, database, connection, spill } = this.#parts
    binding.disconnect_sync(connection)
    binding.close_sync(database)
    // The next engine of the process would take what stays for its base.
    this.#keeper.giveBack()
    this.#keeper[Symbol.dispose]()
    await spill[Symbol.asyncDispose]()
  }

  async #apply(plan: EnginePlan): Promise<void> {
    const { binding, connection } = this.#parts
    try {
      await binding.query(connection, `SET GLOBAL memory_limit = '${plan.memoryLimitBytes}B'`)
    } catch (error) {
      const { usedBytes } = await this.memory()
      throw new IceboxError('memory/refused', {
        message: `the engine cannot shrink from ${formatBytes(this.memoryLimitBytes)} to ${formatBytes(plan.memoryLimitBytes)}: results that are still read hold ${formatBytes(usedBytes)} of it`,
        remedy: 'read those results to their end or close them, then try again',
        context: { usedBytes, limitBytes: this.memoryLimitBytes, askedLimitBytes: plan.memoryLimitBytes },
        cause: error,
        retryable: true,
      })
    }
    this.#plan = plan
    this.#keeper.follow(plan)
    await this.#setThreads()
  }

  /** DuckDB's threads are of the whole instance: the latest wish holds, and the plan's number when none is left. */
  async #useThreads(count: number): Promise<() => Promise<void>> {
    const wish = { count }
    this.#threadWishes.push(wish)
    await this.#setThreads()
    return async () => {
      this.#threadWishes.splice(this.#threadWishes.indexOf(wish), 1)
      await this.#setThreads()
    }
  }

  /** One after the other, so that the last that was told is the last that was wished. */
  #setThreads(): Promise<void> {
    const turn = this.#threadsTurn.then(() => this.#tellThreads())
    this.#threadsTurn = turn.catch(() => undefined)
    return turn
  }

  /** Where other statements have all memory it stays as it is until the next change: a wish for threads is no reason to fail. */
  async #tellThreads(): Promise<void> {
    const { binding, connection } = this.#parts
    const { count } = this.#threadWishes.at(-1) ?? { count: this.threads }
    if (count === this.#threadsSet) return
    this.#threadsSet = undefined
    try {
      await binding.query(connection, `SET GLOBAL threads = ${count}`)
      this.#threadsSet = count
    } catch (error) {
      const told = engineError(error, { memoryLimitBytes: this.memoryLimitBytes })
      if (told.code !== 'memory/exhausted') throw told
    }
  }
}

function tooManySessions(most: number): IceboxError {
  return new IceboxError('memory/refused', {
    message: `${most} statements and results are open, which is the most`,
    remedy: 'read results to their end or close them (leave the loop), then try again',
    context: { mostSessions: most },
    retryable: true,
  })
}
