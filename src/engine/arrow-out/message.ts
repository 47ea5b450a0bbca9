import { Message, type Schema } from 'apache-arrow'
import { BufferRegion, DictionaryBatch, FieldNode, RecordBatch as BatchHeader } from 'apache-arrow/ipc/metadata/message'
import type { ArrowLayout } from './layout.ts'

/** Begins every encapsulated message (Arrow format, "Encapsulated message format"). */
const CONTINUATION = 0xffff_ffff
const PREFIX_BYTES = 8
const ALIGNMENT = 8

/** The first message of an IPC stream. */
export function schemaMessage(schema: Schema): Uint8Array<ArrayBuffer> {
  return encapsulated(Message.encode(Message.from(schema)))
}

/** What stands before the body in the message of a record batch. */
export function batchHead(layout: ArrowLayout): Uint8Array<ArrayBuffer> {
  return encapsulated(Message.encode(Message.from(headerOf(layout), layout.bodyBytes)))
}

/** The same for values of a dictionary, or for more of them (`isDelta`). */
export function dictionaryHead(layout: ArrowLayout, id: number, isDelta: boolean): Uint8Array<ArrayBuffer> {
  const header = new DictionaryBatch(headerOf(layout), id, isDelta)
  return encapsulated(Message.encode(Message.from(header, layout.bodyBytes)))
}

/** Ends an IPC stream. */
export function endOfStream(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PREFIX_BYTES)
  new DataView(bytes.buffer).setUint32(0, CONTINUATION, true)
  return bytes
}

function headerOf(layout: ArrowLayout): BatchHeader {
  return new BatchHeader(
    layout.rowCount,
    layout.nodes.map((node) => new FieldNode(node.length, node.nullCount)),
    layout.buffers.map((buffer) => new BufferRegion(buffer.offset, buffer.length)),
    null,
  )
}

function encapsulated(flatbuffer: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = Math.ceil((PREFIX_BYTES + flatbuffer.byteLength) / ALIGNMENT) * ALIGNMENT
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, CONTINUATION, true)
  view.setInt32(4, length - PREFIX_BYTES, true)
  bytes.set(flatbuffer, PREFIX_BYTES)
  return bytes
}
