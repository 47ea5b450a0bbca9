import { expect, it } from 'vitest'
import type { Engine, EngineSession } from '../../src/engine/index.ts'
import { SessionPool } from '../../src/query/run/sessions.ts'

it('a session that is given back after the closing is closed, and asks for no engine: one was started again', async () => {
  let started = 0
  let open = 0
  const session = (): Partial<EngineSession> => {
    open++
    return {
      isLost: false,
      [Symbol.asyncDispose]: () => {
        open--
        return Promise.resolve()
      },
    }
  }
  const engine: Partial<Engine> = {
    session: () => Promise.resolve(session() as EngineSession),
  }
  const pool = new SessionPool(
    () => {
      started++
      return Promise.resolve(engine as Engine)
    },
    { maxIdle: 4 },
  )
  const [read, kept] = [await pool.lease(new Map()), await pool.lease(new Map())]
  await kept.release()
  expect(started).toBe(2)
  expect(open).toBe(2)
  await pool.close()
  expect(open).toBe(1)
  await read.release()
  expect([started, open]).toEqual([2, 0])
})
