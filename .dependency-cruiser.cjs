/** Rooms in the order of docs/architecture.md: a room may import only rooms named before it. */
const rooms = ['base', 'config', 'memory', 'storage', 'iceberg', 'catalog', 'engine', 'ingest', 'query', 'lakehouse', 'bench', 'cli']

/** Rooms that must not know each other although the order would allow it. */
const strangers = {
  storage: ['config', 'memory'],
  iceberg: ['config', 'memory'],
  catalog: ['config', 'memory'],
  engine: ['storage', 'iceberg', 'catalog', 'config'],
}

const oneWay = rooms.map((room, at) => ({
  name: `one-way-${room}`,
  comment: `src/${room} may import only rooms above it`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: `^src/(${[...rooms.slice(at + 1), ...(strangers[room] ?? [])].join('|') || 'nothing'})/` },
}))

module.exports = {
  forbidden: [
    ...oneWay,
    {
      name: 'through-the-index',
      comment: 'a room is entered by its index.ts (or a named side door)',
      severity: 'error',
      from: { path: '^src/([^/]+)/' },
      to: { path: '^src/[^/]+/', pathNot: ['^src/$1/', '^src/[^/]+/index\\.ts$', '^src/[^/]+/[^/]+/index\\.ts$', '^src/lakehouse/api\\.ts$'] },
    },
    {
      name: 'duckdb-only-in-engine',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/engine/' },
      to: { path: 'node_modules/@duckdb/' },
    },
    {
      name: 'sqlite-only-in-catalog',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/catalog/' },
      to: { path: 'node_modules/@photostructure/' },
    },
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'unknown-room', severity: 'error', from: { path: '^src/[^/]+/', pathNot: `^src/(${rooms.join('|')})/` }, to: {} },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    parser: 'swc',
    moduleSystems: ['es6'],
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.json'], exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
}
