import { textOf } from '../sql.ts'
import { readFile, stat } from 'node:fs/promises'
import { formatBytes, IceboxError, messageOf, parseJson, systemCode, textOfUtf8 } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import { type NestedField, parseSchema, type Schema } from '../../iceberg/index.ts'
import { TemporaryIds, toIcebergType } from './mapping.ts'

/** Text of a hundred thousand columns. */
const MAX_FILE_BYTES = 16e6

/**
 * The schema of a `--schema` file: an Iceberg schema as JSON, or SQL column definitions (`id BIGINT NOT NULL, ts
 * TIMESTAMP`), with or without `CREATE TABLE x (…)` around. Rejects `usage/invalid`, `source/encoding`,
 * `source/not-found`, `source/unreadable`, `schema/unsupported-type`.
 */
export async function readSchemaFile(path: string, session: EngineSession): Promise<Schema> {
  const text = textOfUtf8(await bytesOf(path), path)
  return text.trimStart().startsWith('{') ? schemaOfJson(text, path) : schemaOfSql(text, path, session)
}

async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    if (size > MAX_FILE_BYTES)
      throw invalid(path, new Error(`it holds ${formatBytes(size)}, more than ${formatBytes(MAX_FILE_BYTES)}`))
    return await readFile(path)
  } catch (error) {
    if (error instanceof IceboxError) throw error
    const isMissing = systemCode(error) === 'ENOENT'
    throw new IceboxError(isMissing ? 'source/not-found' : 'source/unreadable', {
      message: `the schema file ${path} cannot be read: ${messageOf(error)}`,
      remedy: isMissing ? 'check the path' : 'name a file that this user may read',
      context: { file: path },
      cause: error,
    })
  }
}

function schemaOfJson(text: string, path: string): Schema {
  try {
    const json = parseJson(text)
    // PyIceberg prints schemas without `type`; a `fields` list is what matters.
    return parseSchema(json)
  } catch (error) {
    throw invalid(path, error)
  }
}

async function schemaOfSql(text: string, path: string, session: EngineSession): Promise<Schema> {
  const definitions =
    /^\s*create\s+table\s+[^(]+\(([\s\S]*)\)\s*;?\s*$/i.exec(text)?.[1] ?? text.trim().replace(/;$/, '')
  try {
    const table = `CREATE OR REPLACE TEMP TABLE icebox_schema (${definitions}\n)`
    if ((await session.statementKinds(table)).length !== 1) throw new Error('it holds more than one statement')
    await session.run(table)
    await refuseClauses(session)
    const rows = await session.all('DESCRIBE icebox_schema')
    const ids = new TemporaryIds()
    const fields = rows.map((row): NestedField => {
      const name = textOf(row['column_name'])
      const id = ids.next()
      return {
        id,
        name,
        type: toIcebergType(textOf(row['column_type']), { column: name, ids }).type,
        required: row['null'] === 'NO',
      }
    })
    return { schemaId: 0, fields, identifierFieldIds: [] }
  } catch (error) {
    throw invalid(path, error)
  } finally {
    await session.run('DROP TABLE IF EXISTS icebox_schema')
  }
}

/** What Iceberg does not enforce is refused, as in CREATE TABLE. DuckDB's own text of the table quotes names that are such words. */
async function refuseClauses(session: EngineSession): Promise<void> {
  const rows = await session.all("SELECT sql FROM duckdb_tables() WHERE temporary AND table_name = 'icebox_schema'")
  const bare = textOf(rows[0]?.['sql']).replace(/"(?:[^"]|"")*"|'(?:[^']|'')*'/g, '')
  const clause = /\b(?:PRIMARY KEY|UNIQUE|CHECK|FOREIGN KEY|REFERENCES|DEFAULT|GENERATED ALWAYS AS|COLLATE)\b/.exec(
    bare,
  )?.[0]
  if (clause !== undefined) throw new Error(`${clause} is not supported in a table`)
}

function invalid(path: string, error: unknown): IceboxError {
  if (error instanceof IceboxError && error.code === 'schema/unsupported-type') return error
  return new IceboxError('usage/invalid', {
    message: `${path} is no schema: ${messageOf(error).split('\n')[0]}`,
    remedy: 'write an Iceberg schema as JSON, or SQL column definitions like: id BIGINT NOT NULL, ts TIMESTAMP',
    context: { file: path },
    cause: error,
  })
}
