import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { mayHoldTwoSigns } from '../../src/ingest/source/two-signs.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-signs-'))
})
afterAll(() => rm(folder, { recursive: true }))

const MARKS = new Set(Buffer.from(',"'))
async function holds(text: string): Promise<boolean> {
  const path = join(folder, 'values.csv')
  await writeFile(path, text)
  return mayHoldTwoSigns(path, MARKS)
}

it.each(['+-1', '1,+-1\n', '1,"+-1"\n', '1, +-.5\n', '1\n+-1\n', '1\r\n+-1', '\t+-0'])(
  'a field may be a number with two signs in %j',
  async (text) => {
    expect(await holds(text)).toBe(true)
  },
)

it.each([
  '',
  '1,-1\n',
  '+1,-2',
  'C+-1',
  '1+-1',
  '+--+,+--+',
  ',+-x',
  '+ -1',
  '1,-+1',
  '--1',
  '+,-1',
  ',++-',
  '"+""-1"',
])('none is one in %j', async (text) => {
  expect(await holds(text)).toBe(false)
})

it('wherever the file is cut into chunks', async () => {
  const size = 1 << 20
  for (let at = size - 4; at <= size + 2; at++) {
    expect([at, await holds(`${'x'.repeat(at - 1)},+-1,x`)]).toEqual([at, true])
    expect([at, await holds(`${'x'.repeat(at - 1)},+,-1,x`)]).toEqual([at, false])
  }
})
