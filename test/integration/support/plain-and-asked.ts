import { isIceboxError } from '../../../src/base/index.ts'
import type { QueryLake } from '../query-lake.ts'
import type { EngineBench } from './engine.ts'

/** What the engine answers to a text as it stands (`@` is the lake's folder), and what a person gets who writes it. */
export async function plainAndAsked(
  lake: QueryLake,
  roomy: EngineBench,
  sql: string,
): Promise<{ readonly plain: unknown; readonly asked: unknown }> {
  const text = sql.replaceAll('@/', `${lake.folder}/`)
  const answer = async (ask: () => Promise<unknown>): Promise<unknown> => {
    try {
      return await ask()
    } catch (error) {
      if (!isIceboxError(error)) throw error
      return { code: error.code, said: error.message.split('\n')[0]?.replace(/ ?(\(line \d+, column \d+\))?$/, '') }
    }
  }
  await using session = await roomy.engine.session()
  return {
    plain: await answer(async () => (await session.all(text)).map((row) => Object.values(row))),
    asked: await answer(() => lake.rows(text)),
  }
}
