import { IceboxError, isIceboxError, didYouMean, nearestNames, sqlName } from '../../base/index.ts'
import { tableText } from '../../catalog/index.ts'
import type { RunningOperation } from '../../memory/index.ts'
import type { Statement } from '../parse/ast.ts'
import { parseStatement } from '../parse/parse.ts'
import type { Meter, QueryServices, StatementOptions, StatementResult } from '../port.ts'
import type { StatementText } from '../text/statements.ts'
import { CatalogNames } from '../resolve/names-in-catalog.ts'
import { runAlter } from './alter.ts'
import { runCreateTable, tableExists } from './create.ts'
import { runDelete } from './delete.ts'
import { scanReportText, withColumnNames } from './explain.ts'
import { runExport } from './export-parquet.ts'
import { runInsert } from './insert.ts'
import { admit, openWithin, planMemory } from './memory-plan.ts'
import { openStream, prepare, type QueryParts, runOptions, type SessionState } from './query.ts'
import { doneResult, streamResult } from './results.ts'
import {
  allowedSetting,
  createStatement,
  describeTable,
  showSchemas,
  showTables,
  type SmallTable,
  valuesOf,
} from './show.ts'
import { findTable, knownNamespace, needTable, writtenTable } from './table-names.ts'
import { canSortInPasses, type SortedRows, withinSort } from './sort-passes.ts'
import { startTimeout } from './timeout.ts'
import { textOf } from './result-text.ts'

export interface Executed {
  readonly result: StatementResult
  /** What the statement changed of the connection. */
  readonly state?: SessionState
}

/** Runs one statement. */
export async function execute(
  text: StatementText,
  state: SessionState,
  options: StatementOptions,
  parts: QueryParts,
  services: QueryServices,
): Promise<Executed> {
  const statement = parseStatement(text)
  const timeout = startTimeout(services.timeoutMs, options.signal)
  const measured = services.startMeter(statement.kind)
  // A statement is over when its meter is stopped.
  const meter: Meter = {
    figures: () => measured.figures(),
    stop() {
      timeout.stop()
      measured.stop()
    },
  }
  const timed = timeout.signal === undefined ? options : { ...options, signal: timeout.signal }
  try {
    await parts.turns.enter(timed.signal)
    try {
      return await run(statement, text, state, timed, parts, services, meter)
    } finally {
      // Rows that are still read hold nobody up: their reader may run other statements between two of them.
      parts.turns.leave()
    }
  } catch (error) {
    meter.stop()
    throw error
  }
}

