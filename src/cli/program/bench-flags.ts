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

/** Options of `icebox bench acceptance` as commander gives them. */
export interface BenchAcceptanceFlags {
  readonly promise?: readonly string[]
  readonly runs: string
  readonly scale: string
  readonly budget: string
  readonly limit: string
  readonly timeout: string
  readonly memoryRun?: string
  readonly work?: string
  readonly output?: string
}
