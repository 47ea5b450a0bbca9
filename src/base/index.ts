export { cancelledError, throwIfCancelled } from './cancel.ts'
export { whenAborted } from './when-aborted.ts'
export { formatCount } from './counts.ts'
export { distinctNames, setOwn } from './distinct-names.ts'
export { type DuckDbType, parseDuckDbType } from './duckdb-type.ts'
export { formatDuration, parseDuration } from './durations.ts'
export { ERROR_CODES, type ErrorCode } from './error-codes.ts'
export {
  type ErrorContext,
  type ErrorDetails,
  IceboxError,
  isIceboxError,
  messageOf,
  systemCode,
  unreachable,
} from './errors.ts'
export { didYouMean } from './did-you-mean.ts'
export { freeSpaceBytes, makeFolders } from './folders.ts'
export { type Json, parseJson, printJson } from './json.ts'
export { missingFolders, type MissingFolders } from './missing-folders.ts'
export { nearestNames } from './nearest.ts'
export {
  aBoolean,
  aCount,
  aFunction,
  anObject,
  aSignal,
  aText,
  checkArgument,
  checkOptions,
  oneOf,
  type OptionRules,
  options,
  texts,
} from './options.ts'
export { ownPackage } from './package.ts'
export { packagedScript } from './packaged-script.ts'
export { readProcStat } from './proc-stat.ts'
export { judgeProcess, ownProcess, type ProcessIdentity } from './process-identity.ts'
export { quotedForShell } from './shell-word.ts'
export { hasThreadEnded, ownThread, type ThreadIdentity } from './thread-identity.ts'
export { shownValue } from './shown-value.ts'
export { formatBytes, parseSize } from './sizes.ts'
export { sqlName } from './sql-name.ts'
export { parseTableName, tableSql } from './table-name.ts'
export { halfPairAt } from './text.ts'
export { brokenUtf8Line, textOfUtf8 } from './utf8.ts'
export { unpackZstandard } from './zstandard.ts'
