import { divideFiles, divisionPlans } from '../divide/divide-files.ts'
import type { ImportPlan } from '../plan/import-plan.ts'
import type { SourceDescription } from '../read/description.ts'
import { type DividableText, NotDividable } from '../write/dividable-text.ts'
import type { ExecuteOptions } from './execute-options.ts'

/** The text of an import that is divided by partition; undefined for one that is not. */
export function dividableText(
  plan: ImportPlan,
  { services, signal }: Pick<ExecuteOptions, 'services' | 'signal'>,
  select: (source: SourceDescription) => string,
): DividableText | undefined {
  const { division, source } = plan.details
  if (division === undefined || source.format !== 'csv') return undefined
  const { governor, engine, operation } = services
  const groups = plan.estimate.partitions ?? 1
  return {
    async divide(folder, onProgress) {
      for (const { threads, slotBytes, bytes } of divisionPlans(groups, engine.plan.copyThreads)) {
        const reservation = governor.tryReserve({ consumer: `${operation}/division`, bytes })
        if (reservation === undefined) continue
        using _held = reservation
        return await divideFiles({
          ...division,
          paths: plan.files.map(({ path }) => path),
          folder,
          groups,
          threads,
          slotBytes,
          signal,
          onProgress: (done) => onProgress(done / plan.estimate.sourceBytes),
        })
      }
      throw new NotDividable('the memory for it is not free')
    },
    select: (paths) =>
      select({
        ...source,
        groups: source.groups.map((group) => ({ ...group, paths, dialect: { ...group.dialect, hasHeader: false } })),
      }),
    openSession: () => engine.session(signal),
  }
}
