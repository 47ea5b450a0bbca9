/** A goal and what was measured. */
export interface Finding {
  readonly benchmark: string
  readonly what: string
  readonly goal: string
  readonly measured: string
  readonly passed: boolean
  readonly detail?: string
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
