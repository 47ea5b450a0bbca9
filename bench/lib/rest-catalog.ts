import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'

export interface RestCatalog extends AsyncDisposable {
  readonly port: number
}

/**
 * A REST catalog of its own process over an empty folder, with the table `bench.imported`. `columns` as `name:type,…`,
 * `partitionBy` as `transform(column)`.
 */
export async function startRestCatalog(
  interpreter: string,
  folder: string,
  columns: string,
  partitionBy: string,
): Promise<RestCatalog> {
  await mkdir(folder, { recursive: true })
  const script = resolve('bench/sides/rest_catalog.py')
  const server = spawn(interpreter, [script, folder, columns, partitionBy], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(server, 'exit')
  const lines = createInterface(server.stdout)
  const first = await Promise.race([once(lines, 'line'), ended.then(() => ['none'])])
  const port = Number(first[0])
  if (!Number.isInteger(port)) throw new Error('the REST catalog did not start')
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      server.stdin.end()
      await ended
    },
  }
}
