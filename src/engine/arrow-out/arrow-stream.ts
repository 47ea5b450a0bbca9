import type { Schema } from 'apache-arrow'
import type { ArrowBatch, ArrowStream, ResultColumn } from '../port.ts'
import type { EngineType } from '../types.ts'
import { BodyBatch } from './arrow-batch.ts'
import type { ArrowBody } from './body.ts'
import { endOfStream, schemaMessage } from './message.ts'
import { arrowSchema } from './schema.ts'

/** Bodies as record batches; each is given back when the next is asked for. Loads apache-arrow (100 ms, 15 MiB). */
export class BodyStream implements ArrowStream {
  readonly schema: Schema
  readonly #bodies: AsyncIterable<ArrowBody>

  /** Rejects (throws) `schema/unsupported-type`. */
  constructor(columns: readonly ResultColumn[], types: readonly EngineType[], bodies: AsyncIterable<ArrowBody>) {
    this.schema = arrowSchema(columns, types)
    this.#bodies = bodies
  }

  begin(): Uint8Array {
    return schemaMessage(this.schema)
  }

  end(): Uint8Array {
    return endOfStream()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ArrowBatch, void, undefined> {
    let batch: BodyBatch | undefined
    try {
      for await (const body of this.#bodies) {
        batch = new BodyBatch(this.schema, body)
        yield batch
        batch.passed()
        batch = undefined
      }
    } finally {
      batch?.passed()
    }
  }
}
