import type { Catalog } from '../../catalog/index.ts'
import type { Engine } from '../../engine/index.ts'
import type { ManifestCache } from '../../iceberg/index.ts'
import type { BufferAllocator, Governor } from '../../memory/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import type { WriteJournal } from '../write/journal.ts'

/** What imports work with; the lakehouse makes it. */
export interface IngestServices {
  readonly engine: Engine
  readonly catalog: Catalog
  readonly io: ObjectStore
  readonly governor: Pick<Governor, 'reserve' | 'tryReserve' | 'advice'>
  /** Where bodies of Arrow messages are while they are read. */
  readonly buffers: BufferAllocator
  readonly journal: WriteJournal
  readonly manifests?: ManifestCache
  readonly settings: IngestSettings
  /** First level of consumer names: `import 3`. */
  readonly operation: string
}

export interface IngestSettings {
  /** `ingest.sample_rows` */
  readonly sampleRows: number
  /** `ingest.max_line_size` */
  readonly maxLineSizeBytes: number
  /** `storage.target_file_size` */
  readonly targetFileSizeBytes: number
  /** Standard input is written here; on disk. */
  readonly spoolDirectory: string
  /** Rows of partitioned writes are staged here; on disk. */
  readonly stagingDirectory: string
  /** Rejects files are made here. */
  readonly rejectsDirectory: string
}
