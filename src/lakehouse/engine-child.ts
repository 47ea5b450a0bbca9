// The process of an engine that runs apart: started by openEngine with `process: 'child'`, never by hand.
import { serveEngine } from '../engine/index.ts'
import { BUCKET_FAMILY } from '../ingest/index.ts'

serveEngine(BUCKET_FAMILY)
