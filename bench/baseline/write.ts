import { open } from 'node:fs/promises'
import { RecordBatch, Table, tableToIPC } from 'apache-arrow'
import { Compression, Table as WasmTable, transformParquetStream, WriterPropertiesBuilder } from 'parquet-wasm'
import type { DecodedFile } from './decode.ts'

const ROW_GROUP_ROWS = 122_880

/**
 * Writes decoded rows as one Parquet file, zstd. The batches go to the writer one by one: all at once they do not fit the
 * 4 GB that WebAssembly can address, which would only make the baseline look worse.
 */
export async function writeParquetFile(decoded: DecodedFile, path: string): Promise<number> {
  const properties = new WriterPropertiesBuilder()
    .setCompression(Compression.ZSTD)
    .setMaxRowGroupSize(ROW_GROUP_ROWS)
    .build()
  const source = ReadableStream.from(wasmBatches(decoded.batches))
  const output = await transformParquetStream(source, properties)
  const handle = await open(path, 'wx')
  let sizeBytes = 0
  try {
    for await (const piece of output as AsyncIterable<Uint8Array>) {
      for (let at = 0; at < piece.length; ) at += (await handle.write(piece, at)).bytesWritten
      sizeBytes += piece.length
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  return sizeBytes
}

function* wasmBatches(batches: readonly RecordBatch[]) {
  for (const batch of batches) {
    const table = WasmTable.fromIPCStream(tableToIPC(new Table([batch]), 'stream'))
    yield* table.recordBatches()
  }
}
