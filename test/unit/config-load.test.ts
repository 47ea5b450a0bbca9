import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  cappedPoolSize,
  type ConfigurationSources,
  defaultConfiguration,
  explainConfiguration,
  findConfigurationProblems,
  KEY_NAMES,
  loadConfiguration,
  renderDefaultFile,
  specOf,
  variableOf,
} from '../../src/config/index.ts'

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-'))
  file = join(folder, 'icebox.yaml')
})
afterEach(() => rm(folder, { recursive: true }))

const load = async (yaml: string, more: ConfigurationSources = {}) => {
  await writeFile(file, yaml)
  return await loadConfiguration({ file, ...more })
}
const usage = 'performance.memory.max_usage'
const yamlOf = (value: string) => `performance:\n  memory:\n    max_usage: ${value}\n`

describe('values', () => {
  it('~ in a path is the home folder, not a folder of that name; another user’s is refused', async () => {
    const spill = 'performance.memory.spill_directory'
    const spillAt = (text: string) => loadConfiguration({ set: [`${spill}=${text}`] })
    expect((await spillAt('~/spill')).values[spill]).toBe(join(homedir(), 'spill'))
    expect((await spillAt('~')).values[spill]).toBe(homedir())
    expect((await spillAt('~/spill')).texts[spill].text).toBe('~/spill')
    expect((await spillAt('./~x')).values[spill]).toBe('./~x')
    await expect(spillAt('~nobody/spill')).rejects.toMatchObject({ code: 'config/invalid-value' })
  })

  it('have the defaults of the mission, in bytes and milliseconds', () => {
    // mission.md, "The configuration it must honour".
    expect(defaultConfiguration().values).toEqual({
      'performance.memory.max_usage': 1_000_000_000,
      'performance.memory.pool_size': 100_000_000,
      'performance.memory.defrag_threshold': 0.3,
      'performance.memory.gc_threshold': 0.8,
      'performance.memory.monitoring.enabled': true,
      'performance.memory.monitoring.interval': 1000,
      'performance.memory.monitoring.alert_threshold': 0.9,
      'performance.memory.spill_directory': 'auto',
      'performance.memory.max_spill': 'auto',
      'performance.cpu.threads': 'auto',
      'performance.cpu.affinity': 'none',
      'performance.streaming.chunk_size': 10_000,
      'performance.streaming.buffer_size': 1_000_000,
      'performance.streaming.max_concurrent': 4,
      'performance.streaming.backpressure.enabled': true,
      'performance.streaming.backpressure.threshold': 0.8,
      'performance.streaming.commit_size': 128_000_000,
      'performance.streaming.commit_interval': 60_000,
      'performance.metrics.collection_interval': 5000,
      'performance.metrics.retention_period': 86_400_000,
      'performance.metrics.alerting.memory_usage': 0.9,
      'performance.metrics.alerting.cpu_usage': 0.8,
      'performance.metrics.alerting.io_wait': 0.1,
      'storage.target_file_size': 128_000_000,
      'ingest.sample_rows': 20_480,
      'ingest.max_line_size': 64_000_000,
      'query.max_value_size': 64_000_000,
      'query.timeout': 'none',
    })
  })

  it.each([
    ['512MB', 512_000_000],
    ['1GiB', 1_073_741_824],
    ['1MB', 1_000_000], // too small to work with, which the memory room says
    ['256000000', 256_000_000],
    ['"256mb"', 256_000_000],
    ['auto', 'auto'],
    ['AUTO', 'auto'],
    ['1.5GB # with a comment', 1_500_000_000],
  ])('reads max_usage: %s', async (text, value) => {
    expect((await load(yamlOf(text))).values[usage]).toBe(value)
  })

  it.each(['-5', 'lots', '0', '12 parsecs', 'true', '""', '[1GB]', '{a: 1}', ''])(
    'refuses max_usage: %s with key, value, line and what is allowed',
    async (text) => {
      await expect(load(`# first line\n${yamlOf(text)}`)).rejects.toMatchObject({
        code: 'config/invalid-value',
        message: expect.stringMatching(/^performance\.memory\.max_usage .*icebox\.yaml line 4/),
        remedy: expect.any(String),
        context: { key: usage, line: 4, path: file },
      })
    },
  )

  it('says what is allowed, with the range', async () => {
    await expect(load('performance: {memory: {gc_threshold: 1.5}}')).rejects.toMatchObject({
      message: expect.stringContaining("'1.5'"),
      remedy: 'write a number such as 0.8, from 0 to 1; the default is 0.8',
    })
    await expect(load('performance: {cpu: {threads: 0}}')).rejects.toMatchObject({
      remedy: 'write a whole number, from 1 to 1024; or auto; the default is auto',
    })
  })

  it.each([
    ['query.timeout', '250ms', 250],
    ['query.timeout', 'none', 'none'],
    ['performance.cpu.affinity', '0-3,6', '0-3,6'],
    ['performance.memory.monitoring.enabled', 'false', false],
    ['performance.memory.gc_threshold', '0.75', 0.75],
    ['performance.memory.gc_threshold', '1', 1],
    ['performance.memory.spill_directory', '/tmp/a b', '/tmp/a b'],
    ['ingest.sample_rows', '100', 100],
  ])('reads %s = %s', async (key, text, value) => {
    const { values } = await loadConfiguration({ set: [`${key}=${text}`] })
    expect(values).toMatchObject({ [key]: value })
  })

  it.each([
    ['query.timeout', '5'],
    ['query.timeout', '0s'],
    ['performance.cpu.affinity', 'first'],
    ['performance.cpu.affinity', '0,3-1'],
    ['performance.memory.monitoring.enabled', 'yes'],
    ['performance.memory.gc_threshold', '80%'],
    ['performance.memory.gc_threshold', '-0.1'],
    ['performance.memory.spill_directory', ''],
    ['ingest.sample_rows', '1e3'],
    ['ingest.sample_rows', '1.5'],
    ['performance.memory.max_spill', 'none'],
  ])('refuses %s = %s', async (key, text) => {
    await expect(loadConfiguration({ set: [`${key}=${text}`] })).rejects.toMatchObject({
      code: 'config/invalid-value',
      context: { key, value: text, source: 'flag --set' },
    })
  })
})

