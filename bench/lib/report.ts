/** One line of the table: what was to be reached and what was measured. */
export interface Finding {
  readonly benchmark: string
  readonly what: string
  readonly goal: string
  readonly measured: string
  readonly passed: boolean
  readonly detail?: string
}

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

/** A table for the terminal, in Markdown so that it can be pasted into docs. */
export function printFindings(findings: readonly Finding[]): string {
  const lines = ['| what | goal | measured | |', '|---|---|---|---|']
  for (const finding of findings) {
    const detail = finding.detail === undefined ? '' : ` (${finding.detail})`
    lines.push(
      `| ${finding.what} | ${finding.goal} | ${finding.measured}${detail} | ${finding.passed ? 'pass' : 'FAIL'} |`,
    )
  }
  return lines.join('\n')
}
