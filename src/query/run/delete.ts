import { IceboxError, isIceboxError, tableSql } from '../../base/index.ts'
import { type TableIdentifier, tableText } from '../../catalog/index.ts'
import { isUnpartitioned, type LoadedTable, type Predicate, type Schema, schemaOf } from '../../iceberg/index.ts'
import type { Delete } from '../parse/ast.ts'
import type { Meter, QueryServices, StatementOptions, StatementResult } from '../port.ts'
import { replaceSpans, type Replacement } from '../resolve/replace.ts'
import { resolveTables } from '../resolve/resolve.ts'
import type { ResolvedTable } from '../resolve/resolved-table.ts'
import { mentionedNames, nameChains } from '../text/names.ts'
import type { StatementText } from '../text/statements.ts'
import { explainError } from './errors.ts'
import { isUtc, type QueryParts, runOptions, type SessionState } from './query.ts'
import { hasColumn } from './layout.ts'
import { doneResult } from './results.ts'
import { probe, probeView } from './scan-plan.ts'
import { systemView } from './system-tables.ts'
import { needTable } from './table-names.ts'
import { commit } from './write.ts'

/**
 * How to take single rows out. An overwrite of partitions would leave those of which no row stays, and NOT would lose
 * rows for which the condition is null.
 */
function instead({ namespace, name }: TableIdentifier, { metadata }: LoadedTable): string {
  const table = tableSql(namespace, name)
  const spec = metadata.partitionSpecs.find((known) => known.specId === metadata.defaultSpecId)
  const rows = `SELECT * FROM ${table} WHERE (…) IS NOT TRUE`
  const rewrite =
    spec === undefined || isUnpartitioned(spec)
      ? `INSERT OVERWRITE ${table} ${rows}`
      : `CREATE OR REPLACE TABLE ${table} PARTITIONED BY (…) AS ${rows}`
  return `delete whole partitions or files, or write the rows that stay: ${rewrite}; row deletes come with a later version`
}

/**
 * `DELETE FROM` and `TRUNCATE` as a change of metadata: only files all of whose rows match are removed, and none is
 * read. The condition is taken from the optimizer's plan, and only where the plan says exactly the same as the text.
 */
export async function runDelete(
  statement: Delete,
  text: StatementText,
  state: SessionState,
  options: StatementOptions,
  parts: QueryParts,
  services: QueryServices,
  meter: Meter,
): Promise<StatementResult> {
  const identifier = await needTable(parts.catalog, statement.table, text, state.defaultNamespace)
  const name = tableText(identifier)
  const base = await parts.catalog.loadTable(identifier)
  const where: Predicate =
    statement.rows === undefined
      ? { op: 'true' }
      : await conditionOf(statement.rows, identifier, base, state, options, parts)
  const before = base.metadata.currentSnapshotId
  try {
    const done = await commit(services, identifier, base, (transaction) => transaction.deleteFiles({ where }), options)
    const { snapshot } = done
    const isNew = snapshot !== undefined && snapshot.snapshotId !== before
    const rows = isNew ? Number(snapshot.summary['deleted-records'] ?? 0) : 0
    const files = isNew ? Number(snapshot.summary['deleted-data-files'] ?? 0) : 0
    const verb = statement.kind === 'truncate' ? 'truncated' : 'deleted'
    const what = `${rows} ${rows === 1 ? 'row' : 'rows'} in ${files} ${files === 1 ? 'file' : 'files'}`
    const message = statement.kind === 'truncate' ? `${verb} ${name}: ${what}` : `${verb} ${what} of ${name}`
    return doneResult(statement.kind, message, meter, {
      rows,
      files,
      bytesWritten: done.bytesWritten,
      snapshotId: isNew ? snapshot.snapshotId : undefined,
    })
  } catch (error) {
    if (!isIceboxError(error, 'iceberg/unsupported')) throw error
    throw new IceboxError('sql/unsupported', {
      message: `this DELETE would take single rows out of files: ${error.message}`,
      remedy: instead(identifier, base),
      context: { ...error.context, table: name },
      cause: error,
    })
  }
}

/** Whether the text names a field inside a struct: `s.x`, or `t.s.x`. */
function namesNested({ tokens }: StatementText, schema: Schema): boolean {
  return nameChains(tokens).some(({ parts }) =>
    [parts, parts.slice(1)].some((path) => path.length > 1 && hasColumn(schema, path)),
  )
}

/** The condition as a filter on fields, exactly. Rejects `sql/unsupported` where it cannot be had. */
async function conditionOf(
  rows: StatementText,
  identifier: TableIdentifier,
  base: LoadedTable,
  state: SessionState,
  options: StatementOptions,
  parts: QueryParts,
): Promise<Predicate> {
  const table = tableText(identifier)
  const lease = await parts.sessions.lease(state.settings)
  let sent = rows.sql
  let replaced: readonly Replacement[] = []
  try {
    const context = {
      catalog: parts.catalog,
      io: parts.io,
      session: lease.session,
      defaultNamespace: state.defaultNamespace,
      signal: options.signal,
    }
    const { tables, replacements } = await resolveTables(rows, context)
    replaced = replacements
    sent = replaceSpans(rows.sql, replacements)
    const probeFile = await parts.probeFile()
    const numberOf = (found: ResolvedTable): number => parts.spaces.numberOf(found)
    const views = tables.map((found) =>
      found.system === undefined ? probeView(found, numberOf(found), probeFile) : systemView(found, parts.manifests),
    )
    const words = mentionedNames(rows.tokens)
    const { space } = await parts.spaces.acquire(views, words, lease.session, options.signal)
    try {
      await lease.use(space.database, state.defaultNamespace)
      const numbered = new Map(
        tables.filter((found) => found.system === undefined).map((found) => [numberOf(found), found] as const),
      )
      const reading = await probe(lease.session, sent, numbered, isUtc(state), runOptions(options))
      if (reading?.isEmpty === true) return { op: 'false' }
      const target = tables.find((found) => found.label === table && found.system === undefined)
      const found = target === undefined ? undefined : reading?.tables.get(numberOf(target))
      if (reading?.isSingleScan === true && found?.isExact === true && found.scans === 1) return found.predicate
    } finally {
      parts.spaces.release(space)
    }
  } catch (error) {
    throw await explainError(error, rows, sent, replaced, parts.catalog)
  } finally {
    await lease.release()
  }
  const why = namesNested(rows, schemaOf(base.metadata))
    ? 'a field inside a struct decides about no whole files yet'
    : 'it must compare columns with values'
  throw new IceboxError('sql/unsupported', {
    message: `the condition of this DELETE on ${table} cannot be decided for whole files: ${why}`,
    remedy: instead(identifier, base),
    context: { table },
  })
}