async function run(
  statement: Statement,
  text: StatementText,
  state: SessionState,
  options: StatementOptions,
  parts: QueryParts,
  services: QueryServices,
  meter: Meter,
): Promise<Executed> {
  const { catalog } = parts
  const { parquetFile } = options
  const query = async (rows: StatementText): Promise<Executed> => ({
    result:
      parquetFile === undefined
        ? await runQuery(rows, state, options, parts, services, meter)
        : await runExport(rows, parquetFile, state, options, parts, services, meter),
  })
  const small = async (kind: 'describe' | 'show', table: SmallTable): Promise<Executed> =>
    parquetFile === undefined ? { result: doneResult(kind, '', meter, {}, table) } : await query(valuesOf(table))
  if (parquetFile !== undefined && !/^(query|describe|show\b.*)$/.test(statement.kind)) {
    throw new IceboxError('sql/unsupported', {
      message: `only rows are written to a Parquet file, and ${statement.kind} has none`,
      remedy: 'write another format, or use a SELECT',
      context: { statement: statement.kind },
    })
  }
  switch (statement.kind) {
    case 'query':
      return await query(statement.query)
    case 'explain':
      return { result: await runExplain(statement, state, options, parts, services, meter) }
    case 'insert':
      return { result: await runInsert(statement, text, state, options, parts, services, meter) }
    case 'create table':
      return { result: await runCreateTable(statement, text, state, options, parts, services, meter) }
    case 'alter table':
      return { result: await runAlter(statement, text, state, options, parts, services, meter) }
    case 'delete':
    case 'truncate':
      return { result: await runDelete(statement, text, state, options, parts, services, meter) }
    case 'drop table': {
      const table = await findTable(catalog, statement.table, text, state.defaultNamespace)
      if (table === undefined && statement.ifExists) {
        return { result: doneResult('drop table', 'there is no such table; nothing was done', meter) }
      }
      const found = table ?? (await needTable(catalog, statement.table, text, state.defaultNamespace))
      await services.settle(found)
      await catalog.dropTable(found, { purge: statement.purge })
      const how = statement.purge ? 'dropped and purged' : 'dropped'
      return { result: doneResult('drop table', `${how} table ${tableText(found)}`, meter) }
    }
    case 'rename table': {
      const table = await findTable(catalog, statement.table, text, state.defaultNamespace)
      if (table === undefined && statement.ifExists) {
        return { result: doneResult('alter table', 'there is no such table; nothing was done', meter) }
      }
      const from = table ?? (await needTable(catalog, statement.table, text, state.defaultNamespace))
      const written = writtenTable(statement.to, text, from.namespace.join('.'))
      const namespace = await knownNamespace(catalog, written.namespace)
      const to = { namespace: namespace.split('.'), name: written.table }
      const taken = await new CatalogNames(catalog).table(namespace, to.name)
      // Its own name in another case is free.
      if (taken !== undefined && tableText(taken) !== tableText(from)) throw tableExists(taken)
      await catalog.renameTable(from, to)
      return { result: doneResult('alter table', `renamed table ${tableText(from)} to ${tableText(to)}`, meter) }
    }
    case 'create schema':
      return { result: await createSchema(statement, parts, meter) }
    case 'drop schema':
      return { result: await dropSchema(statement, parts, meter) }
    case 'describe': {
      // What the catalog does not know may be a CTE's or a system table's: DuckDB describes it, or says that it is not there.
      const isKnown = statement.table.parts.length > 1 || state.defaultNamespace !== undefined
      const table = isKnown ? await findTable(catalog, statement.table, text, state.defaultNamespace) : undefined
      if (table === undefined) return await query(statement.query)
      return await small('describe', describeTable(await catalog.loadTable(table)))
    }
    case 'show schemas':
      return await small('show', await showSchemas(catalog, statement.like))
    case 'show all tables':
      return await small('show', await showTables(catalog, undefined, statement.like))
    case 'show tables': {
      const named = statement.namespace?.join('.')
      const namespace = named === undefined ? state.defaultNamespace : await knownNamespace(catalog, named)
      const tables = await showTables(catalog, namespace === undefined ? undefined : [namespace], statement.like)
      return await small('show', tables)
    }
    case 'show create table': {
      const table = await needTable(catalog, statement.table, text, state.defaultNamespace)
      const rows = [[createStatement(table, await catalog.loadTable(table))]]
      return await small('show', { columns: [{ name: 'create_statement', type: 'VARCHAR' }], rows })
    }
    case 'show setting': {
      const table = await describedTable(statement, text, state, parts)
      return table === undefined
        ? await small('show', await settingOf(statement, state, parts))
        : await small('describe', table)
    }
    case 'set':
      return setSetting(statement, state, parts, meter)
    case 'use': {
      const written = statement.namespace.join('.')
      const names = new CatalogNames(catalog)
      const known = await names.namespaces()
      const namespace = await names.namespace(written)
      if (namespace === undefined) {
        throw new IceboxError('namespace/not-found', {
          message: `schema ${written} does not exist`,
          remedy:
            didYouMean(nearestNames(written, known).map(sqlName)) ??
            (known.length === 0
              ? 'make one: CREATE SCHEMA …'
              : `there are: ${known.slice(0, 20).map(sqlName).join(', ')}`),
          context: { namespace: written },
        })
      }
      const result = doneResult('use', `using ${namespace}`, meter)
      return { result, state: { ...state, defaultNamespace: namespace } }
    }
    default:
      return statement satisfies never
  }
}

async function runQuery(
  query: StatementText,
  state: SessionState,
  options: StatementOptions,
  parts: QueryParts,
  services: QueryServices,
  meter: Meter,
): Promise<StatementResult> {
  const prepared = await prepare(parts, query, state, options)
  let operation: RunningOperation | undefined
  let sorted: SortedRows | undefined
  const release = async (): Promise<void> => {
    operation?.[Symbol.dispose]()
    await sorted?.[Symbol.asyncDispose]()
    await prepared[Symbol.asyncDispose]()
  }
  try {
    const plan = await planMemory(prepared, query, services, options)
    operation = await admit(services, 'select', plan, options)
    const engine = await services.engine()
    const within = { ...options, signal: operation.signal }
    const run = runOptions(within)
    const { session } = prepared.lease
    const stream = await withinSort(
      {
        session,
        sql: prepared.sql,
        run,
        plan,
        explain: () => planMemory(prepared, query, services, options, true),
        engine: engine.plan,
        services,
      },
      () => openWithin(prepared, plan, engine.threads, within),
      (rows) => {
        sorted = rows
        const { parameters: _, ...bound } = within
        return openStream(prepared, rows.sql, bound, 1)
      },
    )
    operation.letGo()
    const explain = (error: unknown): Promise<unknown> => prepared.explain(error)
    return streamResult({ kind: 'select', stream, scans: prepared.scans, arrow: parts.arrow, meter, explain, release })
  } catch (error) {
    await release()
    throw error
  }
}

