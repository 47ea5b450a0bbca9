import { formatBytes } from '../../base/index.ts'
import type { DoctorFacts, FolderFacts } from './facts.ts'

/** One line of `icebox doctor`. */
export interface Finding {
  readonly name: string
  /** `fail`: something will not work; `warn`: it works, with less than what is promised. */
  readonly level: 'ok' | 'warn' | 'fail'
  readonly found: string
  /** What to do; empty where all is well. */
  readonly advice: string
}

/** The oldest Node that Icebox runs on. */
const LEAST_NODE = [20, 19] as const
/** Less free space than this is worth a word. */
const LITTLE_SPACE_BYTES = 5e9

/** What the facts mean. Pure. */
export function judge(facts: DoctorFacts): Finding[] {
  return [
    { name: 'icebox', level: 'ok', found: facts.iceboxVersion, advice: '' },
    node(facts),
    platform(facts),
    engine(facts),
    allocator(facts),
    launcher(facts),
    memory(facts),
    { name: 'cpu', level: 'ok', found: `${facts.cores} core${facts.cores === 1 ? '' : 's'}`, advice: '' },
    ...lake(facts),
    { name: 'python', level: 'ok', found: 'not needed', advice: '' },
  ]
}

function finding(name: string, found: string): Finding
function finding(name: string, found: string, level: 'warn' | 'fail', advice: string): Finding
function finding(name: string, found: string, level: Finding['level'] = 'ok', advice = ''): Finding {
  return { name, level, found, advice }
}

function node({ nodeVersion }: DoctorFacts): Finding {
  const [major = 0, minor = 0] = nodeVersion.replace(/^v/, '').split('.').map(Number)
  const isOld = major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1])
  return isOld
    ? finding('node', nodeVersion, 'fail', `install Node ${LEAST_NODE.join('.')} or newer`)
    : finding('node', nodeVersion)
}

function platform({ platform: system, architecture, libc }: DoctorFacts): Finding {
  const found = `${system} ${architecture}${libc === undefined ? '' : `, ${libc}`}`
  if (system === 'linux' && libc?.startsWith('glibc') === true) return finding('platform', found)
  if (system === 'linux' || system === 'darwin') {
    return finding(
      'platform',
      found,
      'warn',
      'the memory budget is promised on Linux with glibc; here it is best effort',
    )
  }
  return finding('platform', found, 'fail', 'use Linux or macOS')
}

function engine({ environment }: DoctorFacts): Finding {
  return 'problem' in environment.engine
    ? finding(
        'engine',
        environment.engine.problem,
        'fail',
        'install icebox-lakehouse again on this platform, with optional dependencies',
      )
    : finding('engine', `DuckDB ${environment.engine.version}`)
}

function allocator({ environment }: DoctorFacts): Finding {
  if ('problem' in environment.engine)
    return finding('allocator', 'unknown: the engine cannot be loaded', 'fail', 'see engine')
  return environment.engine.isAllocatorReached
    ? finding('allocator', 'reached: read and purged as memory nears the budget')
    : finding(
        'allocator',
        'not reached: pages are given back at once instead',
        'warn',
        'works, up to half slower on scans; the npm build of DuckDB for Linux with glibc can be reached',
      )
}

function launcher({ launcher: variables, platform: system }: DoctorFacts): Finding {
  if (system !== 'linux') return finding('launcher', 'not needed here')
  const missing = Object.keys(variables).filter((name) => variables[name] === undefined)
  return missing.length === 0
    ? finding('launcher', 'memory settings of the process are set')
    : finding(
        'launcher',
        `not set: ${missing.join(', ')}`,
        'warn',
        'start Icebox by its command (bin/icebox), which sets them; without them memory creeps up over many imports',
      )
}

function memory({ budgetBytes, budgetSource, environment }: DoctorFacts): Finding {
  const { limitBytes, autoSource } = environment.memory
  const place = autoSource.includes('container') ? 'container' : 'machine'
  const found = `budget ${formatBytes(budgetBytes)} (${budgetSource}), ${place} ${formatBytes(limitBytes)}`
  const { leastBudgetBytes } = environment.memory
  if (budgetBytes < leastBudgetBytes)
    return finding(
      'memory',
      `${found}; the process and the engine take ${formatBytes(leastBudgetBytes)}`,
      'fail',
      `set performance.memory.max_usage to ${formatBytes(leastBudgetBytes)} or more`,
    )
  return budgetBytes > limitBytes
    ? finding(
        'memory',
        found,
        'fail',
        `set performance.memory.max_usage below ${formatBytes(limitBytes)}, or to auto (${formatBytes(environment.memory.autoBudgetBytes)}: ${autoSource})`,
      )
    : finding('memory', found)
}

function lake({ lake: facts }: DoctorFacts): Finding[] {
  if (facts.kind === 'none') return [finding('lakehouse', facts.message, 'warn', 'make one with icebox init DIR')]
  if (facts.kind === 'broken')
    return [
      finding(
        'lakehouse',
        `${facts.directory}: ${facts.code}: ${facts.message}`,
        'fail',
        facts.remedy ?? 'the message says what to do',
      ),
    ]
  return [
    facts.isWritable
      ? finding('lakehouse', `${facts.directory}, ${facts.tables} table${facts.tables === 1 ? '' : 's'}`)
      : finding(
          'lakehouse',
          `${facts.directory} can be read, not written`,
          'warn',
          'to import and change tables give this user write access: the catalog and .icebox are written',
        ),
    facts.freeBytes < LITTLE_SPACE_BYTES
      ? finding(
          'disk',
          `${formatBytes(facts.freeBytes)} free`,
          'warn',
          'an import needs about the size of its table, twice where it is sorted or partitioned',
        )
      : finding('disk', `${formatBytes(facts.freeBytes)} free`),
    spill(facts.spill),
  ]
}

function spill(folder: FolderFacts): Finding {
  const found = `${folder.path}, ${formatBytes(folder.freeBytes)} free`
  if (folder.isMemory)
    return finding(
      'spill folder',
      `${folder.path} is memory (tmpfs)`,
      'fail',
      'set performance.memory.spill_directory to a folder on a disk',
    )
  if (!folder.isWritable)
    return finding(
      'spill folder',
      `${folder.path} cannot be written`,
      'fail',
      'set performance.memory.spill_directory to a folder that can be written',
    )
  return folder.freeBytes < LITTLE_SPACE_BYTES
    ? finding('spill folder', found, 'warn', 'large sorts and joins spill; free space or name another folder')
    : finding('spill folder', found)
}
