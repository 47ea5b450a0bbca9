import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  type ImportMeasure,
  judgeBudgets,
  judgeImports,
  judgeStability,
  judgeSurvival,
} from '../../src/bench/acceptance/judge.ts'
import { sliceFile } from '../../src/bench/acceptance/sliced-file.ts'

const measure = (change: Partial<ImportMeasure>): ImportMeasure => ({
  rows: 1000,
  wallMs: 1000,
  cpuMs: 2000,
  peakRssBytes: 4e9,
  movedBytes: 100_000,
  ...change,
})
const baseline = [measure({}), measure({}), measure({})]
const verdicts = (icebox: ImportMeasure[], inputBytes = 1.5e9) =>
  judgeImports({ inputBytes, icebox, baseline }).map(({ benchmark, passed }) => `${benchmark} ${passed}`)

describe('the promises against the baseline', () => {
  it('are kept at the goal and missed right beyond it', () => {
    // A fifth of 4 GB; three times as fast; 1.5 times the rows a CPU-second; as many bytes a row in a third of the time.
    const at = measure({ peakRssBytes: 0.8e9, wallMs: 333, cpuMs: 1333, movedBytes: 100_000 })
    expect(verdicts([at, at, at])).toEqual(['P2 true', 'P4 true', 'P5 true', 'P5 true', 'P5 true'])
    const beyond = measure({ peakRssBytes: 0.81e9, wallMs: 700, cpuMs: 1350, movedBytes: 101_000 })
    expect(verdicts([beyond, beyond, beyond])).toEqual(['P2 false', 'P4 false', 'P5 false', 'P5 false', 'P5 false'])
  })

  it('one round above the memory goal misses it, while speed is the median', () => {
    const good = measure({ peakRssBytes: 0.5e9, wallMs: 200 })
    const bad = measure({ peakRssBytes: 0.9e9, wallMs: 900 })
    expect(verdicts([good, bad, good]).slice(0, 2)).toEqual(['P2 false', 'P4 true'])
  })

  it('memory on a small input proves nothing', () => {
    expect(verdicts([measure({ peakRssBytes: 1 })], 0.5e9)[0]).toBe('P2 false')
  })

  it('ten times a baseline that survives nothing is not survival', () => {
    const survival = {
      limitBytes: 512e6,
      limit: 'cgroup v1',
      survivedBytes: 128e6,
      fellAtBytes: 256e6,
      fell: { kind: 'killed', reason: 'by SIGKILL' },
      inputBytes: 1.28e9,
      outcome: { kind: 'finished' },
    } as const
    expect(judgeSurvival(survival).passed).toBe(true)
    expect(judgeSurvival({ ...survival, survivedBytes: 0 }).passed).toBe(false)
    expect(judgeSurvival({ ...survival, inputBytes: 1.2e9 }).passed).toBe(false)
    expect(judgeSurvival({ ...survival, outcome: survival.fell }).passed).toBe(false)
  })

  it('no runs keep no promise', () => {
    expect(judgeBudgets([]).passed).toBe(false)
  })

  it('a creep of 4% over fifty imports is a drift, though it varies little', () => {
    const creep = Array.from({ length: 50 }, (_, run) => 200e6 * (1 + (run / 49) * 0.05))
    expect(judgeStability(creep).map((finding) => finding.passed)).toEqual([true, false])
    const level = Array.from({ length: 50 }, (_, run) => 200e6 + (run % 3) * 1e6)
    expect(judgeStability(level).map((finding) => finding.passed)).toEqual([true, true])
    expect(judgeStability(level.slice(0, 10)).map((finding) => finding.passed)).toEqual([false, false])
  })
})

describe('a slice of a file', () => {
  it('holds whole lines, its header once, and begins again where the source ends', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'icebox-slice-'))
    try {
      const [source, output] = [join(folder, 'a.csv'), join(folder, 'b.csv')]
      await writeFile(source, 'id,name\n1,one\n2,two\n3,three\n')
      const rows = await sliceFile(source, 60, output)
      const lines = (await readFile(output, 'utf8')).trimEnd().split('\n')
      expect(lines.length - 1).toBe(rows)
      expect(lines.slice(0, 7)).toEqual(['id,name', '1,one', '2,two', '3,three', '1,one', '2,two', '3,three'])
      expect(lines.filter((line) => line === 'id,name')).toHaveLength(1)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
