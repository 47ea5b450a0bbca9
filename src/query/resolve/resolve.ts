import { didYouMean, IceboxError, isIceboxError, nearestNames, sqlName, tableSql } from '../../base/index.ts'
import { type Catalog, type TableIdentifier, tableText } from '../../catalog/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import {
  isEvolvedFrom,
  type LoadedTable,
  refuseRolledBack,
  type Snapshot,
  type SnapshotSelector,
  schemaOf,
  snapshotAt,
} from '../../iceberg/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import { quoteName } from '../text/names.ts'
import { placeOf } from '../text/place.ts'
import { type StatementText, statementError, unsupported } from '../text/statements.ts'
import { CatalogNames } from './names-in-catalog.ts'
import { type FileReading, fileSettings } from './file-settings.ts'
import { flooredMilliseconds } from './milliseconds.ts'
import { refuseEngineLists } from './engine-lists.ts'
import { findReferences, type TableReference, type TravelClause } from './references.ts'
import type { Replacement } from './replace.ts'
import type { ResolvedTable } from './resolved-table.ts'
import {
  type InformationTable,
  INFORMATION_VIEWS,
  informationTable,
  type InformationView,
  readInformation,
} from './information-schema.ts'
import { type QualifiedColumn, qualifiedColumns, type ReadTable } from './qualified-columns.ts'
import { cteScopes } from './scopes.ts'
import { readForeignTable } from './foreign-table.ts'
import { SYSTEM_TABLES, type SystemTableKind } from './system-table-kinds.ts'

export interface Resolution {
  readonly tables: readonly ResolvedTable[]
  /** Tables of information_schema that the statement reads. */
  readonly information: readonly InformationView[]
  readonly replacements: readonly Replacement[]
}

export interface ResolveContext {
  readonly catalog: Catalog
  readonly io: ObjectStore
  readonly session: EngineSession
  /** `USE sales`: names without a namespace are looked for there. */
  readonly defaultNamespace: string | undefined
  readonly signal: AbortSignal | undefined
  /** How files that the statement reads are read; undefined where it may read none. */
  readonly files?: Pick<FileReading, 'bufferBytes' | 'parameters' | 'requireWhole'> | undefined
}

/** Namespaces whose names mean something else to DuckDB; their views live in a schema of another name. */
const RESERVED = new Set(['main', 'temp', 'system', 'memory', 'information_schema', 'pg_catalog'])

/** What AT takes, for remedies. */
const TRAVEL_VALUES = {
  version:
    'give the id of a snapshot, or the name of a branch or tag in quotes: the tables t.snapshots and t.refs list them',
  timestamp: "give a moment, such as TIMESTAMP '2024-01-31 12:00:00' or now() - INTERVAL 1 DAY",
} as const

/** Finds the tables of a statement and what of its text must be replaced. Rejects `sql/unknown-table`, `iceberg/*`. */
export async function resolveTables(statement: StatementText, context: ResolveContext): Promise<Resolution> {
  refuseEngineLists(statement)
  const { tables: references, scans } = findReferences(statement)
  const names = new CatalogNames(context.catalog)
  const resolver = new Resolver(statement, context)
  const isCte = cteScopes(statement.tokens)
  const located: { readonly reference: TableReference; readonly found: Found }[] = []
  const information = new Map<InformationTable, InformationView>()
  const read: ReadTable[] = []
  const qualified: QualifiedColumn[] = []
  for (const reference of references) {
    const told = await informationTable(statement, reference, names)
    if (told !== undefined) {
      const { chain, isTablePosition } = reference
      const label = `information_schema.${told}`
      if (!isTablePosition) qualified.push({ chain, label })
      else {
        information.set(told, information.get(told) ?? (await readInformation(told, context.catalog, names)))
        read.push({ reference, label, schemaName: INFORMATION_VIEWS, viewName: told, isRenamed: true })
        const text = `${quoteName(INFORMATION_VIEWS)}.${quoteName(told)}`
        resolver.replacements.push({ start: chain.start, end: chain.end, text })
      }
      continue
    }
    const found = await locate(reference, names, context.defaultNamespace)
    if (found !== undefined) located.push({ reference, found })
    else {
      refuseTravelOfCte(statement, reference, isCte)
      await refuseUnknown(statement, reference, names, context.defaultNamespace)
    }
  }
  // The metadata files of all tables are read side by side.
  await Promise.allSettled(located.map(({ found }) => resolver.load(found.identifier)))
  for (const { reference, found } of located) {
    const [name = ''] = reference.chain.parts
    const isNameOfCte = found.parts === 1 && reference.travel === undefined && isCte(name, reference.chain.firstToken)
    const view = await resolver.add(reference, found, isNameOfCte)
    if (reference.isTablePosition && !isNameOfCte) read.push({ reference, label: tableText(found.identifier), ...view })
  }
  const columns = located.filter(
    ({ reference, found }) => !reference.isTablePosition && found.parts === 2 && found.system === undefined,
  )
  for (const { reference, found } of columns)
    qualified.push({ chain: reference.chain, label: tableText(found.identifier) })
  const renamed = qualifiedColumns(statement, qualified, read)
  for (const [at, scan] of scans.entries()) {
    const table = await readForeignTable(scan, context.io, statement, context.session, context.signal)
    resolver.addForeign(table, scan, at + 1)
  }
  const isTable = (at: number) => located.some(({ reference }) => reference.chain.firstToken === at)
  const files =
    context.files === undefined
      ? []
      : await fileSettings(statement, {
          ...context.files,
          isTable,
          filesOf: (expression) => filesOf(expression, context),
        })
  const replacements = [...resolver.replacements, ...renamed, ...files]
  return { tables: resolver.tables, information: [...information.values()], replacements }
}

