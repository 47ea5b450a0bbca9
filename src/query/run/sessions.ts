import type { Engine, EngineSession } from '../../engine/index.ts'
import { quoteName, quoteText } from '../text/names.ts'

/** An engine session on loan. */
export interface Lease {
  readonly session: EngineSession
  /** Makes the space's views what names mean; undefined: no tables at all. */
  use(database: string | undefined, schema?: string): Promise<void>
  /** Gives the session back; a session whose state is in doubt is closed. */
  release(): Promise<void>
}

interface Pooled {
  readonly session: EngineSession
  current: string
  settings: ReadonlyMap<string, string>
}

const HOME = 'memory'

/** Sessions kept between statements: opening one and standing in the right space cost as much as a small query. */
export class SessionPool {
  readonly #engine: () => Promise<Engine>
  readonly #maxIdle: number
  #idle: Pooled[] = []

  constructor(engine: () => Promise<Engine>, options: { readonly maxIdle: number }) {
    this.#engine = engine
    this.#maxIdle = options.maxIdle
  }

  /** A session with these settings (name to SQL value) and no others of a user. `near`: the space it best stands in. */
  async lease(settings: ReadonlyMap<string, string>): Promise<Lease> {
    const pooled = this.#idle.pop() ?? {
      session: await (await this.#engine()).session(),
      current: HOME,
      settings: new Map<string, string>(),
    }
    try {
      await applySettings(pooled, settings)
    } catch (error) {
      await pooled.session[Symbol.asyncDispose]()
      throw error
    }
    let isReleased = false
    return {
      session: pooled.session,
      use: (database, schema) => use(pooled, database, schema),
      release: async () => {
        if (isReleased) return
        isReleased = true
        if (this.#idle.length < this.#maxIdle) this.#idle.push(pooled)
        else await pooled.session[Symbol.asyncDispose]()
      },
    }
  }

  /** Moves idle sessions out of a space that is to be detached. */
  async leave(database: string): Promise<void> {
    for (const pooled of this.#idle) {
      if (pooled.current.startsWith(quoteName(database))) await use(pooled, undefined)
    }
  }

  async close(): Promise<void> {
    const idle = this.#idle
    this.#idle = []
    for (const { session } of idle) await session[Symbol.asyncDispose]()
  }
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
