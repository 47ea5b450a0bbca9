import { RecordBatch, type Schema, Struct } from 'apache-arrow'
import { BufferRegion, FieldNode } from 'apache-arrow/ipc/metadata/message'
import { makeData } from 'apache-arrow/data'
import { VectorLoader } from 'apache-arrow/visitor/vectorloader'
import { IceboxError } from '../../base/index.ts'
import type { ArrowBatch } from '../port.ts'
import type { ArrowBody } from './body.ts'
import { batchHead } from './message.ts'

/** A body with its metadata, in the two forms that others take: bytes of IPC, and objects of apache-arrow over them. */
export class BodyBatch implements ArrowBatch {
  readonly rowCount: number
  readonly #schema: Schema
  #body: ArrowBody | undefined
  #isKept = false

  constructor(schema: Schema, body: ArrowBody) {
    this.#schema = schema
    this.#body = body
    this.rowCount = body.layout.rowCount
  }

  get byteLength(): number {
    return this.#open().layout.bodyBytes
  }

  message(): readonly [head: Uint8Array, body: Uint8Array] {
    const body = this.#open()
    return [batchHead(body.layout), body.bytes]
  }

  recordBatch(): RecordBatch {
    const { layout, bytes } = this.#open()
    const loader = new VectorLoader(
      bytes,
      layout.nodes.map((node) => new FieldNode(node.length, node.nullCount)),
      layout.buffers.map((buffer) => new BufferRegion(buffer.offset, buffer.length)),
      new Map(),
    )
    const { fields } = this.#schema
    const children = loader.visitMany([...fields])
    return new RecordBatch(
      this.#schema,
      makeData({ type: new Struct(fields), length: layout.rowCount, nullCount: 0, children }),
    )
  }

  keep(): Disposable {
    this.#open()
    this.#isKept = true
    return { [Symbol.dispose]: () => this.#release() }
  }

  /** The stream goes on: the buffer is given back unless somebody keeps it. */
  passed(): void {
    if (!this.#isKept) this.#release()
  }

  #release(): void {
    const body = this.#body
    this.#body = undefined
    body?.[Symbol.dispose]()
  }

  #open(): ArrowBody {
    if (this.#body !== undefined) return this.#body
    throw new IceboxError('usage/invalid', {
      message: 'an Arrow batch was used after the next one was asked for',
      remedy: 'call keep() while the batch is yours, and dispose what it gives when you are done',
    })
  }
}
