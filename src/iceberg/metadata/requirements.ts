import { IceboxError, unreachable } from '../../base/index.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import type { TableRequirement } from './updates.ts'

/**
 * Checks what a commit asks of the current metadata; `undefined` means that the table does not exist.
 * Throws `catalog/commit-conflict` (retryable), naming the requirement, what was expected and what is there.
 */
export function checkRequirements(base: TableMetadata | undefined, requirements: readonly TableRequirement[]): void {
  for (const requirement of requirements) {
    const problem = violation(base, requirement)
    if (problem === undefined) continue
    throw new IceboxError('catalog/commit-conflict', {
      message: `another writer committed first: ${problem}`,
      remedy: 'load the table again and repeat the change',
      context: { requirement: requirement.type },
      retryable: true,
    })
  }
}

function violation(base: TableMetadata | undefined, requirement: TableRequirement): string | undefined {
  if (requirement.type === 'assert-create') return base === undefined ? undefined : 'the table exists by now'
  if (base === undefined) return 'the table does not exist any more'
  switch (requirement.type) {
    case 'assert-table-uuid':
      return differs('the uuid of the table', requirement.uuid.toLowerCase(), base.tableUuid.toLowerCase())
    case 'assert-ref-snapshot-id':
      return differs(
        `snapshot of '${requirement.ref}'`,
        requirement.snapshotId ?? 'none',
        refSnapshot(base, requirement.ref) ?? 'none',
      )
    case 'assert-last-assigned-field-id':
      return differs('the last assigned field id', requirement.lastAssignedFieldId, base.lastColumnId)
    case 'assert-current-schema-id':
      return differs('the current schema', requirement.currentSchemaId, base.currentSchemaId)
    case 'assert-last-assigned-partition-id':
      return differs('the last assigned partition field id', requirement.lastAssignedPartitionId, base.lastPartitionId)
    case 'assert-default-spec-id':
      return differs('the default partition spec', requirement.defaultSpecId, base.defaultSpecId)
    case 'assert-default-sort-order-id':
      return differs('the default sort order', requirement.defaultSortOrderId, base.defaultSortOrderId)
    default:
      return unreachable(requirement)
  }
}

function refSnapshot(base: TableMetadata, ref: string): bigint | undefined {
  return ref === 'main' ? base.currentSnapshotId : base.refs[ref]?.snapshotId
}

function differs(
  what: string,
  expected: string | number | bigint,
  found: string | number | bigint,
): string | undefined {
  return expected === found ? undefined : `${what} was expected to be ${expected} and is ${found}`
}
