import { tmpdir } from 'node:os'
import { dirname, resolve } from 'node:path'
import { IceboxError, isIceboxError, ownPackage } from '../../base/index.ts'
import { type Configuration, loadConfiguration, originText } from '../../config/index.ts'
import type { CommandContext } from '../context.ts'
import { type DoctorFacts, folderFacts, type LakeFacts, machineFacts } from '../doctor/facts.ts'
import { type Finding, judge } from '../doctor/findings.ts'
import { documentText } from '../output/json-value.ts'
import { visibleText } from '../output/text-width.ts'

/** `icebox doctor`: exit code 1 when something will not work. */
export async function doctorCommand(context: CommandContext): Promise<void> {
  const facts = await gather(context)
  const findings = judge(facts)
  const failed = findings.filter((finding) => finding.level === 'fail')
  if (context.globals.json) {
    const shown = findings.map(({ name, level, found, advice }) => ({
      name,
      level,
      found,
      advice: advice === '' ? null : advice,
    }))
    await context.io.stdout.write(`${documentText({ ok: failed.length === 0, findings: shown, facts })}\n`)
  } else {
    await context.io.stdout.write(findings.map((finding) => findingText(context, finding)).join(''))
    await context.next(
      facts.lake.kind === 'none' ? 'icebox init lake' : 'icebox config explain',
      facts.lake.kind === 'none' ? 'makes a lakehouse' : 'what is configured',
    )
  }
  if (failed.length > 0) {
    const error = new IceboxError('environment/unfit', { message: failed.map((finding) => finding.name).join(', ') })
    context.reported.add(error)
    throw error
  }
}

function findingText(context: CommandContext, finding: Finding): string {
  const style = context.outStyle
  const mark = { ok: style.green('ok  '), warn: style.yellow('warn'), fail: style.red('fail') }[finding.level]
  const advice = finding.advice === '' ? '' : `\n                   ${style.cyan('→')} ${finding.advice}`
  return `${mark}  ${finding.name.padEnd(12)} ${visibleText(finding.found)}${advice}\n`
}

async function gather(context: CommandContext): Promise<DoctorFacts> {
  const sources = await context.door.configurationSources(context.globals, context.io)
  const configuration = await loadConfiguration(sources)
  const origin = configuration.texts['performance.memory.max_usage'].origin
  return {
    iceboxVersion: ownPackage().version,
    ...machineFacts(context.io.env),
    environment: await context.door.environment(),
    budgetBytes: await context.door.budgetBytes(configuration),
    budgetSource: originText(origin),
    lake: await lakeFacts(context, sources.file, configuration),
  }
}

async function lakeFacts(
  context: CommandContext,
  configFile: string | undefined,
  configuration: Configuration,
): Promise<LakeFacts> {
  if (configFile === undefined) return { kind: 'none', message: `none in ${context.io.cwd} or above` }
  const directory = dirname(configFile)
  const spillDirectory = configuration.values['performance.memory.spill_directory']
  const folder = await folderFacts(directory)
  // A lakehouse that cannot be written keeps its state among the temporary files.
  const own = folder.isWritable ? resolve(directory, '.icebox', 'spill') : tmpdir()
  const spill = await folderFacts(spillDirectory === 'auto' ? own : resolve(directory, spillDirectory))
  try {
    await using lake = await context.openLake()
    const tables = (await lake.tableNames()).length
    return { kind: 'open', directory, tables, isWritable: folder.isWritable, freeBytes: folder.freeBytes, spill }
  } catch (error) {
    if (!isIceboxError(error)) throw error
    return { kind: 'broken', directory, code: error.code, message: error.message, remedy: error.remedy }
  }
}
