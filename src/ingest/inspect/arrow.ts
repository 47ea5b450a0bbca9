import { IceboxError } from '../../base/index.ts'
import { type ArrowColumn, arrowColumns, hasSameColumns } from '../arrow/arrow-columns.ts'
import { ArrowFile, arrowSchemaOf } from '../arrow/arrow-file.ts'
import type { Inspection } from '../read/description.ts'
import type { SourceFile } from '../source/locate.ts'
import { emptySource } from './csv.ts'
import { checkNames } from './names.ts'

/** Columns of Arrow IPC files or streams from their schema message. */
export async function inspectArrow(files: readonly SourceFile[]): Promise<Inspection> {
  const first = files[0]
  if (first === undefined) throw new IceboxError('source/empty', { message: 'no Arrow file', remedy: 'name one' })
  let columns: ArrowColumn[] | undefined
  for (const file of files) {
    const here = await columnsOf(file.path)
    checkNames(
      here.map((column) => column.name),
      file.path,
    )
    if (columns !== undefined && !hasSameColumns(columns, here)) {
      throw new IceboxError('schema/mismatch', {
        message: `${file.path} has other columns than ${first.path}`,
        remedy: 'import the files apart',
        context: { file: file.path },
      })
    }
    columns = here
  }
  const found = columns ?? []
  if (found.length === 0)
    throw emptySource(
      files.map((file) => file.path),
      'has no columns',
    )
  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  const width = found.reduce((sum, column) => sum + (column.type === 'VARCHAR' ? 24 : 8), 0)
  return {
    description: { format: 'arrow', paths: files.map((file) => file.path), columns: found },
    columns: found.map((column) => ({ name: column.name, sourceType: column.type, why: 'the type in the file' })),
    sampledRows: 0,
    estimatedRows: Math.round(totalBytes / Math.max(1, width)),
    areRowsCounted: false,
    rowWidthBytes: Math.max(8, width),
    notes: [],
  }
}

async function columnsOf(path: string): Promise<ArrowColumn[]> {
  await using file = await ArrowFile.open(path)
  return arrowColumns(await arrowSchemaOf(file))
}
