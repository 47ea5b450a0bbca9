import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Json } from '../../src/base/index.ts'
import { Lakehouse } from '../../src/lakehouse/index.ts'
import { python } from './python.ts'

/** A lakehouse in a temporary folder, changed through the library, and the Python side of the same folder. */
export interface InteropLake extends AsyncDisposable {
  readonly root: string
  /** The folder of the lakehouse. */
  readonly folder: string
  readonly house: Lakehouse
  /** Runs a script; gives the rows of its last statement as arrays. */
  sql(script: string): Promise<unknown[][]>
  /** Runs a Python script with `args.lake`, `args.root` and what is given here. */
  python(script: string, args?: { readonly [key: string]: Json }): Promise<Json>
}

export async function openInteropLake(): Promise<InteropLake> {
  const root = await mkdtemp(join(tmpdir(), 'icebox-interop-'))
  const folder = await Lakehouse.init(join(root, 'lake'), { memory: '512MB' })
  const house = await Lakehouse.open(folder)
  return {
    root,
    folder,
    house,
    sql: (script) => rowsOf(house, script),
    python: (script, args = {}) => python(script, { lake: folder, root, ...args }),
    [Symbol.asyncDispose]: async () => {
      await house.close()
      await rm(root, { recursive: true, force: true })
    },
  }
}

export async function rowsOf(house: Lakehouse, script: string): Promise<unknown[][]> {
  let rows: unknown[][] = []
  for await (const statement of house.run(script)) {
    rows = []
    for await (const batch of statement.batches) rows.push(...batch.toArrays())
  }
  return rows
}

/** The text or number of an answer; fails on anything else. */
export function textOf(value: Json | undefined): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString()
  throw new TypeError(`not a text: ${JSON.stringify(value)}`)
}
