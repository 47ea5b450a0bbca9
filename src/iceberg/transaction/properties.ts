import { parseFormatVersion, type TableUpdate } from '../metadata/index.ts'
import type { TableAction } from './action.ts'

/** Sets table properties; `format-version` is not a property but upgrades the table. */
export function setPropertiesAction(set: Readonly<Record<string, string>>): TableAction {
  const { 'format-version': version, ...updates } = set
  return {
    apply: ({ metadata }) => {
      const made: TableUpdate[] = []
      const formatVersion = version === undefined ? undefined : parseFormatVersion(version)
      if (formatVersion !== undefined && formatVersion !== metadata.formatVersion) {
        made.push({ action: 'upgrade-format-version', formatVersion })
      }
      const changed = Object.entries(updates).some(([key, value]) => metadata.properties[key] !== value)
      if (changed) made.push({ action: 'set-properties', updates })
      return { updates: made, guards: [] }
    },
  }
}

/** Removes table properties; those that are not set are no error. */
export function removePropertiesAction(keys: readonly string[]): TableAction {
  return {
    apply: ({ metadata }) => {
      const removals = keys.filter((key) => metadata.properties[key] !== undefined)
      return { updates: removals.length === 0 ? [] : [{ action: 'remove-properties', removals }], guards: [] }
    },
  }
}
