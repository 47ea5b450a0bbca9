import { isIceboxError } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import type { TableScanReport } from '../port.ts'
import { quoteName } from '../text/names.ts'

/** One view to be made in a space. */
export interface ViewRequest {
  readonly schema: string
  readonly name: string
  /** What the view shows, as text: equal keys give equal rows for ever. */
  readonly key: string
  /** Data files that the view will list, for the limit of what is kept. */
  readonly build: (builder: SpaceBuilder) => Promise<BuiltView>
}

export interface BuiltView {
  readonly select: string
  readonly files: number
  readonly report?: TableScanReport
}

export interface SpaceBuilder {
  readonly session: EngineSession
  /** Quoted; a schema of the space for relations that views need. */
  readonly helperSchema: string
  readonly signal: AbortSignal | undefined
}

/** A database of the engine that holds the views of one statement, or of equal ones (query.md, step 2). */
export interface Space {
  readonly database: string
  readonly key: string
  /** How the tables of its views were planned. */
  readonly reports: readonly TableScanReport[]
  files: number
  users: number
}

export interface SpaceLimits {
  readonly maxSpaces: number
  /** Data files listed in the views of all kept spaces: their text is memory. */
  readonly maxFiles: number
}

/** Which sessions stand in a space. */
export interface Standing {
  isStoodIn(database: string): boolean
  leave(database: string): Promise<void>
}

/** The schema of helper relations: no namespace can be called so. */
const HELPERS = 'icebox·helpers'

/**
 * The spaces of an engine. A space is kept while it is used, and after that until it is the least recently used above the
 * limits; a statement over the same snapshots finds its views made.
 */
export class Spaces {
  readonly #limits: SpaceLimits
  readonly #spaces = new Map<string, Promise<Space>>()
  readonly #ready = new Map<string, Space>()
  /** The process of the engine that the spaces are in: they are gone with it. */
  #generation = 0
  /** Of the process: the lakehouses open in it share one engine. */
  static #made = 0

  constructor(limits: SpaceLimits) {
    this.#limits = limits
  }

  /** A space with exactly these views; the caller gives it back with {@link release}. */
  async acquire(
    views: readonly ViewRequest[],
    session: EngineSession,
    signal: AbortSignal | undefined,
  ): Promise<Space> {
    this.#forgetLost(session)
    const key = views.map((view) => `${view.schema}\n${view.name}\n${view.key}`).join('\n\n')
    let making = this.#spaces.get(key)
    if (making === undefined) {
      making = this.#make(key, views, session, signal)
      this.#spaces.set(key, making)
      const mine = making
      making.catch(() => {
        if (this.#spaces.get(key) === mine) this.#spaces.delete(key)
      })
    }
    let space: Space
    try {
      space = await making
    } catch (error) {
      // Another statement that made the same space was cancelled; this one was not.
      if (isIceboxError(error, 'cancelled') && signal?.aborted !== true) return this.acquire(views, session, signal)
      throw error
    }
    space.users++
    // The most recently used stands last.
    this.#ready.delete(key)
    this.#ready.set(key, space)
    return space
  }

  release(space: Space): void {
    space.users--
  }

  get size(): number {
    return this.#ready.size
  }

  /** Detaches what is above the limits and where nobody stands. */
  async trim(session: EngineSession, standing: Standing, limits = this.#limits): Promise<void> {
    this.#forgetLost(session)
    let files = [...this.#ready.values()].reduce((sum, space) => sum + space.files, 0)
    for (const [key, space] of this.#ready) {
      if (this.#ready.size <= limits.maxSpaces && files <= limits.maxFiles) return
      if (space.users > 0 || standing.isStoodIn(space.database)) continue
      this.#ready.delete(key)
      this.#spaces.delete(key)
      files -= space.files
      await standing.leave(space.database)
      await session.run(`DETACH ${quoteName(space.database)}`)
    }
  }

  /** Spaces of a process that has died; statements that still hold one fail by themselves. */
  #forgetLost({ generation }: EngineSession): void {
    if (generation <= this.#generation) return
    this.#generation = generation
    this.#spaces.clear()
    this.#ready.clear()
  }

  async #make(
    key: string,
    views: readonly ViewRequest[],
    session: EngineSession,
    signal: AbortSignal | undefined,
  ): Promise<Space> {
    const database = `icebox ${++Spaces.#made}`
    const quoted = quoteName(database)
    const schemas = [...new Set([HELPERS, ...views.map((view) => view.schema)])]
    const script = schemas.map((schema) => `CREATE SCHEMA IF NOT EXISTS ${quoted}.${quoteName(schema)}`)
    await session.run([`ATTACH ':memory:' AS ${quoted}`, ...script].join('; '))
    const reports: TableScanReport[] = []
    const space: Space = { database, key, reports, files: 0, users: 0 }
    try {
      const helperSchema = `${quoted}.${quoteName(HELPERS)}`
      const creates: string[] = []
      for (const view of views) {
        const { select, files, report } = await view.build({ session, helperSchema, signal })
        space.files += files
        if (report !== undefined) reports.push(report)
        creates.push(`CREATE VIEW ${quoted}.${quoteName(view.schema)}.${quoteName(view.name)} AS ${select}`)
      }
      if (creates.length > 0) await session.run(creates.join('; '), signal === undefined ? {} : { signal })
      return space
    } catch (error) {
      await session.run(`DETACH ${quoted}`)
      throw error
    }
  }
}
