import { describePlan } from '../../ingest/index.ts'
import type { ImportPlan } from '../../lakehouse/api.ts'
import { documentText } from '../output/json-value.ts'
import { visibleLines } from '../output/text-width.ts'

/** What `--dry-run` prints for people. */
export function planText(plan: ImportPlan): string {
  return `${visibleLines(describePlan(plan)).trimEnd()}\n`
}

/** The plan as a document; how it is carried out inside is left out. */
export function planJson(plan: ImportPlan): string {
  const { details: _, ...shown } = plan
  return `${documentText(shown)}\n`
}
