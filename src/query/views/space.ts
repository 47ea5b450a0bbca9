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

/** A database of the engine that holds views of statements (query.md, step 2). Statements over the same snapshots share it. */
export interface Space {
  readonly database: string
}

/** What a statement found in a space. */
export interface Views {
  readonly space: Space
  /** How its tables were planned. */
  readonly reports: readonly TableScanReport[]
}

interface Entry {
  readonly key: string
  readonly made: Promise<BuiltView>
}

interface OpenSpace extends Space {
  readonly opened: Promise<void>
  /** Settles when nobody creates anything: two at once would conflict in the engine's catalog. */
  changed: Promise<void>
  /** By schema and name; a name stands for one key as long as the space lives. */
  readonly views: Map<string, Entry>
  /** Data files that the views list. */
  files: number
  users: number
  /** A view could not be made and may have left something behind: nothing is added any more. */
  isSpoiled: boolean
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

/** Views of one space: more would only make it large for those that use few. */
const MOST_VIEWS = 64
/** Names whose numbers are remembered. */
const MOST_NUMBERS = 10_000

/**
 * The spaces of an engine. Statements stand in a space that has all of their views, and one that lacks some gets them: most
 * statements find the tables of earlier ones made. A space is kept while it is used, and after that until it is the least
 * recently used above the limits.
 */
export class Spaces {
  readonly #limits: SpaceLimits
  /** The most recently used stands last. */
  readonly #spaces = new Set<OpenSpace>()
  #numbers = new Map<string, number>()
  #lastNumber = 0
  /** The process of the engine that the spaces are in: they are gone with it. */
  #generation = 0
  /** Of the process: the lakehouses open in it share one engine. */
  static #made = 0

  constructor(limits: SpaceLimits) {
    this.#limits = limits
  }

  /** The number by which a view's columns and helper relations are named: of its own, so that views can share a space. */
  numberOf(view: { readonly schemaName: string; readonly viewName: string }): number {
    const name = nameOf(view.schemaName, view.viewName)
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    if (this.#numbers.size >= MOST_NUMBERS) this.#numbers = new Map()
    this.#numbers.set(name, ++this.#lastNumber)
    return this.#lastNumber
  }

  /**
   * A space with these views; the caller gives it back with {@link release}. `words` are the names that the statement
   * mentions, in lower case: none of them may mean a view of the space that was not asked for.
   */
  async acquire(
    views: readonly ViewRequest[],
    words: ReadonlySet<string>,
    session: EngineSession,
    signal: AbortSignal | undefined,
  ): Promise<Views> {
    this.#forgetLost(session)
    const space = this.#fitting(views, words) ?? this.#open(session)
    space.users++
    this.#spaces.delete(space)
    this.#spaces.add(space)
    try {
      const missing = views.filter((view) => !space.views.has(nameOf(view.schema, view.name)))
      if (missing.length > 0) this.#grow(space, missing, session, signal)
      await space.opened
      const made = views.flatMap((view) => space.views.get(nameOf(view.schema, view.name))?.made ?? [])
      return { space, reports: (await Promise.all(made)).flatMap((view) => view.report ?? []) }
    } catch (error) {
      space.users--
      // Another statement that made the same view was cancelled; this one was not.
      if (isIceboxError(error, 'cancelled') && signal?.aborted !== true)
        return this.acquire(views, words, session, signal)
      throw error
    }
  }

  release(space: Space): void {
    for (const open of this.#spaces) if (open === space) open.users--
  }

  get size(): number {
    return this.#spaces.size
  }

  /** Detaches what is above the limits and where nobody stands. */
  async trim(session: EngineSession, standing: Standing, limits = this.#limits): Promise<void> {
    this.#forgetLost(session)
    let files = [...this.#spaces].reduce((sum, space) => sum + space.files, 0)
    for (const space of this.#spaces) {
      if (this.#spaces.size <= limits.maxSpaces && files <= limits.maxFiles) return
      if (space.users > 0 || standing.isStoodIn(space.database)) continue
      this.#spaces.delete(space)
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
  }

  /** The most recently used space in which every view is there, or can be made. */
  #fitting(views: readonly ViewRequest[], words: ReadonlySet<string>): OpenSpace | undefined {
    const asked = new Map(views.map((view) => [nameOf(view.schema, view.name), view]))
    return [...this.#spaces].reverse().find((space) => {
      const missing = [...asked.keys()].filter((name) => !space.views.has(name))
      if (missing.length > 0 && (space.isSpoiled || space.views.size + missing.length > MOST_VIEWS)) return false
      return [...space.views].every(([name, entry]) => {
        const view = asked.get(name)
        return view === undefined ? !words.has(unqualified(name)) : view.key === entry.key
      })
    })
  }

  #open(session: EngineSession): OpenSpace {
    const database = `icebox ${++Spaces.#made}`
    const opened = session.run(
      `ATTACH ':memory:' AS ${quoteName(database)}; CREATE SCHEMA ${quoteName(database)}.${quoteName(HELPERS)}`,
    )
    const changed = opened.catch(() => undefined)
    const space: OpenSpace = { database, opened, changed, views: new Map(), files: 0, users: 0, isSpoiled: false }
    this.#spaces.add(space)
    opened.catch(() => this.#spaces.delete(space))
    return space
  }

  /** Enters the views at once, so that other statements wait for them instead of making them too. */
  #grow(
    space: OpenSpace,
    views: readonly ViewRequest[],
    session: EngineSession,
    signal: AbortSignal | undefined,
  ): void {
    const making = this.#make(space, views, session, signal)
    for (const [at, view] of views.entries()) {
      const made = making.then((built) => built[at] ?? { select: '', files: 0 })
      const name = nameOf(view.schema, view.name)
      space.views.set(name, { key: view.key, made })
      made.catch(() => {
        space.isSpoiled = true
        space.views.delete(name)
      })
    }
  }

  async #make(
    space: OpenSpace,
    views: readonly ViewRequest[],
    session: EngineSession,
    signal: AbortSignal | undefined,
  ): Promise<BuiltView[]> {
    await space.opened
    const database = quoteName(space.database)
    const helperSchema = `${database}.${quoteName(HELPERS)}`
    const schemas = new Set(views.map((view) => view.schema))
    const script = [...schemas].map((schema) => `CREATE SCHEMA IF NOT EXISTS ${database}.${quoteName(schema)}`)
    // Manifests of all tables are read side by side; one that fails must not leave the others at work.
    const built = await Promise.allSettled(views.map((view) => view.build({ session, helperSchema, signal })))
    const made = built.map((view) => {
      if (view.status === 'rejected') throw view.reason
      return view.value
    })
    for (const [at, { select, files }] of made.entries()) {
      const view = views[at]
      space.files += files
      if (view !== undefined)
        script.push(`CREATE VIEW ${database}.${quoteName(view.schema)}.${quoteName(view.name)} AS ${select}`)
    }
    const created = space.changed.then(() => session.run(script.join('; '), signal === undefined ? {} : { signal }))
    space.changed = created.catch(() => undefined)
    await created
    return made
  }
}

function nameOf(schema: string, view: string): string {
  return `${schema}\n${view}`
}

function unqualified(name: string): string {
  return name.slice(name.indexOf('\n') + 1).toLowerCase()
}