/** Files that an expression names. One that is no expression of files is not understood here, and left to the statement itself. */
async function filesOf(
  expression: string,
  { session, signal }: ResolveContext,
): Promise<readonly string[] | undefined> {
  try {
    const rows = await session.all(`SELECT file FROM glob(${expression})`, signal === undefined ? {} : { signal })
    return rows.flatMap(({ file }) => (typeof file === 'string' ? [file] : []))
  } catch (error) {
    if (isIceboxError(error, 'cancelled')) throw error
    return undefined
  }
}

interface Found {
  readonly identifier: TableIdentifier
  readonly system: SystemTableKind | undefined
  /** Parts of the chain that name the table. */
  readonly parts: number
}

/** Which table a chain of names means: `ns.t`, `ns.t$files`, `ns.t.files`, and without `ns.` in the default namespace. */
async function locate(
  { chain: { parts }, isTablePosition }: TableReference,
  names: CatalogNames,
  defaultNamespace: string | undefined,
): Promise<Found | undefined> {
  const [first = '', second, third] = parts
  if (second !== undefined && (await names.namespace(first)) !== undefined) {
    const found = await inNamespace(first, second, third, 2)
    if (found !== undefined) return found
  }
  if (defaultNamespace === undefined) return undefined
  return inNamespace(defaultNamespace, first, second, 1)

  async function inNamespace(
    namespace: string,
    table: string,
    next: string | undefined,
    count: number,
  ): Promise<Found | undefined> {
    const identifier = await names.table(namespace, table)
    if (identifier !== undefined) {
      const kind = SYSTEM_TABLES.find((known) => known === next?.toLowerCase())
      return isTablePosition && kind !== undefined
        ? { identifier, system: kind, parts: count + 1 }
        : { identifier, system: undefined, parts: count }
    }
    const dollar = table.lastIndexOf('$')
    const kind = SYSTEM_TABLES.find((known) => known === table.slice(dollar + 1).toLowerCase())
    if (dollar <= 0 || kind === undefined) return undefined
    const base = await names.table(namespace, table.slice(0, dollar))
    return base === undefined ? undefined : { identifier: base, system: kind, parts: count }
  }
}

/** DuckDB reads a name of WITH as it is, whatever AT says. */
function refuseTravelOfCte(
  statement: StatementText,
  { chain, travel }: TableReference,
  isCte: (name: string, token: number) => boolean,
): void {
  const [name = ''] = chain.parts
  if (travel === undefined || chain.parts.length > 1 || !isCte(name, chain.firstToken)) return
  throw unsupported(
    statement,
    travel.start,
    `'${name}' is a name of WITH and has no earlier versions`,
    'write AT (…) behind the table, inside the WITH',
  )
}

