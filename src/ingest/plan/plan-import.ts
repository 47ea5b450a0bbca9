import type { LoadedTable } from '../../iceberg/index.ts'
import { noRejects } from '../read/no-rejects.ts'
import { spoolDocuments } from '../source/json-documents.ts'
import { fromStart, ofStandardInput } from '../source/pipe-errors.ts'
import { type PreparedSource, prepareSource } from '../source/prepare.ts'
import { checkZstd } from '../source/zstd.ts'
import { targetSize } from '../write/table-properties.ts'
import { importedBefore } from './import-key.ts'
import type { ImportPlan } from './import-plan.ts'
import { checkRequest, existingTable, type ImportRequest, mayCut, withTab } from './import-request.ts'
import { pieceBytes } from './piece-size.ts'
import { planSource } from './plan-source.ts'
import type { IngestServices } from './services.ts'
import { skipPlan } from './skip-plan.ts'

/**
 * Decides everything about an import without changing anything: reads heads, footers and a bounded sample. Standard input
 * is spooled, and the spool is the caller's to remove, by `executeImport` or by hand. Rejects `source/*`, `schema/*`,
 * `table/exists`, `ingest/*`, `usage/invalid`.
 */
export async function planImport(asked: ImportRequest, services: IngestServices): Promise<ImportPlan> {
  const request = withTab(asked)
  checkRequest(request)
  const { signal } = request
  const existing = await existingTable(services.catalog, request)
  const piece = mayCut(request, existing)
    ? pieceBytes(targetSize(existing?.metadata.properties ?? {}, services.settings.targetFileSizeBytes))
    : undefined
  const prepared = await prepareSource(request.sources, {
    spoolDirectory: services.settings.spoolDirectory,
    journal: services.journal,
    ...(request.format === undefined ? {} : { format: request.format }),
    ...(request.standardInput === undefined ? {} : { standardInput: request.standardInput }),
    ...(piece !== undefined && {
      cut: {
        dialect: {
          delimiter: request.csv?.delimiter,
          quote: request.csv?.quote,
          escape: request.csv?.escape,
          hasHeader: request.csv?.header,
        },
        maxLineSizeBytes: services.settings.maxLineSizeBytes,
        pieceBytes: piece,
      },
    }),
    ...(signal === undefined ? {} : { signal }),
  })
  try {
    return await planPrepared(request, existing, prepared, piece, services)
  } catch (error) {
    await prepared.spooled?.remove()
    throw prepared.spooled === undefined ? error : ofStandardInput(error, [fromStart(prepared.spooled.path)])
  }
}

async function planPrepared(
  request: ImportRequest,
  existing: LoadedTable | undefined,
  prepared: PreparedSource,
  piece: number | undefined,
  services: IngestServices,
): Promise<ImportPlan> {
  const { signal } = request
  await using session = await services.engine.session(signal)
  using _lease = await services.governor.reserve({
    consumer: `${services.operation}/sample`,
    bytes: 4_000_000,
    ...(signal === undefined ? {} : { signal }),
  })
  if (
    request.key !== undefined &&
    existing !== undefined &&
    importedBefore(existing, request.key, prepared.fingerprint)
  ) {
    return skipPlan(request, prepared)
  }
  for (const file of prepared.files) if (file.compression === 'zstd') await checkZstd(file.path)
  if (prepared.format !== 'json') return await planSource(request, existing, prepared, undefined, session, services)
  if (request.onError === 'reject') throw noRejects('json')
  const documents = await spoolDocuments(prepared.files, {
    session,
    spoolDirectory: services.settings.spoolDirectory,
    journal: services.journal,
    maxLineSizeBytes: services.settings.maxLineSizeBytes,
    pieceBytes: piece,
    signal,
  })
  try {
    return await planSource(request, existing, prepared, documents, session, services)
  } catch (error) {
    const named = await documents.named(error)
    await documents.remove()
    throw named
  }
}
