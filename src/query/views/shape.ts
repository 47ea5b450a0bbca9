import { IceboxError, type Json, parseJson } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import { quoteText } from '../text/names.ts'

/** A column of a Parquet file as its footer describes it. Lists and maps: their element, or key and value, as children. */
export interface ShapeNode {
  readonly name: string
  /** What DuckDB calls it inside a struct that has another of the name but for case. */
  readonly engineName: string
  readonly fieldId: number | undefined
  readonly kind: 'primitive' | 'struct' | 'list' | 'map'
  /** DuckDB's type of a primitive column. */
  readonly type: string
  readonly children: readonly ShapeNode[]
}

/** What files have in common whose footers describe the same columns. */
export interface FileShape {
  readonly key: string
  readonly columns: readonly ShapeNode[]
  /** False where no top-level column has a field id: the table's name mapping then says which field is which. */
  readonly hasFieldIds: boolean
  /** True where filters on bytes or floating point numbers would meet Bloom filters: see `shielded` in projection.ts. */
  readonly hasBloomFilters: boolean
  /** True where statistics of floating point numbers may leave NaN out, as Parquet has it: DuckDB then sees rows without any. */
  readonly hidesNan: boolean
}

const FILES_AT_ONCE = 500

/**
 * Shapes of files by local path, read from their footers once. Files never change, so an entry is never stale; the least
 * recently used are dropped above `maxFiles`.
 */
export class ShapeCache {
  readonly #maxFiles: number
  readonly #byFile = new Map<string, FileShape>()
  readonly #byTree = new Map<string, FileShape>()

  constructor(options: { readonly maxFiles: number }) {
    this.#maxFiles = options.maxFiles
  }