/** A qualified name in the place of a table whose namespace exists: the engine could say less about it than we can. */
async function refuseUnknown(
  statement: StatementText,
  { chain, isTablePosition }: TableReference,
  names: CatalogNames,
  defaultNamespace: string | undefined,
): Promise<void> {
  const [first = '', second] = chain.parts
  if (!isTablePosition || second === undefined) return
  const namespace = await names.namespace(first)
  if (namespace === undefined || (defaultNamespace !== undefined && chain.parts.length < 2)) return
  const deeper = chain.parts.length < 3 ? undefined : await names.namespace(`${first}.${second}`)
  const third = chain.parts[2] ?? ''
  if (deeper !== undefined && (await names.table(deeper, third)) !== undefined) {
    throw statementError(
      statement,
      chain.start,
      `'${first}.${second}.${third}' is read as a column or field of table ${first}.${second}, which does not exist`,
      `a namespace of several levels is one name: write ${tableSql([deeper], third)}`,
    )
  }
  const near = nearestNames(second, await names.tables(namespace)).map((name) => tableSql([namespace], name))
  const place = placeOf(statement.script, statement.offset + chain.start)
  throw new IceboxError('sql/unknown-table', {
    message: `table ${namespace}.${second} does not exist (line ${place.line}, column ${place.column})\n${place.marked}`,
    remedy: didYouMean(near) ?? `list the tables with SHOW TABLES FROM ${sqlName(namespace)}`,
    context: { table: `${namespace}.${second}`, nearest: near, line: place.line, column: place.column },
  })
}

class Resolver {
  readonly tables: ResolvedTable[] = []
  readonly replacements: Replacement[] = []
  readonly #statement: StatementText
  readonly #context: ResolveContext
  /** Loaded once a statement, so that all its references see one snapshot. */
  readonly #loaded = new Map<string, Promise<LoadedTable>>()

  constructor(statement: StatementText, context: ResolveContext) {
    this.#statement = statement
    this.#context = context
  }

  load(identifier: TableIdentifier): Promise<LoadedTable> {
    const label = tableText(identifier)
    const loaded = this.#loaded.get(label) ?? this.#context.catalog.loadTable(identifier)
    this.#loaded.set(label, loaded)
    return loaded
  }

  /** Makes the table part of the statement, and puts the name of its view in the place of its own where that must be. */
  async add(
    reference: TableReference,
    found: Found,
    isNameOfCte: boolean,
  ): Promise<Pick<ReadTable, 'viewName' | 'schemaName' | 'isRenamed'>> {
    const { identifier, system } = found
    const label = tableText(identifier)
    const loaded = await this.load(identifier)
    const { metadata } = loaded
    const { travel } = reference
    if (travel === undefined && system === undefined) refuseRolledBack(metadata, label)
    const pin = travel === undefined ? undefined : await this.#pin(loaded, travel, label)
    const snapshot = pin?.snapshot ?? (metadata.currentSnapshotId === undefined ? undefined : snapshotAt(metadata))
    const schema = pin?.usesSnapshotSchema === true ? schemaOf(metadata, snapshot) : schemaOf(metadata)
    const namespace = identifier.namespace.join('.')
    const viewName =
      system === undefined
        ? identifier.name
        : found.parts === reference.chain.parts.length && isShort(reference, found)
          ? system
          : `${identifier.name}$${system}`
    const wanted = system !== undefined && viewName === system ? `${namespace}·${identifier.name}` : namespace
    const schemaName = this.#schemaFor(pin === undefined ? wanted : `${wanted}@${pin.label}`, viewName, label)
    const { io } = this.#context
    if (!this.tables.some((table) => table.schemaName === schemaName && table.viewName === viewName)) {
      this.tables.push({
        schemaName,
        viewName,
        label,
        identifier,
        loaded,
        snapshot,
        schema,
        system,
        io,
        locate: (uri) => uri,
      })
    }
    const isRenamed = schemaName !== namespace
    if (isRenamed && reference.isTablePosition && !isNameOfCte) {
      const { start, end } = reference.chain
      const text = `${quoteName(schemaName)}.${quoteName(viewName)}`
      const isBehindAlias = travel?.isBehindAlias === true
      this.replacements.push({ start, end: travel === undefined || isBehindAlias ? end : travel.end, text })
      if (isBehindAlias) this.replacements.push({ start: travel.start, end: travel.end, text: '' })
    }
    return { schemaName, viewName, isRenamed }
  }

