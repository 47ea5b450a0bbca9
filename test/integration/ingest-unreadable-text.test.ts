import { expect, it } from 'vitest'
import { zstdFrame } from '../support/zstd-frame.ts'
import { failure, openKit } from './ingest-kit.ts'

it.each([
  ['LF among CRLF', 'id,v\r\n1,a\r\n2,"x\ny"\r\n3,b\n4,c\r\n', { line: 5 }],
  ['CRLF among LF', 'id,v\n1,a\n2,b\r\n3,c\n', { line: 3 }],
  ['CR in a value', 'id,v\n1,"a\rb"\n2,c\rd\n3,e\n', { line: 3 }],
  ['CR twice', 'id,v\r\r\n1,a\r\r\n', { line: 1 }],
])(
  'line ends that cannot be read are named with their line, and the remedy is no option that was given: %s',
  async (_, text, place) => {
    await using kit = await openKit()
    const path = await kit.file('ends.csv', text)
    const error = await failure(kit.import({ sources: [path], onError: 'reject' }))
    expect(error).toMatchObject({ code: 'source/format', context: { file: path, ...place } })
    expect(error.remedy).not.toContain('--on-error')
  },
)

it('the head of a zstd file that is no text is told with its file', async () => {
  await using kit = await openKit()
  const path = await kit.file('latin.csv.zst', zstdFrame(Buffer.from('id,v\n1,a\n2,\xe9\n', 'latin1')))
  const error = await failure(kit.import({ sources: [path] }))
  expect(error).toMatchObject({ code: 'source/encoding', message: `${path}, line 3: the text is not UTF-8` })
})

it('a character beyond U+FFFF in UTF-16 is named with its line', async () => {
  await using kit = await openKit()
  const path = await kit.file('wide.csv', Buffer.from('\uFEFFid,v\n1,é\n2,a😀b\n', 'utf16le'))
  const error = await failure(kit.import({ sources: [path], csv: { encoding: 'utf-16' } }))
  expect(error).toMatchObject({ code: 'source/encoding', context: { file: path, line: 3 } })
  expect(error.message).toContain("'😀'")
})

it('names of columns that are no UTF-8 are refused; U+FFFD itself is a name', async () => {
  await using kit = await openKit()
  const path = await kit.file('names.csv', Buffer.from('id,gr\xf6\xdfe\n1,2\n', 'latin1'))
  expect(await failure(kit.import({ sources: [path] }))).toMatchObject({
    code: 'source/encoding',
    message: `${path}: the names in its header are not UTF-8`,
  })
  await kit.import({ sources: [await kit.file('fffd.csv', 'id,\ufffd\n1,2\n')] })
  expect(await kit.read('SELECT id, "\ufffd" AS v FROM $T')).toEqual([{ id: 1n, v: 2n }])
})

it('a delimiter of backslash and t, as a shell gives it, is a tab', async () => {
  await using kit = await openKit()
  const path = await kit.file('tab.txt', 'id\tv\n1\ta,b\n')
  const delimiter = String.raw`\t`
  await kit.import({ sources: [path], format: 'csv', csv: { delimiter } })
  expect(await kit.read('SELECT id, v FROM $T')).toEqual([{ id: 1n, v: 'a,b' }])
})
