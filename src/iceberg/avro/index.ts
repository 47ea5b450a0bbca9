export { type AvroBlock, type AvroHeader, readAvroContainer } from './container-reader.ts'
export { AvroContainerWriter } from './container-writer.ts'
export { AvroDecoder } from './decoder.ts'
export { AvroEncoder } from './encoder.ts'
export { invalidAvro } from './invalid.ts'
export {
  booleanReader,
  bytesReader,
  intReader,
  listReader,
  type MakeRead,
  longReader,
  mapReader,
  nullable,
  type Read,
  skipper,
  stringReader,
} from './readers.ts'
export { type AvroField, type AvroRecord, type AvroType, parseAvroSchema } from './schema.ts'
