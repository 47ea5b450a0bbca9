export { allocatorControl } from './allocator.ts'
export { arrowOfTexts } from './arrow-out/texts.ts'
export { arrowSqlType } from './arrow-types.ts'
export { ARROW, type ArrowType } from './arrow-data.ts'
export { isEngineLoaded } from './binding.ts'
export { countZeros, writeValidity } from './arrow-out/bits.ts'
export { clearPadding, LayoutBuilder } from './arrow-out/layout.ts'
export type { ArrowLayout } from './arrow-out/layout.ts'
export type { LaunchOptions } from './child/launch.ts'
export { type ScalarFamilies, serveEngine } from './child/serve.ts'
export { Gate } from './gate.ts'
export { type EngineOptions, openEngine } from './open-engine.ts'
export { type EngineProbe, probeEngine } from './probe.ts'
export { requireArray, requireParameters } from './parameters.ts'
export type {
  ArrowBatch,
  ArrowOptions,
  ArrowStream,
  ColumnarBatch,
  Engine,
  EngineMemory,
  EngineSession,
  ResultColumn,
  ResultStream,
  RunOptions,
  ScalarFunction,
  SqlParameter,
  SqlValue,
} from './port.ts'

/** Heads of messages of Arrow IPC. Loads apache-arrow (100 ms, 15 MiB). */
export function arrowHeads(): Promise<
  Pick<typeof import('./arrow-out/message.ts'), 'batchHead' | 'dictionaryHead' | 'schemaMessage'>
> {
  return import('./arrow-out/message.ts')
}