describe('sources', () => {
  it('go flag, environment, file, default', async () => {
    const environment = { [variableOf(usage)]: '2GB', ICEBOX_HOME: '/lake', ICEBOX_QUERY__TIMEOUT: '', PATH: '/bin' }
    const yaml = `${yamlOf('3GB')}query: {timeout: 5s}\n`
    const valueWith = async (more: ConfigurationSources) => (await load(yaml, more)).values[usage]
    expect(await valueWith({})).toBe(3e9)
    expect(await valueWith({ environment })).toBe(2e9)
    expect(await valueWith({ environment, set: [`${usage}=4GB`, `${usage}=5GB`] })).toBe(5e9)
    expect(await valueWith({ environment, set: [`${usage}=4GB`], memory: '6GB' })).toBe(6e9)
    const loaded = await load(yaml, { environment })
    expect(loaded.values['query.timeout']).toBe(5000)
    expect(loaded.texts[usage]).toEqual({ text: '2GB', origin: { kind: 'environment', variable: variableOf(usage) } })
    expect(loaded.texts['query.timeout'].origin).toEqual({ kind: 'file', path: file, line: 4 })
    expect(variableOf(usage)).toBe('ICEBOX_PERFORMANCE__MEMORY__MAX_USAGE')
  })

  it('are all looked at: a wrong value is refused even where another source goes before it', async () => {
    await expect(load(yamlOf('lots'), { memory: '1GB' })).rejects.toMatchObject({ context: { value: 'lots' } })
    await expect(loadConfiguration({ memory: 'lots' })).rejects.toMatchObject({ context: { source: 'flag --memory' } })
    await expect(loadConfiguration({ environment: { [variableOf(usage)]: 'lots' } })).rejects.toMatchObject({
      message: `${usage} is 'lots' (environment ${variableOf(usage)})`,
    })
  })

  it.each([
    ['performance:\n  memory:\n    max_usge: 1GB\n', 3, 'performance.memory.max_usage'],
    ['performance:\n  memory:\n    Max_Usage: 1GB\n', 3, 'performance.memory.max_usage'],
    ['max_usage: 1GB\n', 1, 'performance.memory.max_usage'],
    ['memory:\n  max_spill: 1GB\n', 2, 'performance.memory.max_spill'],
    ['performance.memory.max_usage.x: 1\n', 1, 'performance.memory.max_usage'],
  ])('refuse an unknown key with its line and the nearest: %j', async (yaml, line, nearest) => {
    await expect(load(yaml)).rejects.toMatchObject({
      code: 'config/unknown-key',
      remedy: expect.stringContaining(nearest),
      context: { line },
    })
  })

  it.each([
    ['ICEBOX_PERFORMANCE_MEMORY_MAX_USAGE', 'ICEBOX_PERFORMANCE__MEMORY__MAX_USAGE'],
    ['ICEBOX_QUERY_TIMEOUT', 'ICEBOX_QUERY__TIMEOUT'],
    ['ICEBOX_MEMORY', 'ICEBOX_PERFORMANCE__MEMORY__MAX_USAGE'],
  ])('refuse %s, which was passed over without a word', async (variable, meant) => {
    await expect(loadConfiguration({ environment: { [variable]: '1GB' } })).rejects.toMatchObject({
      code: 'config/unknown-key',
      message: expect.stringContaining(variable),
      remedy: `did you mean ${meant}?`,
    })
  })

  it('leave variables alone that are not keys: ours of other uses, and other people’s', async () => {
    const names = ['HOME', 'ENGINE', 'DEBUG', 'DETECT_LEAKS', 'LAUNCHER', 'TEST_SEED', 'TEST_RESULTS', 'WRITE_DOCS']
    const others = [
      'IMAGE',
      'STORAGE_PATH',
      'QUERY_LOG',
      'PERFORMANCE',
      'MEMORY_LIMIT',
      'DATA_DIR',
      'TEST_TIMEOUT',
      'REST_TIMEOUT',
    ]
    const environment = Object.fromEntries([...names, ...others].map((name) => [`ICEBOX_${name}`, '1']))
    expect(await findConfigurationProblems({ environment })).toEqual([])
  })

  it('refuse an unknown key of the environment by its variable, and of a flag', async () => {
    await expect(
      loadConfiguration({ environment: { ICEBOX_PERFORMANCE__MEMORY__MAXUSAGE: '1GB' } }),
    ).rejects.toMatchObject({
      code: 'config/unknown-key',
      message: expect.stringContaining('ICEBOX_PERFORMANCE__MEMORY__MAXUSAGE'),
      remedy: 'did you mean ICEBOX_PERFORMANCE__MEMORY__MAX_USAGE?',
    })
    await expect(loadConfiguration({ set: ['nonsense.at.all=1'] })).rejects.toMatchObject({
      code: 'config/unknown-key',
      remedy: expect.stringContaining('config explain'),
    })
    await expect(loadConfiguration({ set: ['query.timeout'] })).rejects.toMatchObject({ code: 'usage/invalid' })
  })

  it.each([
    ['performance: 5\n', 'performance is a section'],
    ['query:\n  timeout: [1s]\n', 'is a list'],
  ])('refuse a shape that says nothing: %j', async (yaml, message) => {
    await expect(load(yaml)).rejects.toMatchObject({
      code: 'config/invalid-value',
      message: expect.stringContaining(message),
    })
  })

  it.each([
    ['- a\n- b\n', 'holds a list'],
    ['# note\njust text\n', "holds one value, 'just text', where keys and their values are expected (line 2)"],
    [Buffer.from('# gr\u00fcn\nquery:\n  timeout: 5s # k\u00fcrzer\n', 'latin1'), 'is not UTF-8 (line 1)'],
  ])('refuse a file that is no mapping of text: %j', async (yaml, message) => {
    await writeFile(file, yaml)
    for (const ask of [loadConfiguration, findConfigurationProblems])
      await expect(ask({ file })).rejects.toMatchObject({
        code: 'config/unreadable',
        message: expect.stringContaining(message),
      })
  })

  it('refuse a key that stands in the file twice, with dots and without, instead of losing one', async () => {
    await expect(load('query:\n  timeout: 5s\nquery.timeout: 6s\n')).rejects.toMatchObject({
      code: 'config/invalid-value',
      message: `query.timeout is '6s', and is '5s' already: ${file} line 2 (${file} line 3)`,
    })
    const { values } = await load('query.timeout: 6s\nperformance.memory: {max_usage: 2GB}\n')
    expect([values['query.timeout'], values[usage]]).toEqual([6000, 2e9])
  })

  it('take an empty file, empty sections, quoted and anchored values', async () => {
    expect((await load('')).values).toEqual(defaultConfiguration().values)
    expect((await load('# nothing\nperformance:\n  memory:\n')).values).toEqual(defaultConfiguration().values)
    const { values } = await load('query: {timeout: &t "5s"}\nperformance: {streaming: {commit_interval: *t}}\n')
    expect(values['performance.streaming.commit_interval']).toBe(5000)
  })

  it.each([
    ['a: [1\n', /line \d/],
    ['query: {timeout: 1s}\nquery: {timeout: 2s}\n', /line 2/],
    ['a: *nowhere\n', /./],
  ])('refuse what is not YAML, with the line: %j', async (yaml, message) => {
    await expect(load(yaml)).rejects.toMatchObject({
      code: expect.stringMatching(/^config\//),
      message: expect.stringMatching(message),
    })
  })

  it('refuse a file that is missing or huge', async () => {
    await expect(loadConfiguration({ file: join(folder, 'none.yaml') })).rejects.toMatchObject({
      code: 'config/unreadable',
      context: { path: join(folder, 'none.yaml') },
    })
    await expect(load(`# ${'x'.repeat(1_000_001)}`)).rejects.toMatchObject({ code: 'config/unreadable' })
    await expect(loadConfiguration({ file: folder })).rejects.toMatchObject({ code: 'config/unreadable' })
  })

  it('give all problems at once to a check', async () => {
    await writeFile(file, 'query: {timeout: soon, tiemout: 1s}\nperformance: 3\n')
    const problems = await findConfigurationProblems({ file, memory: 'lots' })
    expect(new Set(problems.map((problem) => problem.context.key))).toEqual(
      new Set(['performance', 'performance.memory.max_usage', 'query.tiemout', 'query.timeout']),
    )
  })
})

describe('explain and the default file', () => {
  it('explain every key with value, source, effect and status', async () => {
    const rows = explainConfiguration(await load('query: {timeout: 5s}\n', { memory: 'auto' }), 400_000_000)
    expect(rows.map((row) => row.key)).toEqual(KEY_NAMES)
    const row = (key: string) => rows.find((each) => each.key === key)
    expect(row('query.timeout')).toMatchObject({
      value: '5s',
      default: 'none',
      source: `${file} line 1`,
      status: 'in effect',
    })
    expect(row(usage)).toMatchObject({ value: 'auto', source: 'flag --memory', note: '400 MB' })
    expect(row('performance.memory.pool_size')).toMatchObject({
      status: 'in effect',
      note: '40 MB: capped at a tenth of the budget',
    })
    for (const each of rows) expect(each.effect).toMatch(/^[A-Z].*\.$/)
    expect(cappedPoolSize(100, 10_000)).toBe(100)
  })

  it.each(['/tmp/a b', '/tmp/a #b', 'a: b', '- x', '"quoted"', 'null', '~', "it's", 'ünï', '[x]', '@home'])(
    'write a value that reads back as it was given: %s',
    async (text) => {
      const key = 'performance.memory.spill_directory'
      const { values, texts } = await load(renderDefaultFile({ [key]: text, 'performance.cpu.affinity': '0-3,6' }))
      expect(texts[key].text).toBe(text)
      expect(values['performance.cpu.affinity']).toBe('0-3,6')
    },
  )

  it('write a file that reads back as the defaults, every key with a comment above it', async () => {
    const text = renderDefaultFile()
    const { values, texts } = await load(text)
    expect(values).toEqual(defaultConfiguration().values)
    const lines = text.split('\n')
    for (const key of KEY_NAMES) {
      const { origin } = texts[key]
      if (origin.kind !== 'file') throw new TypeError(`${key} is not in the file`)
      expect(lines[origin.line - 1]?.trim()).toBe(`${key.slice(key.lastIndexOf('.') + 1)}: ${specOf(key).default}`)
      expect(lines[origin.line - 2]?.trim()).toMatch(/^# /)
    }
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(110)
  })
})
