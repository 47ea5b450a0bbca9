/** Options of `icebox bench memory` as commander gives them. */
export interface BenchMemoryFlags {
  readonly workload?: readonly string[]
  readonly budget?: readonly string[]
  readonly runs: string
  readonly peerRuns: string
  readonly scale: string
  readonly timeout: string
  readonly work?: string
  readonly output?: string
  readonly html?: string
}
