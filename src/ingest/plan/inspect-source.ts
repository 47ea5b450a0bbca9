import { emptySource, inspectCsv, type InspectScene } from '../inspect/csv.ts'
import { inspectArrow } from '../inspect/arrow.ts'
import { inspectJson } from '../inspect/json.ts'
import { inspectParquet } from '../inspect/parquet.ts'
import type { Inspection } from '../read/description.ts'
import type { JsonDocuments } from '../source/json-documents.ts'
import type { PreparedFile, PreparedSource } from '../source/prepare.ts'

/** What the files hold, by their heads, footers and a bounded sample. */
export async function inspectSource(
  prepared: PreparedSource,
  documents: JsonDocuments | undefined,
  scene: InspectScene,
): Promise<Inspection> {
  switch (prepared.format) {
    case 'csv':
      return inspectCsv(prepared.files, scene)
    case 'ndjson':
      return inspectJson(prepared.files, prepared.format, scene)
    case 'json':
      return firstLines(documents, await inspectJson(linesToInspect(prepared, documents), prepared.format, scene))
    case 'parquet':
      return inspectParquet(prepared.files, scene)
    case 'arrow':
      return inspectArrow(prepared.files)
  }
}

/** Of a pipe of documents only the first lines are there to be looked at. */
function firstLines(documents: JsonDocuments | undefined, inspection: Inspection): Inspection {
  return documents?.pipe === undefined ? inspection : { ...inspection, areRowsCounted: false }
}

/** The lines of documents, and documents without a byte, which a note is about. */
function linesToInspect(prepared: PreparedSource, documents: JsonDocuments | undefined): PreparedFile[] {
  const files = documents?.files ?? []
  if (files.length === 0) throw emptySource(prepared.files.map(({ path }) => path))
  const sized =
    documents?.pipe === undefined ? files : files.map((file) => ({ ...file, sizeBytes: documents.estimatedBytes }))
  return [...sized, ...prepared.files.filter(({ sizeBytes }) => sizeBytes === 0)]
}
