#!/usr/bin/env bash
# Packs the package, installs the tarball in an empty folder, and uses it as a stranger would.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"
npm pack --silent --pack-destination "$work" >/dev/null
npx publint --strict
mkdir "$work/app" && cd "$work/app"
printf '{"name":"app","private":true,"type":"module"}' > package.json
npm install --silent --no-fund --no-audit --ignore-scripts "$work"/icebox-lakehouse-*.tgz
icebox=./node_modules/.bin/icebox
$icebox --version
$icebox init lake --quiet
printf 'id,city\n1,Bern\n2,Genève\n' > cities.csv
$icebox -C lake import geo.cities cities.csv --quiet
test "$($icebox -C lake sql --format csv 'select count(*) as n from geo.cities' | tail -1)" = 2
cat > library.mjs <<'JS'
import { Lakehouse } from 'icebox-lakehouse'
const lake = await Lakehouse.open('./lake')
const rows = await lake.sql`select city from geo.cities where id = ${2}`
if (rows[0]?.city !== 'Genève') throw new Error(`wrong answer: ${JSON.stringify(rows)}`)
await lake.close()
JS
node library.mjs
cat > format.mjs <<'JS'
import { readFileSync } from 'node:fs'
import { parseTableMetadata } from 'icebox-lakehouse/iceberg'
if (typeof parseTableMetadata !== 'function') throw new Error('./iceberg lacks parseTableMetadata')
if (readFileSync('/proc/self/maps', 'utf8').includes('duckdb')) throw new Error('./iceberg loads DuckDB')
JS
node format.mjs
cat > types.ts <<'TS'
import { Lakehouse, type AppendOptions, type ImportOptions, type OpenOptions, type RunSqlOptions } from 'icebox-lakehouse'
class Order { id = 1n; amount = '1.00' }
interface Row { id: bigint; at?: Date }
const row: Row = { id: 1n }
const signal: AbortSignal | undefined = undefined
const open: OpenOptions = { memory: undefined, set: undefined, engine: undefined, profile: undefined, env: undefined, cwd: undefined }
const append: AppendOptions = { key: undefined, ack: undefined, signal }
const run: RunSqlOptions = { signal, onProgress: undefined, parquetFile: undefined }
const csv = { delimiter: undefined, quote: undefined, header: undefined, nullText: undefined, dateFormat: undefined }
const source: ImportOptions = { table: 'a.b', source: '-', format: undefined, mode: undefined, key: undefined, csv, signal, onProgress: undefined }
export async function typed(): Promise<void> {
  await using lake = await Lakehouse.open('./lake', open)
  await using writer = await lake.appender('geo.cities', { ack: undefined, key: undefined })
  await writer.append([new Order()], append)
  await writer.append([row, { id: 2n }])
  // @ts-expect-error: a row is an object
  await writer.append(['text'])
  await lake.import(source)
  await lake.dropTable('geo.cities', { purge: undefined })
  for await (const batch of lake.query('select 1', undefined, run)) batch.column(0)
}
TS
"$root/node_modules/.bin/tsc" --noEmit --strict --exactOptionalPropertyTypes --target esnext --module nodenext \
  --types node --typeRoots "$root/node_modules/@types" types.ts
echo 'package: installed and used'
