import { formatBytes } from '../base/index.ts'
import { allowedText, typeText } from './key-types.ts'
import { KEY_NAMES, type KeyName, specOf } from './keys.ts'
import type { Configuration } from './load.ts'
import { originText } from './sources.ts'

/** One line of `icebox config explain`. */
export interface ExplainRow {
  readonly key: KeyName
  /** As it was written. */
  readonly value: string
  readonly default: string
  /** `default`, `flag --set`, `environment ICEBOX_…`, `icebox.yaml line 3`. */
  readonly source: string
  readonly type: string
  readonly allowed: string
  readonly effect: string
  /** `in effect`, or `accepted, takes effect with …`. */
  readonly status: string
  /** What holds instead of the value where another rule changes it; empty otherwise. */
  readonly note: string
}

/** Every key with its value, its source and its effect. With the resolved budget (bytes) it says what the budget caps. */
export function explainConfiguration(configuration: Configuration, budgetBytes?: number): ExplainRow[] {
  return KEY_NAMES.map((key) => {
    const spec = specOf(key)
    const { text, origin } = configuration.texts[key]
    return {
      key,
      value: text,
      default: spec.default,
      source: originText(origin),
      type: typeText(spec),
      allowed: allowedText(spec),
      effect: spec.effect,
      status: spec.part === undefined ? 'in effect' : `accepted, takes effect with ${spec.part}`,
      note: noteOf(key, configuration, budgetBytes),
    }
  })
}

/** `performance.memory.pool_size` as it holds under a budget: at most a tenth of it. */
export function cappedPoolSize(poolSizeBytes: number, budgetBytes: number): number {
  return Math.min(poolSizeBytes, Math.floor(budgetBytes / 10))
}

function noteOf(key: KeyName, configuration: Configuration, budgetBytes: number | undefined): string {
  if (budgetBytes === undefined) return ''
  if (key === 'performance.memory.max_usage' && configuration.values[key] === 'auto') return formatBytes(budgetBytes)
  if (key === 'performance.memory.pool_size') {
    const capped = cappedPoolSize(configuration.values[key], budgetBytes)
    return capped < configuration.values[key] ? `${formatBytes(capped)}: capped at a tenth of the budget` : ''
  }
  return ''
}
