import { mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createWriteStream } from 'node:fs'
import { gzipSync } from 'node:zlib'
import avro from 'avsc'
import { type Json, printJson } from '../../../src/base/index.ts'
import type { QueryLake } from '../query-lake.ts'

/** A data file of a hand-made table, and what its manifest says of it. */
export interface ForeignFile {
  readonly path: string
  readonly rows: number
  readonly sizeBytes: number
}

const withId = (id: number, name: string, type: avro.Schema): { name: string; type: avro.Schema } =>
  Object.assign({ name, type }, { 'field-id': id })

const longMap = (
  name: string,
  [map, key, value]: readonly [number, number, number],
  item: avro.Schema,
): avro.Schema => [
  'null',
  Object.assign(
    {
      type: 'array' as const,
      items: {
        type: 'record' as const,
        name,
        fields: [withId(key, 'key', 'int'), withId(value, 'value', item)],
      },
    },
    { logicalType: 'map', 'element-id': map },
  ),
]

/** Writes a Parquet file of (id BIGINT, name VARCHAR) with field ids 1 and 2. */
export async function writeRows(lake: QueryLake, path: string, select: string): Promise<ForeignFile> {
  await mkdir(dirname(path), { recursive: true })
  await using session = await lake.engine.session()
  await session.run(`COPY (${select}) TO '${path}' (FORMAT parquet, FIELD_IDS {id: 1, name: 2})`)
  const [count] = await session.all(`SELECT count(*)::INTEGER AS n FROM '${path}'`)
  return { path, rows: Number(count?.['n']), sizeBytes: (await stat(path)).size }
}

/** Statistics of a file by field id, as a writer stores them; what is left out is not in the manifest. */
export interface Statistics {
  readonly valueCounts?: Readonly<Record<number, number>>
  readonly nullCounts?: Readonly<Record<number, number>>
  readonly lower?: Readonly<Record<number, Buffer>>
  readonly upper?: Readonly<Record<number, Buffer>>
}

const pairs = <T>(map: Readonly<Record<number, T>> | undefined) =>
  map === undefined ? null : Object.entries(map).map(([key, value]) => ({ key: Number(key), value }))

/** A manifest of format version 1 by an independent codec: no content, no sequence numbers; statistics where given. */
export async function writeV1Manifest(
  path: string,
  snapshotId: number,
  entries: readonly { readonly location: string; readonly file: ForeignFile; readonly statistics?: Statistics }[],
): Promise<number> {
  const hasStatistics = entries.some(({ statistics }) => statistics !== undefined)
  const type: avro.Schema = {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      withId(0, 'status', 'int'),
      withId(1, 'snapshot_id', ['null', 'long']),
      withId(2, 'data_file', {
        type: 'record',
        name: 'r2',
        fields: [
          withId(100, 'file_path', 'string'),
          withId(101, 'file_format', 'string'),
          withId(102, 'partition', { type: 'record', name: 'r102', fields: [] }),
          withId(103, 'record_count', 'long'),
          withId(104, 'file_size_in_bytes', 'long'),
          withId(105, 'block_size_in_bytes', 'long'),
          ...(hasStatistics
            ? [
                withId(109, 'value_counts', longMap('k119_v120', [109, 119, 120], 'long')),
                withId(110, 'null_value_counts', longMap('k121_v122', [110, 121, 122], 'long')),
                withId(125, 'lower_bounds', longMap('k126_v127', [125, 126, 127], 'bytes')),
                withId(128, 'upper_bounds', longMap('k129_v130', [128, 129, 130], 'bytes')),
              ]
            : []),
        ],
      }),
    ],
  }
  const rows = entries.map(({ location, file, statistics }) => ({
    status: 1,
    snapshot_id: snapshotId,
    data_file: {
      file_path: location,
      file_format: 'PARQUET',
      partition: {},
      record_count: file.rows,
      file_size_in_bytes: file.sizeBytes,
      block_size_in_bytes: 67_108_864,
      ...(hasStatistics && {
        value_counts: pairs(statistics?.valueCounts),
        null_value_counts: pairs(statistics?.nullCounts),
        lower_bounds: pairs(statistics?.lower),
        upper_bounds: pairs(statistics?.upper),
      }),
    },
  }))
  return writeAvro(path, type, rows)
}

/** A manifest list of format version 1 with nothing that may be left out: no counts, no partition summaries. */
export function writeV1List(
  path: string,
  snapshotId: number,
  manifest: string,
  manifestBytes: number,
): Promise<number> {
  const type: avro.Schema = {
    type: 'record',
    name: 'manifest_file',
    fields: [
      withId(500, 'manifest_path', 'string'),
      withId(501, 'manifest_length', 'long'),
      withId(502, 'partition_spec_id', 'int'),
      withId(503, 'added_snapshot_id', ['null', 'long']),
    ],
  }
  return writeAvro(path, type, [
    { manifest_path: manifest, manifest_length: manifestBytes, partition_spec_id: 0, added_snapshot_id: snapshotId },
  ])
}

async function writeAvro(path: string, type: avro.Schema, rows: readonly unknown[]): Promise<number> {
  await mkdir(dirname(path), { recursive: true })
  const encoder = new avro.streams.BlockEncoder(avro.Type.forSchema(type, { wrapUnions: false }), { codec: 'deflate' })
  const written = pipeline(encoder, createWriteStream(path))
  for (const row of rows) encoder.write(row)
  encoder.end()
  await written
  return (await stat(path)).size
}

/** Writes a metadata file, packed where its name says so. */
export async function writeMetadata(folder: string, name: string, document: Json): Promise<string> {
  const path = join(folder, 'metadata', name)
  await mkdir(dirname(path), { recursive: true })
  const text = printJson(document)
  await writeFile(path, name.includes('.gz') ? gzipSync(text) : text)
  return path
}

/** (id BIGINT, name VARCHAR), the same in every hand-made table. */
export const FIELDS: Json = [
  { id: 1, name: 'id', required: false, type: 'long' },
  { id: 2, name: 'name', required: false, type: 'string' },
]
