export { renderDefaultFile } from './default-file.ts'
export { cappedPoolSize, type ExplainRow, explainConfiguration } from './explain.ts'
export { type KeySpec, type KeyType, typeText } from './key-types.ts'
export { type ConfigurationValues, KEY_NAMES, type KeyName, specOf } from './keys.ts'
export {
  type Configuration,
  type ConfigurationSources,
  defaultConfiguration,
  findConfigurationProblems,
  loadConfiguration,
} from './load.ts'
export { type Origin, originText, variableOf } from './sources.ts'