  /** The shape of every given file, in one pass over the footers that are not known yet. */
  async shapesOf(
    session: EngineSession,
    files: readonly string[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, FileShape>> {
    const missing = files.filter((file) => !this.#byFile.has(file))
    const shapes = new Map<string, FileShape>()
    for (const file of files) {
      const known = this.#byFile.get(file)
      if (known !== undefined) shapes.set(file, known)
    }
    for (let from = 0; from < missing.length; from += FILES_AT_ONCE) {
      const part = missing.slice(from, from + FILES_AT_ONCE)
      for (const [file, shape] of await this.#read(session, part, signal)) {
        shapes.set(file, shape)
        this.#byFile.set(file, shape)
      }
    }
    for (const file of this.#byFile.keys()) {
      if (this.#byFile.size <= this.#maxFiles) break
      this.#byFile.delete(file)
    }
    return shapes
  }

  async #read(session: EngineSession, files: readonly string[], signal?: AbortSignal): Promise<[string, FileShape][]> {
    // Names and footers are told apart by their bytes: the session may have a collation, and an order of its own.
    const rows = await session.all(
      `SELECT any_value(tree) AS tree, to_json(list(file_name))::VARCHAR AS files FROM (
        SELECT any_value(file_name) AS file_name, to_json(list({n: name, i: field_id, c: num_children, t: duckdb_type,
          k: coalesce(converted_type, logical_type, '')} ORDER BY column_id ASC))::VARCHAR AS tree
        FROM parquet_schema([${files.map((file) => quoteText(globEscaped(file))).join(', ')}]) GROUP BY encode(file_name)
      ) GROUP BY encode(tree)`,
      signal === undefined ? {} : { signal },
    )
    const shapes = rows.flatMap((row) => {
      const { tree, files: names } = row
      if (typeof tree !== 'string' || typeof names !== 'string') throw unreadable()
      const shape = this.#byTree.get(tree) ?? parseShape(tree)
      this.#byTree.set(tree, shape)
      const list = parseJson(names)
      if (!Array.isArray(list)) throw unreadable()
      return list.filter((name) => typeof name === 'string').map((name): [string, FileShape] => [name, shape])
    })
    const risky = shapes.filter(([, { columns }]) => columns.some(mayBeMisread)).map(([file]) => file)
    if (risky.length === 0) return shapes
    const misread = await this.#misread(session, risky, signal)
    return shapes.map(([file, shape]) => [file, this.#marked(shape, misread.get(file))])
  }

  /** What the files' metadata says that leads filters astray. */
  async #misread(
    session: EngineSession,
    files: readonly string[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, Misreading>> {
    const list = files.map((file) => quoteText(globEscaped(file))).join(', ')
    // DuckDB's own writer gives no bounds where a value is NaN.
    const rows = await session.all(
      `SELECT any_value(m.file_name) AS file_name, bool_or(bloom_filter_offset IS NOT NULL) AS bloom,
          bool_or(type IN ('FLOAT', 'DOUBLE') AND coalesce(stats_max_value, stats_max) IS NOT NULL
            AND created_by NOT LIKE 'DuckDB%') AS nan
        FROM parquet_metadata([${list}]) AS m JOIN parquet_file_metadata([${list}]) AS f
          ON encode(m.file_name) = encode(f.file_name)
        WHERE type IN ('BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY', 'FLOAT', 'DOUBLE') GROUP BY encode(m.file_name)`,
      signal === undefined ? {} : { signal },
    )
    return new Map(
      rows.flatMap(({ file_name: name, bloom, nan }) =>
        typeof name === 'string' ? [[name, { hasBloomFilters: bloom === true, hidesNan: nan === true }] as const] : [],
      ),
    )
  }

  #marked(shape: FileShape, misreading: Misreading | undefined): FileShape {
    if (misreading?.hasBloomFilters !== true && misreading?.hidesNan !== true) return shape
    const key = `${shape.key}\n${misreading.hasBloomFilters ? 'bloom ' : ''}${misreading.hidesNan ? 'nan' : ''}`
    const known = this.#byTree.get(key) ?? { ...shape, ...misreading, key }
    this.#byTree.set(key, known)
    return known
  }
}

type Misreading = Pick<FileShape, 'hasBloomFilters' | 'hidesNan'>

/** True where a filter on the column would hide rows of files of the shape. */
export function isMisread(node: ShapeNode, { hasBloomFilters, hidesNan }: FileShape): boolean {
  return (hasBloomFilters && hasType(node, MISREAD_BY_BLOOM_FILTERS)) || (hidesNan && hasType(node, FLOATS))
}

function mayBeMisread(node: ShapeNode): boolean {
  return hasType(node, MISREAD_BY_BLOOM_FILTERS)
}

const FLOATS = ['FLOAT', 'DOUBLE']
/**
 * DuckDB 1.5.5 looks for bytes under their printed form, and for 0.0 apart from -0.0, in Bloom filters, and skips row groups
 * that hold them (duckdb/duckdb#24994).
 */
const MISREAD_BY_BLOOM_FILTERS = ['BLOB', ...FLOATS]

function hasType(node: ShapeNode, types: readonly string[]): boolean {
  return node.kind === 'primitive' ? types.includes(node.type) : node.children.some((child) => hasType(child, types))
}

/** A path as a pattern of DuckDB that matches only it. */
export function globEscaped(path: string): string {
  return path.replaceAll(/[*?[]/g, '[$&]')
}

interface FlatNode {
  readonly name: string
  readonly fieldId: number | undefined
  readonly childCount: number
  readonly type: string
  readonly annotation: string
}

/** The tree of a footer's flat list (Parquet's SchemaElement: depth first, with child counts). */
export function parseShape(tree: string): FileShape {
  const json = parseJson(tree)
  if (!Array.isArray(json)) throw unreadable()
  const flat = json.map(flatNode)
  let at = 1
  const read = (): ShapeNode => {
    const node = flat[at++]
    if (node === undefined) throw unreadable()
    const children = Array.from({ length: node.childCount }, read)
    return nodeOf(node, children)
  }
  const columns = Array.from({ length: flat[0]?.childCount ?? 0 }, read)
  return {
    key: tree,
    columns,
    hasFieldIds: columns.some((column) => column.fieldId !== undefined),
    hasBloomFilters: false,
    hidesNan: false,
  }
}

function nodeOf(node: FlatNode, children: readonly ShapeNode[]): ShapeNode {
  const base = { name: node.name, engineName: node.name, fieldId: node.fieldId, type: node.type }
  if (children.length === 0) return { ...base, kind: 'primitive', children }
  const [only] = children
  if (/^LIST|^List/.test(node.annotation) && only !== undefined) {
    // Parquet's LogicalTypes, "Lists": the repeated group is the element itself where it has several fields or an old name.
    const isWrapper = only.kind === 'struct' && only.children.length === 1 && !/^array$|_tuple$/.test(only.name)
    const element = isWrapper ? only.children[0] : only
    return { ...base, kind: 'list', children: element === undefined ? [] : [element] }
  }
  if (/^MAP|^Map/.test(node.annotation) && only?.children.length === 2) {
    return { ...base, kind: 'map', children: only.children }
  }
  return { ...base, kind: 'struct', children: withEngineNames(children) }
}

/** As the Parquet reader of DuckDB 1.5.5 does it: `_1` behind a name until it is another. */
function withEngineNames(children: readonly ShapeNode[]): ShapeNode[] {
  const used = new Set<string>()
  return children.map((child) => {
    let engineName = child.name
    while (used.has(engineName.toLowerCase())) engineName += '_1'
    used.add(engineName.toLowerCase())
    return { ...child, engineName }
  })
}

function flatNode(json: Json): FlatNode {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw unreadable()
  const { n, i, c, t, k } = json
  return {
    name: typeof n === 'string' ? n : '',
    fieldId: typeof i === 'number' ? i : undefined,
    childCount: typeof c === 'number' ? c : 0,
    type: typeof t === 'string' ? t : '',
    annotation: typeof k === 'string' ? k : '',
  }
}

function unreadable(): IceboxError {
  return new IceboxError('engine/failed', { message: 'the schema of a Parquet file could not be read' })
}
