import type { ImportPlan } from '../../lakehouse/api.ts'
import { documentText } from '../output/json-value.ts'

/** What `--dry-run` prints for people. */
export function planText(plan: ImportPlan): string {
  return `${documentText(plan)}\n`
}
