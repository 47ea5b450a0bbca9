import { resolve } from 'node:path'
import { measureSuccess } from '../../src/bench/index.ts'

/**
 * Runs one side of a comparison in a process of its own and gives the JSON document that it printed.
 * A side is a file of bench/sides, built to dist/bench.
 */
export async function runSide<Result>(name: string, args: readonly string[]): Promise<Result> {
  const figures = await measureSuccess(process.execPath, [resolve(`dist/bench/${name}.js`), ...args])
  return JSON.parse(figures.stdout) as Result
}

/** Runs a Python script of bench/sides, which prints one JSON document. */
export async function runPythonSide<Result>(
  interpreter: string,
  name: string,
  args: readonly string[],
): Promise<Result> {
  const figures = await measureSuccess(interpreter, [resolve(`bench/sides/${name}.py`), ...args])
  return JSON.parse(figures.stdout) as Result
}
