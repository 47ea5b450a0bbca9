import { describe, expect, it } from 'vitest'
import { keepsBudget, summarizeCells } from '../../src/bench/matrix/cells.ts'
import { classifyEnding } from '../../src/bench/matrix/outcome.ts'
import { type MatrixRequest, planMatrix } from '../../src/bench/matrix/plan.ts'
import { judgeRun } from '../../src/bench/matrix/run-cell.ts'
import { type MatrixRunFile, parseRunFile, type RunResult } from '../../src/bench/matrix/run-file.ts'
import { matrixCharts, matrixPage } from '../../src/bench/report/matrix-page.ts'
import { matrixHeading, matrixRows } from '../../src/bench/report/matrix-table.ts'

const ALONE = { installed: ['icebox'], absent: [] } as const
const ALL: MatrixRequest = { workloads: [], budgets: [], runs: 5, peerRuns: 0, scale: 1 }

describe('the plan of the matrix', () => {
  it('has every workload at every budget, five times', () => {
    const { runs } = planMatrix(ALL, ALONE)
    // 12 workloads (the issue names ten, the partitioned import three times), 4 budgets, 5 runs.
    expect(runs).toHaveLength(12 * 4 * 5)
    expect(new Set(runs.map((run) => run.budgetBytes))).toEqual(new Set([256e6, 512e6, 1e9, 2e9]))
  })

  it('interleaves budgets and systems, so that a slow minute does not fall on one of them', () => {
    const { runs } = planMatrix(
      { ...ALL, workloads: ['join'], budgets: ['256MB', '512MB'], runs: 2, peerRuns: 1 },
      { installed: ['icebox', 'raw DuckDB', 'PyIceberg append'], absent: [] },
    )
    expect(runs.map((run) => `${run.run} ${run.budgetBytes / 1e6} ${run.system}`)).toEqual([
      '1 256 icebox',
      '1 256 raw DuckDB',
      '1 512 icebox',
      '1 512 raw DuckDB',
      '2 256 icebox',
      '2 512 icebox',
    ])
  })

  it.each([
    [{ workloads: ['improt'] }, 'import'],
    [{ budgets: ['256'] }, '256MB'],
    [{ runs: 0 }, '1 to 1000'],
    [{ peerRuns: 1.5 }, '0 to 1000'],
    [{ scale: Number.NaN }, 'full size'],
    [{ scale: -1 }, 'full size'],
  ])('refuses %j and says what would do', (change, advice) => {
    expect(() => planMatrix({ ...ALL, ...change }, ALONE)).toThrowError(
      expect.objectContaining({ code: 'usage/invalid', remedy: expect.stringContaining(advice) }),
    )
  })
})

describe('how a run ended', () => {
  const ending = { exitCode: 0, signal: null, isTimedOut: false, stdout: '', stderr: '' }
  const refusal =
    '{"error":{"code":"memory/refused","message":"sort needs 90 MB; 20 MB of 256 MB is free","remedy":"x","context":{"askedBytes":90000000,"freeBytes":20000000,"budgetBytes":256000000,"consumer":"sort"}}}'

  it('takes a memory error for refused, with its figures', () => {
    expect(classifyEnding({ ...ending, exitCode: 3, stdout: `${refusal}\n` })).toEqual({
      kind: 'refused',
      code: 'memory/refused',
      message: 'sort needs 90 MB; 20 MB of 256 MB is free',
      figures: { askedBytes: 90_000_000, freeBytes: 20_000_000, budgetBytes: 256_000_000 },
    })
  })

  it('finds the code in the text for people, where the output went elsewhere', () => {
    const stderr = 'memory/exhausted: the statement ran out of memory\n  → raise the budget\n'
    expect(classifyEnding({ ...ending, exitCode: 3, stderr })).toMatchObject({
      kind: 'refused',
      code: 'memory/exhausted',
    })
  })

  it('does not take a kill for a refusal, nor a time limit for a kill', () => {
    expect(classifyEnding({ ...ending, exitCode: null, signal: 'SIGKILL' }).kind).toBe('killed')
    expect(classifyEnding({ ...ending, exitCode: 137 }).kind).toBe('killed')
    expect(classifyEnding({ ...ending, exitCode: null, signal: 'SIGKILL', isTimedOut: true }).kind).toBe('failed')
  })

  it('takes any other error for failed, with its code', () => {
    const stdout = '{"error":{"code":"engine/out-of-disk","message":"the spill folder is full","context":{}}}'
    expect(classifyEnding({ ...ending, exitCode: 1, stdout })).toEqual({
      kind: 'failed',
      reason: 'exit code 1: engine/out-of-disk: the spill folder is full',
    })
  })

  it('does not believe exit code 0 when the rows are not there', () => {
    const figures = { ...ending, stdoutBytes: 0 }
    const rows = { proof: { kind: 'rows', rows: 100 } } as const
    expect(judgeRun(rows, { ...figures, stdout: '{"rows":100}' }).kind).toBe('finished')
    expect(judgeRun(rows, { ...figures, stdout: '{"rows":99}' }).kind).toBe('failed')
    expect(judgeRun(rows, figures).kind).toBe('failed')
    const counted = { proof: { kind: 'first value', value: 100 } } as const
    expect(judgeRun(counted, { ...figures, stdout: '{"rows":[["100",3]],"summary":{}}' }).kind).toBe('finished')
    const streamed = { proof: { kind: 'output bytes', leastBytes: 5 } } as const
    expect(judgeRun(streamed, figures).kind).toBe('failed')
  })
})

