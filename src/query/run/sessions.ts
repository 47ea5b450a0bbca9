import type { Engine, EngineSession } from '../../engine/index.ts'
import { quoteName, quoteText } from '../text/names.ts'

/** An engine session on loan. */
export interface Lease {
  readonly session: EngineSession
  /** Takes a person's settings off for what follows: what is derived when files are written must not depend on them. */
  unset(): Promise<void>
  /** Makes the space's views what names mean; undefined: no tables at all. */
  use(database: string | undefined, schema?: string): Promise<void>
  /** Whether operators gather small chunks into vectors, until the session is given back. */
  gather(mayGather: boolean): Promise<void>
  readonly gathers: boolean
  /** Gives the session back; a session whose state is in doubt is closed. */
  release(): Promise<void>
}

interface Pooled {
  readonly session: EngineSession
  current: string
  settings: ReadonlyMap<string, string>
  gathers: boolean
}

const HOME = 'memory'

/** Sessions kept between statements: opening one and standing in the right space cost as much as a small query. */
export class SessionPool {
  readonly #engine: () => Promise<Engine>
  readonly #maxIdle: number
  #idle: Pooled[] = []
  readonly #leased = new Set<Pooled>()
  #isClosed = false

  constructor(engine: () => Promise<Engine>, options: { readonly maxIdle: number }) {
    this.#engine = engine
    this.#maxIdle = options.maxIdle
  }

  /** A session with these settings (name to SQL value) and no others of a user. `near`: the space it best stands in. */
  async lease(settings: ReadonlyMap<string, string>): Promise<Lease> {
    const pooled = (await this.#idleOne()) ?? {
      session: await (await this.#engine()).session(),
      current: HOME,
      settings: new Map<string, string>(),
      gathers: true,
    }
    try {
      await applySettings(pooled, settings)
    } catch (error) {
      await pooled.session[Symbol.asyncDispose]()
      throw error
    }
    this.#leased.add(pooled)
    let isReleased = false
    return {
      session: pooled.session,
      unset: () => applySettings(pooled, new Map()),
      use: (database, schema) => use(pooled, database, schema),
      gather: (mayGather) => gather(pooled, mayGather),
      get gathers() {
        return pooled.gathers
      },
      release: async () => {
        if (isReleased) return
        isReleased = true
        this.#leased.delete(pooled)
        const mayStay = !this.#isClosed && this.#idle.length < this.#maxIdle
        if (mayStay && !pooled.session.isLost) this.#idle.push(pooled)
        else await pooled.session[Symbol.asyncDispose]()
      },
    }
  }

  /** An idle session; those whose engine has died are closed on the way. */
  async #idleOne(): Promise<Pooled | undefined> {
    for (;;) {
      const pooled = this.#idle.pop()
      if (pooled === undefined || !pooled.session.isLost) return pooled
      await pooled.session[Symbol.asyncDispose]()
    }
  }

  /** True where a session on loan still stands in the space: it cannot be detached now. */
  isStoodIn(database: string): boolean {
    return [...this.#leased].some((pooled) => standsIn(pooled, database))
  }

  /** Moves idle sessions out of a space that is to be detached. */
  async leave(database: string): Promise<void> {
    const standing = this.#idle.filter((pooled) => !pooled.session.isLost && standsIn(pooled, database))
    // Nobody may borrow them meanwhile.
    this.#idle = this.#idle.filter((pooled) => !standing.includes(pooled))
    for (const pooled of standing) {
      await use(pooled, undefined)
      this.#idle.push(pooled)
    }
  }

  /** Closes idle sessions, and those on loan when they are given back. */
  async close(): Promise<void> {
    this.#isClosed = true
    const idle = this.#idle
    this.#idle = []
    for (const { session } of idle) await session[Symbol.asyncDispose]()
  }
}

function standsIn(pooled: Pooled, database: string): boolean {
  const name = quoteName(database)
  return pooled.current === name || pooled.current.startsWith(`${name}.`)
}

async function use(pooled: Pooled, database: string | undefined, schema?: string): Promise<void> {
  const target =
    database === undefined
      ? HOME
      : schema === undefined
        ? quoteName(database)
        : `${quoteName(database)}.${quoteName(schema)}`
  if (pooled.current === target) return
  await pooled.session.run(`USE ${target}`)
  pooled.current = target
}

async function gather(pooled: Pooled, mayGather: boolean): Promise<void> {
  if (pooled.gathers === mayGather) return
  await pooled.session.run(`SET SESSION enable_caching_operators = ${mayGather}`)
  pooled.gathers = mayGather
}

async function applySettings(pooled: Pooled, settings: ReadonlyMap<string, string>): Promise<void> {
  if (pooled.settings === settings) return
  for (const name of pooled.settings.keys()) {
    if (!settings.has(name)) await pooled.session.run(`RESET SESSION ${name}`)
  }
  for (const [name, value] of settings) {
    if (pooled.settings.get(name) !== value) await pooled.session.run(`SET SESSION ${name} = ${quoteText(value)}`)
  }
  pooled.settings = settings
}
