import { textOf } from '../sql.ts'
import { readFile } from 'node:fs/promises'
import { IceboxError, messageOf, parseJson, textOfUtf8 } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import { type NestedField, parseSchema, type Schema } from '../../iceberg/index.ts'
import { TemporaryIds, toIcebergType } from './mapping.ts'

/**
 * The schema of a `--schema` file: an Iceberg schema as JSON, or SQL column definitions (`id BIGINT NOT NULL, ts
 * TIMESTAMP`), with or without `CREATE TABLE x (…)` around. Rejects `usage/invalid`, `source/encoding`,
 * `schema/unsupported-type`.
 */
export async function readSchemaFile(path: string, session: EngineSession): Promise<Schema> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new IceboxError('source/not-found', {
      message: `the schema file ${path} cannot be read: ${messageOf(error)}`,
      remedy: 'check the path',
      context: { file: path },
      cause: error,
    })
  })
  const text = textOfUtf8(bytes, path)
  return text.trimStart().startsWith('{') ? schemaOfJson(text, path) : schemaOfSql(text, path, session)
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
    await session.run(`CREATE OR REPLACE TEMP TABLE icebox_schema (${definitions})`)
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

function invalid(path: string, error: unknown): IceboxError {
  if (error instanceof IceboxError && error.code === 'schema/unsupported-type') return error
  return new IceboxError('usage/invalid', {
    message: `${path} is no schema: ${messageOf(error).split('\n')[0]}`,
    remedy: 'write an Iceberg schema as JSON, or SQL column definitions like: id BIGINT NOT NULL, ts TIMESTAMP',
    context: { file: path },
    cause: error,
  })
}
