import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { buildProgram } from '../../src/cli/program/program.ts'
import { cliReference } from './support/cli-reference.ts'

const DOCUMENT = resolve(import.meta.dirname, '../../docs/reference/cli.md')

it('docs/reference/cli.md says what the command line takes', async () => {
  const program = buildProgram(() => Promise.resolve(), { out: () => {}, err: () => {}, width: 100 })
  const made = cliReference(program)
  if (process.env.ICEBOX_WRITE_DOCS === '1') await writeFile(DOCUMENT, made)
  expect(await readFile(DOCUMENT, 'utf8')).toBe(made)
})
