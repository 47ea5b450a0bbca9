export { allocatorControl } from './allocator.ts'
export { arrowOfTexts } from './arrow-out/texts.ts'
export { arrowSqlType } from './arrow-types.ts'
export type { ArrowType } from './arrow-data.ts'
export type { LaunchOptions } from './child/launch.ts'
export { type ScalarFamilies, serveEngine } from './child/serve.ts'
export { Gate } from './gate.ts'
export { type EngineOptions, openEngine } from './open-engine.ts'
export { type EngineProbe, probeEngine } from './probe.ts'
export { requireParameters } from './parameters.ts'
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
