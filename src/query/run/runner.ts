import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { IceboxError } from '../../base/index.ts'
import { Gate, requireArray, requireParameters } from '../../engine/index.ts'
import { WholeFiles } from '../../ingest/index.ts'
import type { QueryServices, StatementOptions, StatementResult } from '../port.ts'
import { quoteText } from '../text/names.ts'
import { splitStatements, type StatementText } from '../text/statements.ts'
import { ShapeCache } from '../views/shape.ts'
import { Spaces } from '../views/space.ts'
import { execute } from './execute.ts'
import type { QueryParts, SessionState } from './query.ts'
import { SessionPool } from './sessions.ts'
import { planRoom, scriptRoom } from './statement-room.ts'

/** Spaces kept for statements over the same snapshots, and the data files that their views may list together. */
const SPACE_LIMITS = { maxSpaces: 32, maxFiles: 50_000 }
/** Footers remembered of files that other tools wrote. */
const MOST_SHAPES = 20_000
const IDLE_SESSIONS = 4
/** Each holds its views and plans while it begins. Others wait in order of arrival. */
const STATEMENTS_AT_ONCE = 16

/** A file that stands for a table's files where only the plan of a statement is asked for. */
interface ProbeFile {
  readonly path: string
  remove(): Promise<void>
}

/** Runs SQL over the tables of a catalog. One for a lakehouse; connections of it hold what a person has set. */
export class QueryRunner implements AsyncDisposable {
  readonly #services: QueryServices
  readonly #parts: QueryParts
  #probe: Promise<ProbeFile> | undefined

  constructor(services: QueryServices) {
    this.#services = services
    this.#parts = {
      catalog: services.catalog,
      io: services.io,
      engine: services.engine,
      sessions: new SessionPool(services.engine, { maxIdle: IDLE_SESSIONS }),
      turns: new Gate(STATEMENTS_AT_ONCE),
      spaces: new Spaces(SPACE_LIMITS),
      shapes: new ShapeCache({ maxFiles: MOST_SHAPES }),
      manifests: services.manifests,
      wholeFiles: new WholeFiles(),
      localFiles: services.localFiles,
      maxValueBytes: services.maxValueBytes,
      arrow: services.arrow ?? {},
      probeFile: async () => (await this.#probeFile()).path,
    }
  }

  connect(): QueryConnection {
    return new QueryConnection(this.#services, this.#parts)
  }

  /** Closes idle sessions; results that are still open must be closed first. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { sessions, spaces } = this.#parts
    if (spaces.size > 0) {
      // The engine may go on for another lakehouse of the process.
      const lease = await sessions.lease(new Map())
      await spaces.trim(lease.session, sessions, { maxSpaces: 0, maxFiles: -1 })
      await lease.release()
    }
    await sessions.close()
    await (await this.#probe)?.remove()
  }

  /** Made once; one that failed is made again by the next. */
  #probeFile(): Promise<ProbeFile> {
    if (this.#probe !== undefined) return this.#probe
    const making = this.#makeProbeFile()
    this.#probe = making
    making.catch(() => {
      if (this.#probe === making) this.#probe = undefined
    })
    return making
  }

  async #makeProbeFile(): Promise<ProbeFile> {
    const { journal, directory } = this.#services.scratch
    const pathOf = (id: string) => join(directory, `probe-${id}.parquet`)
    const entry = await journal.begin({ folders: (id) => [pathOf(id)] })
    const path = pathOf(entry.writeId)
    const remove = async () => {
      await rm(path, { force: true })
      await journal.end(entry)
    }
    const lease = await this.#parts.sessions.lease(new Map())
    try {
      // The largest id below the reserved ones: no table has it.
      await lease.session.run(
        `COPY (SELECT 1 AS probe) TO ${quoteText(path)} (FORMAT parquet, FIELD_IDS {probe: 2147483446})`,
      )
      return { path, remove }
    } catch (error) {
      await remove()
      throw error
    } finally {
      await lease.release()
    }
  }
}

/** What a person has set: the namespace in use and settings. Statements of one connection may run at once. */
export class QueryConnection {
  readonly #services: QueryServices
  readonly #parts: QueryParts
  #state: SessionState = { settings: new Map(), defaultNamespace: undefined }

  constructor(services: QueryServices, parts: QueryParts) {
    this.#services = services
    this.#parts = parts
  }

  get defaultNamespace(): string | undefined {
    return this.#state.defaultNamespace
  }

  /**
   * Runs a script, one statement after the other; the next begins when the result before it was read or is closed.
   * Rejects `sql/*`, `table/*`, `memory/*`, `cancelled`; the statements before the failed one stay done.
   */
  async *run(script: string, options: StatementOptions = {}): AsyncGenerator<StatementResult, void, undefined> {
    using room = await scriptRoom(script, this.#services, options)
    const statements = splitStatements(script, room?.grow)
    checkCall(statements, options)
    for (const statement of statements) {
      const { parameters, ...rest } = options
      const own = takesParameters(statement) && parameters !== undefined ? { ...rest, parameters } : rest
      await using _planning = await planRoom(statement, this.#services, own)
      const { result, state } = await execute(statement, this.#state, own, this.#parts, this.#services)
      if (state !== undefined) this.#state = state
      try {
        yield result
      } finally {
        await result[Symbol.asyncDispose]()
      }
    }
  }
}

/** What is wrong with a call is said before its first statement changes anything. */
function checkCall(
  statements: readonly StatementText[],
  { parameters, isSingle, placeholders }: StatementOptions,
): void {
  if (isSingle === true && statements.length !== 1) {
    const isNone = statements.length === 0
    throw new IceboxError('usage/invalid', {
      message: `query() takes one statement; there ${isNone ? 'is none' : `are ${statements.length}`}`,
      remedy: isNone ? 'write one, such as select 1' : 'use run(), which gives a result for each',
      context: { statements: statements.length },
    })
  }
  if (placeholders !== undefined) checkPlaceholders(statements, placeholders)
  if (parameters !== undefined) requireArray(parameters)
  // Of several statements each that has parameters takes all of them.
  if (parameters !== undefined && !statements.some(takesParameters)) requireParameters(parameters, 0)
}

/** Every value of a template is a parameter of its statement, and nothing else is. */
function checkPlaceholders(statements: readonly StatementText[], placeholders: readonly number[]): void {
  const values = new Map(placeholders.map((start, at) => [start, at + 1]))
  for (const { offset, tokens } of statements) {
    for (const at of tokens.of('parameter')) {
      const token = tokens.at(at)
      if (token === undefined || values.delete(offset + token.start)) continue
      throw new IceboxError('usage/invalid', {
        message: `the template holds the parameter ${token.text}`,
        remedy: 'write ${value} where a value belongs, or use query() with an array of the values',
        context: { parameter: token.text },
      })
    }
  }
  const [stray] = values.values()
  if (stray === undefined) return
  throw new IceboxError('usage/invalid', {
    message: `value ${stray} of the template stands within a string, a quoted name or a comment, where none is bound`,
    remedy: "write ${value} without quotes; || puts texts together: 'a' || ${value}",
    context: { parameter: stray },
  })
}

function takesParameters({ tokens }: StatementText): boolean {
  return tokens.of('parameter').next().done !== true
}
