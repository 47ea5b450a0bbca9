"""A CSV or Parquet file into an Iceberg table by PyIceberg: pyiceberg_import.py append|streamed FILE FOLDER

append: the whole file as one Arrow table, then table.append. streamed: table.append of a RecordBatchReader."""

import json
import os
import sys

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as parquet
from pyiceberg.catalog.sql import SqlCatalog

mode, source, folder = sys.argv[1:4]
is_parquet = source.endswith(".parquet")
os.makedirs(folder, exist_ok=True)
catalog = SqlCatalog("icebox", uri=f"sqlite:///{folder}/catalog.sqlite", warehouse=f"file://{folder}/warehouse")
catalog.create_namespace("bench")


def create(schema: pa.Schema):
    properties = {"write.target-file-size-bytes": str(64 * 1024 * 1024)} if mode == "streamed" else {}
    return catalog.create_table("bench.imported", schema=schema, properties=properties)


try:
    if mode == "append":
        rows = parquet.read_table(source) if is_parquet else csv.read_csv(source)
        create(rows.schema).append(rows)
    else:
        if is_parquet:
            file = parquet.ParquetFile(source)
            schema, batches = file.schema_arrow, file.iter_batches()
        else:
            reader = csv.open_csv(source)
            schema, batches = reader.schema, iter(reader)
        create(schema).append(pa.RecordBatchReader.from_batches(schema, batches))
except (MemoryError, pa.ArrowMemoryError) as error:
    print(json.dumps({"error": {"code": type(error).__name__, "message": str(error), "context": {}}}))
    sys.exit(3)
table = catalog.load_table("bench.imported")
summary = table.current_snapshot().summary
print(json.dumps({"rows": int(summary["total-records"]), "files": int(summary["total-data-files"])}))
