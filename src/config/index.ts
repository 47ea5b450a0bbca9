export { renderDefaultFile } from './default-file.ts'
export { cappedPoolSize, type ExplainRow, explainConfiguration } from './explain.ts'
export { KEY_NAMES, specOf } from './keys.ts'
export {
  type Configuration,
  type ConfigurationSources,
  defaultConfiguration,
  findConfigurationProblems,
  loadConfiguration,
} from './load.ts'
export { originText, variableOf } from './sources.ts'