async function runExplain(
  statement: Extract<Statement, { kind: 'explain' }>,
  state: SessionState,
  options: StatementOptions,
  parts: QueryParts,
  services: QueryServices,
  meter: Meter,
): Promise<StatementResult> {
  await using prepared = await prepare(parts, statement.query, state, options, { isExplained: true })
  try {
    const planned = await planMemory(prepared, statement.query, services, options, true)
    const { session } = prepared.lease
    const run = runOptions(options)
    const isDone = (planned.sortPasses ?? 1) === 1 || (await canSortInPasses({ session, sql: prepared.sql, run }))
    const memory = isDone ? planned : { ...planned, sortPasses: 1 }
    const plan = await session.all(`${statement.prefix} ${prepared.sql}`, run)
    const columns = ['explain_key', 'explain_value'].map((name) => ({ name, type: 'VARCHAR' }))
    const rows = plan.map((row) => [
      textOf(row['explain_key']),
      withColumnNames(textOf(row['explain_value']), prepared.numbered),
    ])
    const figures = statement.isAnalyze ? meter.figures() : undefined
    const report = scanReportText(prepared.scans, memory, figures)
    if (report !== '') rows.push(['icebox', report])
    return doneResult('explain', '', meter, {}, { columns, rows }, prepared.scans)
  } catch (error) {
    throw await prepared.explain(error)
  }
}

async function createSchema(
  statement: Extract<Statement, { kind: 'create schema' }>,
  { catalog }: QueryParts,
  meter: Meter,
): Promise<StatementResult> {
  const name = statement.namespace.join('.')
  try {
    await catalog.createNamespace(statement.namespace, statement.properties)
    return doneResult('create schema', `created schema ${name}`, meter)
  } catch (error) {
    if (!statement.ifNotExists || !isIceboxError(error, 'namespace/exists')) throw error
    const known = await knownNamespace(catalog, name)
    return doneResult('create schema', `schema ${known} exists already; nothing was done`, meter)
  }
}

async function dropSchema(
  statement: Extract<Statement, { kind: 'drop schema' }>,
  { catalog }: QueryParts,
  meter: Meter,
): Promise<StatementResult> {
  const name = await knownNamespace(catalog, statement.namespace.join('.'))
  try {
    await catalog.dropNamespace(name.split('.'))
    return doneResult('drop schema', `dropped schema ${name}`, meter)
  } catch (error) {
    if (!statement.ifExists || !isIceboxError(error, 'namespace/not-found')) throw error
    return doneResult('drop schema', 'there is no such schema; nothing was done', meter)
  }
}

/** `SHOW sales.orders` describes a table; `SHOW TimeZone` tells a setting: undefined. */
async function describedTable(
  { table }: Extract<Statement, { kind: 'show setting' }>,
  text: StatementText,
  state: SessionState,
  parts: QueryParts,
): Promise<SmallTable | undefined> {
  const isTable = table.parts.length > 1 || state.defaultNamespace !== undefined
  const found = isTable ? await findTable(parts.catalog, table, text, state.defaultNamespace) : undefined
  if (found !== undefined) return describeTable(await parts.catalog.loadTable(found))
  if (table.parts.length > 1) await needTable(parts.catalog, table, text, state.defaultNamespace)
  return undefined
}

async function settingOf(
  statement: Extract<Statement, { kind: 'show setting' }>,
  state: SessionState,
  parts: QueryParts,
): Promise<SmallTable> {
  const name = allowedSetting(statement.name)
  const lease = await parts.sessions.lease(state.settings)
  try {
    const rows = await lease.session.all(`SELECT current_setting('${name}')::VARCHAR AS v`)
    const value = rows[0]?.['v']
    return { columns: [{ name, type: 'VARCHAR' }], rows: [[typeof value === 'string' ? value : null]] }
  } finally {
    await lease.release()
  }
}

/** The setting is tried at once: a wrong value is refused here, not at the next query. */
async function setSetting(
  statement: Extract<Statement, { kind: 'set' }>,
  state: SessionState,
  parts: QueryParts,
  meter: Meter,
): Promise<Executed> {
  const name = allowedSetting(statement.name)
  const settings = new Map(state.settings)
  if (statement.value === undefined) settings.delete(name)
  else settings.set(name, statement.value)
  const lease = await parts.sessions.lease(settings)
  await lease.release()
  const message = statement.value === undefined ? `reset ${name}` : `set ${name} to ${statement.value}`
  return { result: doneResult('set', message, meter), state: { ...state, settings } }
}
