import type { Finding } from '../../src/bench/index.ts'

export interface BenchmarkContext {
  /** Interleaved rounds of every side. */
  readonly rounds: number
  /** Folder for data and lakehouses, kept between runs: `.bench`. */
  readonly workFolder: string
  note(text: string): void
}

export interface Benchmark {
  readonly name: string
  readonly about: string
  run(context: BenchmarkContext): Promise<Finding[]>
}
