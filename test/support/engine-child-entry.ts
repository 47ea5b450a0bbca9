import { serveEngine } from '../../src/engine/index.ts'
import { BUCKET_FAMILY } from '../../src/ingest/index.ts'
import { TEST_FAMILIES } from './scalar-families.ts'

serveEngine({ ...BUCKET_FAMILY, ...TEST_FAMILIES })