const result = (change: Partial<RunResult>): RunResult => ({
  workload: 'import',
  system: 'icebox',
  budgetBytes: 256e6,
  run: 1,
  outcome: { kind: 'finished' },
  rows: 1000,
  wallMs: 1000,
  cpuMs: 1500,
  peakRssBytes: 200e6,
  processes: 1,
  readBytes: 10,
  writtenBytes: 5,
  spilledBytes: 0,
  limit: null,
  ...change,
})

const FILE: MatrixRunFile = {
  format: 1,
  kind: 'memory',
  date: '2026-11-25T00:00:00.000Z',
  machine: {
    cores: 2,
    cpu: 'a <cpu>',
    memoryBytes: 8e9,
    platform: 'linux x64',
    node: 'v20.20.2',
    icebox: '0.1.0',
    duckdb: 'v1.5.5',
    commit: undefined,
  },
  scale: 0.01,
  absent: ['PyIceberg: not here'],
  results: [
    result({}),
    result({ run: 2, wallMs: 500, peakRssBytes: 257e6 }),
    result({
      run: 3,
      wallMs: 2000,
      outcome: { kind: 'refused', code: 'memory/refused', message: '</script>', figures: { askedBytes: 5 } },
    }),
    result({
      budgetBytes: 512e6,
      system: 'raw DuckDB',
      outcome: { kind: 'killed', reason: 'by SIGKILL' },
      spilledBytes: null,
      limit: 'cgroup v1',
    }),
  ],
}

describe('the runs of a cell together', () => {
  it('one run above the budget breaks the promise of the cell', () => {
    const [cell] = summarizeCells(FILE.results)
    // Rates of the two that finished: 1,000 and 2,000 rows/s.
    expect(cell).toMatchObject({ runs: 3, finished: 2, rowsPerSecond: 1500, peakRssBytes: 257e6, above: 1 })
    expect(cell?.worst.kind).toBe('refused')
    expect(cell !== undefined && keepsBudget(cell)).toBe(false)
  })

  it('a refusal keeps the promise, a kill and a failure do not', () => {
    const kept = (outcome: RunResult['outcome']) => summarizeCells([result({ outcome })]).every(keepsBudget)
    expect(kept({ kind: 'refused', code: 'memory/refused', message: '', figures: {} })).toBe(true)
    expect(kept({ kind: 'killed', reason: '' })).toBe(false)
    expect(kept({ kind: 'failed', reason: '' })).toBe(false)
  })
})

describe('a saved run', () => {
  it('is read as it was written', () => {
    expect(parseRunFile(JSON.stringify(FILE), 'run.json')).toEqual(FILE)
  })

  it.each(['', '[]', '{"format":2}', JSON.stringify({ ...FILE, results: [{ system: 'Spark' }] })])(
    'is refused when it is something else: %s',
    (text) => {
      expect(() => parseRunFile(text, 'run.json')).toThrowError(expect.objectContaining({ code: 'usage/invalid' }))
    },
  )
})

describe('the report', () => {
  it('says that a small scale compares with nothing, and who is absent', () => {
    expect(matrixHeading(FILE).join('\n')).toMatch(/scale 0.01: NOT the full size[^]*PyIceberg: not here/)
    expect(matrixHeading({ ...FILE, scale: 1 }).join('\n')).not.toContain('scale')
  })

  it('has a line a cell, and marks one above its budget', () => {
    const rows = matrixRows(FILE).map(({ cells }) => cells.join(' | '))
    expect(rows).toEqual([
      'import | icebox | 256 MB | 1,500 | 257 MB | 100% | 0 B | finished 2 of 3; ABOVE THE BUDGET in 1; refused: </script>',
      'import | raw DuckDB | 512 MB | - | 200 MB | 39% | - | finished 0 of 1; killed: by SIGKILL',
    ])
  })

  it('leaves a gap in the curve where nothing finished', () => {
    expect(matrixCharts(FILE)).toEqual([
      expect.objectContaining({
        workload: 'import',
        labels: ['256 MB', '512 MB'],
        curves: [
          { system: 'icebox', rowsPerSecond: [1500, null] },
          { system: 'raw DuckDB', rowsPerSecond: [null, null] },
        ],
      }),
    ])
  })

  it('is one page that asks the network for nothing and runs no text of an error', () => {
    const page = matrixPage(FILE)
    expect(page).not.toMatch(/<(?:script|link|img)[^>]+(?:src|href)=/)
    expect(page).toContain('a &lt;cpu&gt;')
    expect(page.match(/<\/script>/g)).toHaveLength(3)
  })
})