  addForeign(
    table: Omit<ResolvedTable, 'schemaName' | 'viewName'>,
    span: { start: number; end: number },
    number: number,
  ): void {
    const schemaName = `iceberg_scan·${number}`
    const viewName = 'iceberg_scan'
    this.tables.push({ ...table, schemaName, viewName })
    this.replacements.push({ ...span, text: `${quoteName(schemaName)}.${quoteName(viewName)}` })
  }

  /** A schema of its own where DuckDB could not tell two views apart, or where the name means something else to it. */
  #schemaFor(wanted: string, viewName: string, label: string): string {
    let name = RESERVED.has(wanted.toLowerCase()) ? `${wanted}·` : wanted
    const isTaken = (): boolean =>
      this.tables.some(
        (table) =>
          table.schemaName.toLowerCase() === name.toLowerCase() &&
          table.viewName.toLowerCase() === viewName.toLowerCase() &&
          table.label !== label,
      )
    for (let copy = 2; isTaken(); copy++) name = `${wanted}·${copy}`
    return name
  }

  /** As {@link snapshotAt}, with the table and the place in the error. */
  #snapshotAt(loaded: LoadedTable, selector: SnapshotSelector, travel: TravelClause, label: string): Snapshot {
    try {
      return snapshotAt(loaded.metadata, selector)
    } catch (error) {
      if (!(error instanceof IceboxError)) throw error
      const { script, offset } = this.#statement
      const { line, column, marked } = placeOf(script, offset + travel.expressionStart)
      throw new IceboxError(error.code, {
        message: `${label}: ${error.message} (line ${line}, column ${column})\n${marked}`,
        ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
        context: { ...error.context, line, column },
        cause: error,
      })
    }
  }

  async #pin(
    loaded: LoadedTable,
    travel: TravelClause,
    label: string,
  ): Promise<{ snapshot: Snapshot; label: string; usesSnapshotSchema: boolean }> {
    const selector = await this.#selector(loaded, travel)
    const snapshot = this.#snapshotAt(loaded, selector, travel, label)
    // A branch is read with the table's schema, a moment of its history with the schema of that moment; so is a branch of
    // before the table was replaced, whose columns may be of other types now.
    const { metadata } = loaded
    const isBranch = selector.ref !== undefined && metadata.refs[selector.ref]?.type !== 'tag'
    const then = metadata.schemas.find((schema) => schema.schemaId === snapshot.schemaId)
    const isOfTable = isBranch && (then === undefined || isEvolvedFrom(schemaOf(metadata), then))
    const { ref } = selector
    return { snapshot, label: isBranch ? `branch ${ref}` : String(snapshot.snapshotId), usesSnapshotSchema: !isOfTable }
  }

  async #selector(loaded: LoadedTable, travel: TravelClause): Promise<SnapshotSelector> {
    const { session, signal } = this.#context
    const type = travel.by === 'version' ? 'VARCHAR' : 'TIMESTAMPTZ'
    const value = `CAST((${travel.expression}) AS ${type})`
    let rows: Awaited<ReturnType<EngineSession['all']>>
    try {
      rows = await session.all(
        `SELECT ${travel.by === 'version' ? value : `epoch_us(${value})::VARCHAR`} AS v`,
        signal === undefined ? {} : { signal },
      )
    } catch (error) {
      const what = `this is not a ${travel.by}: ${messageLine(error)}`
      throw statementError(this.#statement, travel.expressionStart, what, TRAVEL_VALUES[travel.by])
    }
    const text = rows[0]?.['v']
    if (typeof text !== 'string')
      throw statementError(
        this.#statement,
        travel.expressionStart,
        `the ${travel.by} is null`,
        TRAVEL_VALUES[travel.by],
      )
    if (travel.by === 'timestamp') return { timestampMs: flooredMilliseconds(BigInt(text)) }
    return loaded.metadata.refs[text] === undefined && /^\d+$/.test(text) ? { snapshotId: BigInt(text) } : { ref: text }
  }
}

/** True for `t.snapshots`, false for `"t$snapshots"`. */
function isShort(reference: TableReference, found: Found): boolean {
  return reference.chain.parts[found.parts - 1]?.toLowerCase() === found.system
}

function messageLine(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
}
